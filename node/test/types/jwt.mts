// Compiled, never run: what TypeScript must take and refuse of coatcheck/jwt and coatcheck/bearer.
import { bearer, requireScope } from '../../bearer.js';

import jwt = require('../../jwt.js');

const token: string = jwt.sign({ sub: 'ann' }, 'secret', { expiresIn: '1h', algorithm: 'HS256' });
const claims: jwt.JwtPayload | string = jwt.verify(token, 'secret', { audience: [/x/, 'y'] });
const kid: string | undefined = jwt.verify(token, 'secret', { complete: true }).header.kid;
jwt.verify(
  token,
  (header, give) => give(null, header.kid),
  (error, decoded) => [error?.code, decoded?.valueOf()],
);
const verify = jwt.createVerifier({ key: jwt.generateKey('ES256'), allowedIss: 'i', cache: { entries: 10 } });
const subject: string | undefined = verify(token).sub;
const remote = jwt.createVerifier({ key: jwt.createRemoteJwks('https://example.com/jwks') });
const found = jwt.createVerifier({ key: async ({ header }) => jwt.importJwk(`${header.kid}`), complete: true });
const input: Promise<string> = found(token).then((one) => one.input);
found(token, (error, one) => [error?.message, one?.signature]);
jwt.createSigner({ key: (_unsigned, give) => give(null, 'secret') })({}, (_error, made) => made?.length);
const later: Promise<jwt.Claims> = remote(token);
const plain: Buffer = jwt.decrypt(jwt.encrypt({ a: 1 }, jwt.generateKey('dir')), jwt.generateKey('dir')).plaintext;
bearer({ key: 'secret', audience: false, scopes: ['read'], getToken: () => null, isRevoked: async () => false });
requireScope('a', 'b');
// @ts-expect-error an algorithm that is none
jwt.sign({}, 'secret', { algorithm: 'HS1' });
// @ts-expect-error an option that is none
bearer({ key: 'secret', audiense: 'x' });

export { claims, input, kid, later, plain, subject };
