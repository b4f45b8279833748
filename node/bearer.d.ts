// Types of coatcheck/bearer.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type {
  CacheOptions,
  Claims,
  CoatcheckError,
  JwtHeader,
  RemoteJwks,
  SignatureAlgorithm,
  VerifierKey,
} from './jwt.js';

export interface Auth {
  claims: Claims;
  header: JwtHeader;
}
export interface BearerOptions {
  key?: VerifierKey | ((header: JwtHeader) => VerifierKey | Promise<VerifierKey>);
  jwks?: RemoteJwks;
  verifier?: (token: string) => unknown;
  algorithms?: SignatureAlgorithm[];
  issuer?: string | string[];
  audience?: string | string[] | false;
  typ?: string | string[];
  scopes?: string | string[];
  cookie?: string;
  optional?: boolean;
  realm?: string;
  cache?: boolean | number | CacheOptions;
  cacheTTL?: number;
  clockTimestamp?: number;
  clockTolerance?: number;
  maxAge?: number | string;
  requiredClaims?: string[];
  maxTokenSize?: number;
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
