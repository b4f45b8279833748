// Types of coatcheck/jwt. Those of jsonwebtoken's functions have the names of @types/jsonwebtoken.
import type { createPrivateKey, createPublicKey, KeyObject } from 'node:crypto';
import type { EventEmitter } from 'node:events';

/** A JSON Web Key (RFC 7517). */
export interface JsonWebKey {
  kty?: string;
  [parameter: string]: unknown;
}
export interface JwtPayload {
  // biome-ignore lint/suspicious/noExplicitAny: as in @types/jsonwebtoken
  [claim: string]: any;
  iss?: string | undefined;
  sub?: string | undefined;
  aud?: string | string[] | undefined;
  exp?: number | undefined;
  nbf?: number | undefined;
  iat?: number | undefined;
  jti?: string | undefined;
}
export type Claims = JwtPayload;
export interface JwtHeader {
  [member: string]: unknown;
  alg: string;
  typ?: string | undefined;
  cty?: string | undefined;
  crit?: string[] | undefined;
  kid?: string | undefined;
  jku?: string | undefined;
  x5u?: string | string[] | undefined;
  'x5t#S256'?: string | undefined;
  x5t?: string | undefined;
  x5c?: string | string[] | undefined;
}
export interface Jwt {
  header: JwtHeader;
  payload: JwtPayload | string;
  signature: string;
}
// `input`: what the signature is of.
export interface Complete<P = Claims> {
  header: JwtHeader;
  payload: P;
  signature: string;
  input: string;
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
export type PublicKey = Secret | Parameters<typeof createPublicKey>[0];
export type PrivateKey = Secret | Parameters<typeof createPrivateKey>[0];
export type Algorithm = SignatureAlgorithm | 'none';

// jsonwebtoken's functions.
type Options<T> = { [Name in keyof T]?: T[Name] | undefined };
export interface SignOptions
  extends Options<{
    algorithm: Algorithm;
    expiresIn: number | string;
    notBefore: number | string;
    audience: string | string[];
    issuer: string;
    subject: string;
    jwtid: string;
    noTimestamp: boolean;
    header: object;
    keyid: string;
    encoding: string;
    mutatePayload: boolean;
    allowInsecureKeySizes: boolean;
    allowInvalidAsymmetricKeyTypes: boolean;
  }> {}
export interface VerifyOptions
  extends Options<{
    algorithms: Algorithm[];
    audience: string | RegExp | (string | RegExp)[];
    complete: boolean;
    issuer: string | string[];
    jwtid: string;
    ignoreExpiration: boolean;
    ignoreNotBefore: boolean;
    subject: string;
    clockTolerance: number;
    maxAge: number | string;
    clockTimestamp: number;
    nonce: string;
    allowInsecureKeySizes: boolean;
    allowInvalidAsymmetricKeyTypes: boolean;
  }> {}
export interface DecodeOptions extends Options<{ complete: boolean; json: boolean }> {}
export type VerifyErrors = JsonWebTokenError | NotBeforeError | TokenExpiredError;
export type SignCallback = (error: Error | null, token?: string) => void;
export type VerifyCallback<T = Jwt | JwtPayload | string> = (error: VerifyErrors | null, decoded?: T) => void;
export type SigningKeyCallback = (error: Error | null, key?: PublicKey) => void;
export type GetPublicKeyOrSecret = (header: JwtHeader, callback: SigningKeyCallback) => void;
type Payload = string | Uint8Array | object;
type Whole = VerifyOptions & { complete: true };
type Plain = VerifyOptions & { complete?: false };

export function sign(payload: Payload, secret: PrivateKey, options?: SignOptions): string;
export function sign(payload: Payload, secret: null | undefined, options?: SignOptions & { algorithm: 'none' }): string;
export function sign(payload: Payload, secret: PrivateKey, callback: SignCallback): void;
export function sign(payload: Payload, secret: PrivateKey, options: SignOptions, callback: SignCallback): void;
export function sign(
  payload: Payload,
  secret: null | undefined,
  options: SignOptions & { algorithm: 'none' },
  callback: SignCallback,
): void;
export function signAsync(payload: Payload, secret: PrivateKey, options?: SignOptions): Promise<string>;
// A payload that was signed as a text comes back as that text: look at typeof.
export function verify(token: string, secret: PublicKey, options: Whole): Jwt;
export function verify(token: string, secret: PublicKey, options?: Plain): JwtPayload | string;
export function verify(token: string, secret: PublicKey, options?: VerifyOptions): Jwt | JwtPayload | string;
type FindKey = PublicKey | GetPublicKeyOrSecret;
type ClaimsCallback = VerifyCallback<JwtPayload | string>;
export function verify(token: string, secret: FindKey, callback?: ClaimsCallback): void;
export function verify(token: string, secret: FindKey, options: Whole, callback?: VerifyCallback<Jwt>): void;
export function verify(token: string, secret: FindKey, options?: Plain, callback?: ClaimsCallback): void;
export function verify(token: string, secret: FindKey, options?: VerifyOptions, callback?: VerifyCallback): void;
type PromisedKey = PublicKey | ((header: JwtHeader) => PublicKey | Promise<PublicKey>);
export function verifyAsync(token: string, secret: PromisedKey, options: Whole): Promise<Jwt>;
export function verifyAsync(token: string, secret: PromisedKey, options?: Plain): Promise<JwtPayload | string>;
export function decode(token: string, options: DecodeOptions & { complete: true }): null | Jwt;
export function decode(token: string, options: DecodeOptions & { json: true }): null | JwtPayload;
export function decode(token: string, options?: DecodeOptions): null | JwtPayload | string;

// One function for one key and policy.
type Callback<T> = (error: Error | null, value?: T) => void;
// A key function returns the key or a promise of it, or calls back.
// biome-ignore lint/suspicious/noConfusingVoidType: who calls back returns nothing
type Finds<T, K> = (token: T, callback: Callback<K>) => K | Promise<K> | undefined | void;
export type SignerKeyFunction = Finds<{ header: object; payload: object }, Secret>;
export interface SignerOptions {
  key: Secret | SignerKeyFunction;
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
export interface AsyncSigner {
  (payload: object): Promise<string>;
  (payload: object, callback: Callback<string>): void;
}
export function createSigner(options: SignerOptions & { key: SignerKeyFunction }): AsyncSigner;
export function createSigner(options: SignerOptions & { async: true }): (payload: object) => Promise<string>;
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
  /** Take `iss`, `sub`, `jti` and `aud` of any type (`sub: 42`), as `sign()` and `createSigner()` sign them, where nothing is expected of them. RFC 7519 has strings there: without it such a token is refused. */
  looseTypes?: boolean;
}
export type VerifierKey = Secret | Key[] | KeySet;
export type KeyFunction = Finds<Complete, VerifierKey>; // nothing of the token is verified yet
type Checked<O> = O extends { complete: true } ? Complete : Claims;
export interface Verifier<T> {
  (token: string | Buffer): T;
  cacheStats(): { hits: number; misses: number; entries: number };
  clearCache(): void;
}
export interface AsyncVerifier<T> {
  (token: string | Buffer): Promise<T>;
  (token: string | Buffer, callback: Callback<T>): void;
}
export function createVerifier<O extends PolicyOptions>(
  options: O & { key: RemoteJwks | KeyFunction },
): AsyncVerifier<Checked<O>>;
export function createVerifier<O extends PolicyOptions>(options: O & { key: VerifierKey }): Verifier<Checked<O>>;
export function createDecoder(options: { complete: true; checkTyp?: string }): (token: string | Buffer) => Complete;
export function createDecoder(options?: { complete?: false; checkTyp?: string }): (token: string | Buffer) => Claims;

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
export class RemoteJwks extends EventEmitter {
  private constructor();
  readonly lastError: Error | undefined;
  keys(kid?: string): Promise<KeySet>;
  /** Members of the set that are of no use, one line each; told once. Without a listener it is a process warning. */
  on(event: 'skipped', listener: (error: CoatcheckError, lines: string[]) => void): this;
  on(event: string | symbol, listener: (...args: unknown[]) => void): this;
  once(event: 'skipped', listener: (error: CoatcheckError, lines: string[]) => void): this;
  once(event: string | symbol, listener: (...args: unknown[]) => void): this;
}
export function createRemoteJwks(url: string | URL, options?: RemoteJwksOptions): RemoteJwks;

export class CoatcheckError extends Error {
  code: string;
  status: number;
}
export class JsonWebTokenError extends CoatcheckError {
  constructor(message: string, inner?: Error);
  inner: Error;
  claim?: string;
  reason?: string;
}
export class TokenExpiredError extends JsonWebTokenError {
  constructor(message: string, expiredAt?: Date);
  expiredAt: Date;
}
export class NotBeforeError extends JsonWebTokenError {
  constructor(message: string, date?: Date);
  date: Date;
}
