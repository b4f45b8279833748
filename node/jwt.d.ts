// Types of coatcheck/jwt.
import type { JsonWebKey, KeyObject } from 'node:crypto';

export interface Claims {
  [claim: string]: unknown;
  iss?: string;
  sub?: string;
  aud?: string | string[];
  exp?: number;
  nbf?: number;
  iat?: number;
  jti?: string;
}
export interface JwtHeader {
  [member: string]: unknown;
  alg: string;
  typ?: string;
  cty?: string;
  kid?: string;
}
export interface Complete<P = Claims> {
  header: JwtHeader;
  payload: P;
  signature: string;
}

export type SignatureAlgorithm =
  | 'HS256'
  | 'HS384'
  | 'HS512'
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'ES256K'
  | 'EdDSA'
  | 'Ed25519'
  | 'Ed448';
export type KeyAlgorithm =
  | 'dir'
  | 'A128KW'
  | 'A192KW'
  | 'A256KW'
  | 'A128GCMKW'
  | 'A192GCMKW'
  | 'A256GCMKW'
  | 'RSA-OAEP'
  | 'RSA-OAEP-256'
  | 'ECDH-ES'
  | 'ECDH-ES+A128KW'
  | 'ECDH-ES+A192KW'
  | 'ECDH-ES+A256KW'
  | 'PBES2-HS256+A128KW'
  | 'PBES2-HS384+A192KW'
  | 'PBES2-HS512+A256KW';
export type ContentEncryption = 'A128GCM' | 'A192GCM' | 'A256GCM' | 'A128CBC-HS256' | 'A192CBC-HS384' | 'A256CBC-HS512';

export type Secret =
  | string
  | Uint8Array
  | KeyObject
  | Key
  | {
      key: string | Uint8Array | JsonWebKey;
      passphrase?: string | Uint8Array;
      format?: 'pem' | 'der' | 'jwk';
      type?: string;
    };
export type GetKey = (header: JwtHeader, callback: (error: Error | null, key?: Secret) => void) => void;

// jsonwebtoken's functions.
export interface SignOptions {
  algorithm?: SignatureAlgorithm | 'none';
  expiresIn?: number | string;
  notBefore?: number | string;
  audience?: string | string[];
  issuer?: string;
  subject?: string;
  jwtid?: string;
  noTimestamp?: boolean;
  header?: Record<string, unknown>;
  keyid?: string;
  encoding?: BufferEncoding;
  mutatePayload?: boolean;
  allowInsecureKeySizes?: boolean;
  allowInvalidAsymmetricKeyTypes?: boolean;
}
export interface VerifyOptions {
  algorithms?: SignatureAlgorithm[];
  audience?: string | RegExp | (string | RegExp)[];
  complete?: boolean;
  issuer?: string | string[];
  jwtid?: string;
  ignoreExpiration?: boolean;
  ignoreNotBefore?: boolean;
  subject?: string;
  clockTolerance?: number;
  maxAge?: number | string;
  clockTimestamp?: number;
  nonce?: string;
  allowInvalidAsymmetricKeyTypes?: boolean;
}
type Verified<O> = O extends { complete: true } ? Complete : Claims;
export type SignCallback = (error: Error | null, token?: string) => void;
export type VerifyCallback<T = Claims> = (error: JsonWebTokenError | null, decoded?: T) => void;

export function sign(
  payload: string | Uint8Array | object,
  secret: Secret | null | undefined,
  options?: SignOptions,
): string;
export function sign(payload: string | Uint8Array | object, secret: Secret, callback: SignCallback): void;
export function sign(
  payload: string | Uint8Array | object,
  secret: Secret,
  options: SignOptions,
  callback: SignCallback,
): void;
export function signAsync(
  payload: string | Uint8Array | object,
  secret: Secret,
  options?: SignOptions,
): Promise<string>;
// The payload of a text that was signed as it is comes back as that text: check typeof where you sign such.
export function verify<O extends VerifyOptions>(token: string, secret: Secret, options?: O): Verified<O>;
export function verify(token: string, secret: Secret | GetKey, callback: VerifyCallback): void;
export function verify<O extends VerifyOptions>(
  token: string,
  secret: Secret | GetKey,
  options: O,
  callback: VerifyCallback<Verified<O>>,
): void;
export function verifyAsync<O extends VerifyOptions>(
  token: string,
  secret: Secret | ((header: JwtHeader) => Secret | Promise<Secret>),
  options?: O,
): Promise<Verified<O>>;
export function decode(token: string, options: { complete: true; json?: boolean }): Complete<Claims | string> | null;
export function decode(token: string, options?: { complete?: false; json?: boolean }): Claims | string | null;

// One function for one key and policy.
export interface SignerOptions {
  key: Secret | ((payload: object) => Secret | Promise<Secret>);
  algorithm?: SignatureAlgorithm;
  expiresIn?: number | string;
  notBefore?: number | string;
  jti?: string;
  aud?: string | string[];
  iss?: string;
  sub?: string;
  nonce?: string;
  kid?: string;
  typ?: string;
  header?: Record<string, unknown>;
  noTimestamp?: boolean;
  mutatePayload?: boolean;
  clockTimestamp?: number;
  async?: boolean;
}
export function createSigner(options: SignerOptions & { async: true }): (payload: object) => Promise<string>;
export function createSigner(options: SignerOptions & { key: () => unknown }): (payload: object) => Promise<string>;
export function createSigner(options: SignerOptions & { key: Secret }): (payload: object) => string;

type Allowed = string | RegExp | (string | RegExp)[] | undefined;
export interface CacheOptions {
  entries?: number;
  ttl?: number;
  symmetric?: boolean;
}
export interface PolicyOptions {
  algorithms?: SignatureAlgorithm[];
  complete?: boolean;
  cache?: boolean | number | CacheOptions;
  cacheTTL?: number;
  checkTyp?: string | string[] | undefined;
  clockTimestamp?: number;
  clockTolerance?: number;
  ignoreExpiration?: boolean;
  ignoreNotBefore?: boolean;
  checkIssuedAt?: boolean;
  maxAge?: number | string;
  allowedJti?: Allowed;
  allowedAud?: Allowed;
  allowedIss?: Allowed;
  allowedSub?: Allowed;
  allowedNonce?: Allowed;
  requiredClaims?: string[];
  expectedClaims?: Record<string, string>;
  refuseAudience?: boolean;
  maxTokenSize?: number;
}
export type VerifierKey = Secret | Key[] | KeySet;
export interface Verifier<T> {
  (token: string | Buffer): T;
  cacheStats(): { hits: number; misses: number; entries: number };
  clearCache(): void;
}
export function createVerifier<O extends PolicyOptions>(options: O & { key: VerifierKey }): Verifier<Verified<O>>;
export function createVerifier<O extends PolicyOptions>(
  options: O & { key: RemoteJwks | ((header: JwtHeader) => VerifierKey | Promise<VerifierKey>) },
): (token: string | Buffer) => Promise<Verified<O>>;
export function createDecoder(options: { complete: true; checkTyp?: string }): (token: string) => Complete;
export function createDecoder(options?: { complete?: false; checkTyp?: string }): (token: string) => Claims;

// Typed keys.
export class Key {
  private constructor();
  readonly type: 'oct' | 'RSA' | 'EC' | 'OKP';
  readonly alg: SignatureAlgorithm | KeyAlgorithm;
  readonly kid: string | undefined;
  readonly crv: string | undefined;
  readonly enc: ContentEncryption | undefined;
  readonly bits: number;
  readonly isPrivate: boolean;
  publicKey(): Key;
}
export class KeySet {
  private constructor();
  readonly keys: Key[];
  readonly skipped: string[];
  readonly size: number;
  toJwks(options?: { private?: boolean }): { keys: JsonWebKey[] };
}
export interface ImportOptions {
  alg?: SignatureAlgorithm | KeyAlgorithm;
  kid?: string;
}
export interface ImportAs extends ImportOptions {
  alg: SignatureAlgorithm | KeyAlgorithm;
}
export function generateKey(
  alg: SignatureAlgorithm | KeyAlgorithm,
  options?: { kid?: string; bits?: number; crv?: 'P-256' | 'P-384' | 'P-521' | 'X25519'; enc?: ContentEncryption },
): Key;
export function importJwk(jwk: JsonWebKey | string, options?: ImportOptions): Key;
export function importPem(pem: string | Uint8Array, options: ImportAs & { passphrase?: string | Uint8Array }): Key;
export function importSecret(secret: string | Uint8Array, options: ImportAs & { allowShortSecret?: boolean }): Key;
export function importKeyObject(key: KeyObject, options: ImportAs & { allowShortSecret?: boolean }): Key;
export function importJwks(
  jwks: { keys: JsonWebKey[] } | string,
  options?: { publicOnly?: boolean; defaultAlgorithms?: string[] },
): KeySet;
export function createKeySet(keys: Key[]): KeySet;
export function exportJwk(key: Key, options?: { private?: boolean }): JsonWebKey;
export function exportPem(key: Key, options?: { private?: boolean }): string;
export function thumbprint(key: Key): string;

// Encryption.
export interface EncryptOptions {
  enc?: ContentEncryption;
  header?: Record<string, unknown>;
  apu?: Uint8Array;
  apv?: Uint8Array;
  passwordCount?: number;
}
export interface DecryptOptions {
  encryptions?: ContentEncryption[];
  maxTokenSize?: number;
  allowPassword?: boolean;
  maxPasswordCount?: number;
}
export interface Decrypted<P> {
  plaintext: P;
  header: JwtHeader;
  kid: string | undefined;
}
export function encrypt(plaintext: string | Uint8Array | object, key: Key, options?: EncryptOptions): string;
export function decrypt(token: string, key: Key | KeySet, options: DecryptOptions & { text: true }): Decrypted<string>;
export function decrypt(token: string, key: Key | KeySet, options?: DecryptOptions): Decrypted<Buffer>;
export function signEncrypt<T extends string | Promise<string>>(
  claims: object,
  signer: (payload: object) => T,
  key: Key,
  options?: EncryptOptions,
): T;
export function decryptVerify<T>(
  token: string,
  key: Key | KeySet,
  verifier: (token: string) => T,
  options?: DecryptOptions,
): T;

// JWS of any bytes.
export interface JwsVerified {
  payload: Buffer;
  header: JwtHeader;
  unprotected: Record<string, unknown> | undefined;
  kid: string | undefined;
}
export interface JwsSignOptions {
  header?: Record<string, unknown>;
  detached?: boolean;
  unencoded?: boolean;
}
export const jws: {
  sign(payload: string | Uint8Array, key: Key, options: JwsSignOptions & { async: true }): Promise<string>;
  sign(payload: string | Uint8Array, key: Key, options?: JwsSignOptions): string;
  verify(
    token: string,
    key: Key | KeySet,
    options?: { payload?: string | Uint8Array; allowUnencoded?: boolean; maxTokenSize?: number },
  ): JwsVerified;
  signJson(
    payload: string | Uint8Array,
    signers: { key: Key; header?: object; unprotected?: object }[],
    options?: { flattened?: boolean },
  ): string;
  verifyJson(
    text: string,
    key: Key | KeySet,
    options?: { any?: boolean; allowUnencoded?: boolean; maxTokenSize?: number },
  ): JwsVerified[];
};

// Key sets at a URL. Times are milliseconds.
export interface RemoteJwksOptions {
  allowHttp?: boolean;
  algorithms?: SignatureAlgorithm[];
  defaultAge?: number;
  leastAge?: number;
  greatestAge?: number;
  staleFor?: number;
  cooldown?: number;
  timeout?: number;
  maxBytes?: number;
  headers?: Record<string, string>;
  fetch?: typeof fetch;
}
export class RemoteJwks {
  private constructor();
  readonly lastError: Error | undefined;
  keys(kid?: string): Promise<KeySet>;
}
export function createRemoteJwks(url: string | URL, options?: RemoteJwksOptions): RemoteJwks;

export class CoatcheckError extends Error {
  code: string;
  status: number;
}
export class JsonWebTokenError extends CoatcheckError {
  constructor(message: string, inner?: Error);
  inner?: Error;
  claim?: string;
  reason?: string;
}
export class TokenExpiredError extends JsonWebTokenError {
  constructor(message: string, expiredAt?: Date);
  expiredAt: Date | undefined;
}
export class NotBeforeError extends JsonWebTokenError {
  constructor(message: string, date?: Date);
  date: Date | undefined;
}
