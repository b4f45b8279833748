// Types of coatcheck/bearer.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type {
  CacheOptions,
  Claims,
  CoatcheckError,
  JwtHeader,
  KeyFunction,
  RemoteJwks,
  SignatureAlgorithm,
  VerifierKey,
} from './jwt.js';

export interface Auth {
  claims: Claims;
  header: JwtHeader;
}
export interface BearerOptions {
  key?: VerifierKey | KeyFunction;
  jwks?: RemoteJwks;
  verifier?: (token: string) => unknown;
  algorithms?: SignatureAlgorithm[];
  issuer?: string | string[];
  audience?: string | string[] | false;
  typ?: string | string[];
  scopes?: string | string[];
  cookie?: string;
  getToken?: (req: IncomingMessage) => string | null | undefined | Promise<string | null | undefined>;
  isRevoked?: (req: IncomingMessage, auth: Auth) => boolean | Promise<boolean>;
  optional?: boolean;
  realm?: string;
  cache?: boolean | number | CacheOptions;
  cacheTTL?: number;
  clockTimestamp?: number;
  clockTolerance?: number;
  maxAge?: number | string;
  requiredClaims?: string[];
  maxTokenSize?: number;
  /** Take `iss`, `sub`, `jti` and `aud` of any type (`sub: 42`) where nothing is expected of them. */
  looseTypes?: boolean;
}
export type Middleware = (
  req: IncomingMessage & { auth?: Auth },
  res: ServerResponse,
  next: (error?: unknown) => void,
) => void;
export function bearer(options: BearerOptions): Middleware;
export function requireScope(...scopes: (string | string[])[]): Middleware;
export class BearerError extends CoatcheckError {
  statusCode: number;
  headers?: { 'WWW-Authenticate': string };
}
