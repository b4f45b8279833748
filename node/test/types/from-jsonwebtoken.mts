// Compiled, never run: what an application wrote against @types/jsonwebtoken still compiles when it takes coatcheck/jwt.
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import jwt, {
  type Algorithm,
  type DecodeOptions,
  type GetPublicKeyOrSecret,
  JsonWebTokenError,
  type Jwt,
  type JwtHeader,
  type JwtPayload,
  NotBeforeError,
  type PrivateKey,
  type PublicKey,
  type Secret,
  type SignCallback,
  type SigningKeyCallback,
  type SignOptions,
  TokenExpiredError,
  type VerifyCallback,
  type VerifyErrors,
  type VerifyOptions,
} from '../../jwt.js';

interface User extends JwtPayload {
  id: number;
}
const algorithm: Algorithm = 'RS256';
const secret: Secret = process.env.SECRET ?? 'secret';
const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
const signing: SignOptions = { algorithm, expiresIn: '1h', header: { alg: 'RS256', kid: 'k' }, audience: undefined };
const priv: PrivateKey = { key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }), passphrase: 'p' };
const open: PublicKey = createPublicKey(pair.publicKey.export({ type: 'spki', format: 'pem' }));
const token = jwt.sign({ id: 1 }, priv, signing);
const signed: SignCallback = (error, encoded) => [error?.message, encoded?.length];
jwt.sign('text', Buffer.from('secret'), signed);
jwt.sign({ id: 1 }, null, { algorithm: 'none' });
jwt.sign({ id: 1 }, { key: 'pem', passphrase: 'p' }, { algorithm: 'ES256' }, signed);

const verifying: VerifyOptions = {
  algorithms: ['RS256'],
  audience: [/a/, 'b'],
  issuer: ['i'],
  maxAge: '1d',
  nonce: 'n',
};
const either: Jwt | JwtPayload | string = jwt.verify(token, open, verifying);
const user = jwt.verify(token, secret) as User;
const id: number = user.id;
const decoded = jwt.verify(token, secret, { algorithms: ['HS256'] });
if (typeof decoded === 'string') decoded.toUpperCase();
else decoded.roles.includes('admin');
const whole: Jwt = jwt.verify(token, secret, { complete: true });
const first: string | undefined = whole.header.x5c?.[0];

const getKey: GetPublicKeyOrSecret = (header: JwtHeader, callback: SigningKeyCallback) => {
  if (header.kid === undefined) return callback(new Error('no kid'));
  return callback(null, open);
};
const verified: VerifyCallback<JwtPayload | string> = (error: VerifyErrors | null, payload) => {
  if (error instanceof TokenExpiredError) error.expiredAt.getTime();
  else if (error instanceof NotBeforeError) error.date.toISOString();
  else if (error instanceof JsonWebTokenError) error.inner.message.trim();
  else if (typeof payload === 'object') payload.sub?.trim();
};
jwt.verify(token, getKey, verified);
jwt.verify(token, getKey, { algorithms: ['RS256'] }, verified);
jwt.verify(token, getKey, { complete: true }, (_error, one) => one?.header.kid);
jwt.verify(token, secret, (error, payload) => (error ? undefined : (payload as User).id));

const options: DecodeOptions = { complete: true };
const parts = jwt.decode(token, { complete: true });
const kid = parts?.header.kid;
const json: JwtPayload | null = jwt.decode(token, { json: true });
const any = jwt.decode(token, options) as JwtPayload;
new TokenExpiredError('jwt expired', new Date());
new JsonWebTokenError('invalid', new Error('inner'));

export { any, either, first, id, json, kid };
