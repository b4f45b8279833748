// Types of coatcheck/fast-jwt, with the names of fast-jwt's.

/// <reference types="node" />

export type Algorithm =
  | 'none'
  | 'HS256'
  | 'HS384'
  | 'HS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'EdDSA';

export type TokenValidationErrorCode = (typeof TOKEN_ERROR_CODES)[keyof typeof TOKEN_ERROR_CODES];

export declare const TOKEN_ERROR_CODES: {
  readonly invalidType: 'FAST_JWT_INVALID_TYPE';
  readonly invalidOption: 'FAST_JWT_INVALID_OPTION';
  readonly invalidAlgorithm: 'FAST_JWT_INVALID_ALGORITHM';
  readonly invalidClaimType: 'FAST_JWT_INVALID_CLAIM_TYPE';
  readonly invalidClaimValue: 'FAST_JWT_INVALID_CLAIM_VALUE';
  readonly invalidKey: 'FAST_JWT_INVALID_KEY';
  readonly invalidSignature: 'FAST_JWT_INVALID_SIGNATURE';
  readonly invalidPayload: 'FAST_JWT_INVALID_PAYLOAD';
  readonly malformed: 'FAST_JWT_MALFORMED';
  readonly inactive: 'FAST_JWT_INACTIVE';
  readonly expired: 'FAST_JWT_EXPIRED';
  readonly missingKey: 'FAST_JWT_MISSING_KEY';
  readonly keyFetchingError: 'FAST_JWT_KEY_FETCHING_ERROR';
  readonly signError: 'FAST_JWT_SIGN_ERROR';
  readonly verifyError: 'FAST_JWT_VERIFY_ERROR';
  readonly missingRequiredClaim: 'FAST_JWT_MISSING_REQUIRED_CLAIM';
  readonly missingSignature: 'FAST_JWT_MISSING_SIGNATURE';
  readonly invalidCritHeader: 'FAST_JWT_INVALID_CRIT_HEADER';
};

export declare class TokenError extends Error {
  static readonly codes: typeof TOKEN_ERROR_CODES;
  static wrap(originalError: Error, code: TokenValidationErrorCode, message: string): TokenError;
  constructor(code: string, message?: string, additional?: { [key: string]: unknown });
  code: TokenValidationErrorCode;
  [key: string]: unknown;
}

// biome-ignore lint/suspicious/noExplicitAny: the token's own members
export type JwtHeader = { alg: Algorithm; typ?: string; kid?: string; crit?: string[]; [name: string]: any };
// biome-ignore lint/suspicious/noExplicitAny: likewise
export type DecodedJwt = { header: JwtHeader; payload: any; signature: string; input: string };

type Bufferable = string | Buffer;
export type KeyCallback = (error: Error | null, key?: Bufferable) => void;
export type KeyFetcher = (
  decoded: DecodedJwt,
  callback: KeyCallback,
  // biome-ignore lint/suspicious/noConfusingVoidType: a key function calls back or answers a promise
) => Promise<Bufferable> | void;
export type PrivateKey = Bufferable | { key: Bufferable; passphrase: string };

// biome-ignore lint/suspicious/noExplicitAny: the token's own claims
type SignedPayload = { [claim: string]: any };
export type SignerSync = (payload: SignedPayload) => string;
export type SignerAsync = {
  (payload: SignedPayload): Promise<string>;
  (payload: SignedPayload, callback: (error: Error | null, token?: string) => void): void;
};

export interface SignerOptions {
  algorithm?: Algorithm;
  mutatePayload?: boolean;
  /** Milliseconds, or a text such as '1h'. */
  expiresIn?: number | string;
  /** Milliseconds, or a text. */
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
  /** Milliseconds since the epoch, in place of the clock. */
  clockTimestamp?: number;
}

// biome-ignore lint/suspicious/noExplicitAny: the token's own claims
export type VerifierSync = (token: Bufferable) => any;
export type VerifierAsync = {
  // biome-ignore lint/suspicious/noExplicitAny: likewise
  (token: Bufferable): Promise<any>;
  // biome-ignore lint/suspicious/noExplicitAny: likewise
  (token: Bufferable, callback: (error: Error | null, payload?: any) => void): void;
};

type Allowed = string | RegExp | (string | RegExp)[];
export interface VerifierOptions {
  algorithms?: Algorithm[];
  complete?: boolean;
  /** Verified tokens are remembered: 1,000, or as many as are said. Default false. */
  cache?: boolean | number;
  /** Milliseconds. Default 600,000. */
  cacheTTL?: number;
  /** Milliseconds; -1: errors are not remembered. */
  errorCacheTTL?: number | ((error: TokenError) => number);
  checkTyp?: string;
  clockTimestamp?: number;
  /** Milliseconds. */
  clockTolerance?: number;
  ignoreExpiration?: boolean;
  ignoreNotBefore?: boolean;
  /** Milliseconds. */
  maxAge?: number;
  allowedJti?: Allowed;
  allowedAud?: Allowed;
  allowedIss?: Allowed;
  allowedSub?: Allowed;
  allowedNonce?: Allowed;
  requiredClaims?: string[];
  allowedCritHeaders?: string[];
  cacheKeyBuilder?: (token: string) => string;
}

export interface DecoderOptions {
  complete?: boolean;
  checkTyp?: string;
}

export declare function createSigner(options?: Partial<SignerOptions & { key: Bufferable | PrivateKey }>): SignerSync;
export declare function createSigner(options: Partial<SignerOptions & { key: KeyFetcher }>): SignerAsync;
export declare function createDecoder(
  options?: Partial<DecoderOptions>,
  // biome-ignore lint/suspicious/noExplicitAny: the token's own claims
): (token: Bufferable) => any;
export declare function createVerifier(options?: Partial<VerifierOptions & { key: Bufferable }>): VerifierSync;
export declare function createVerifier(options: Partial<VerifierOptions & { key: KeyFetcher }>): VerifierAsync;
