// Types of coatcheck/iron-session, with the names of iron-session's.

/// <reference types="node" />
import type { IncomingMessage, ServerResponse } from 'node:http';

/** The newest, by its number, seals; all unseal. Each has 32 characters or more. */
export type Password = string | Record<string, string>;

/** The options of a cookie; `maxAge` in seconds. */
export interface CookieOptions {
  domain?: string | undefined;
  /** Default '/'. */
  path?: string | undefined;
  expires?: Date | undefined;
  /** Seconds. Default: `ttl` less a minute. Undefined, if given: until the browser's session ends. */
  maxAge?: number | undefined;
  /** Default true. */
  httpOnly?: boolean | undefined;
  /** Default true. */
  secure?: boolean | undefined;
  /** Default 'lax'. */
  sameSite?: boolean | 'lax' | 'strict' | 'none' | undefined;
  priority?: 'low' | 'medium' | 'high' | undefined;
  partitioned?: boolean | undefined;
}

export interface SealOptions {
  password: Password;
  /** Seconds until the seal ends; 0: never. Default 14 days. */
  ttl?: number | undefined;
  /** 'iron': as iron-session seals, which is slower and says nothing of its purpose. Default 'coatcheck'. */
  format?: 'coatcheck' | 'iron' | undefined;
}

export interface SessionOptions extends SealOptions {
  cookieName: string;
  cookieOptions?: CookieOptions | undefined;
  /** A session that is too large for one cookie goes into up to four. Default false. */
  chunk?: boolean | undefined;
  /** A cookie came that is no session, and why. */
  onUnsealError?: ((reason: 'expired' | 'invalid' | 'unknown-password') => void) | undefined;
}

export type IronSession<T> = T & {
  /** Seals the data and sets the cookie; before the headers are sent. After destroy() it does nothing. */
  readonly save: () => Promise<void>;
  /** Empties the session and clears its cookie. */
  readonly destroy: () => void;
  /** Other options from now on; save() is still to be called. */
  readonly updateConfig: (options: SessionOptions) => void;
};

/** What `cookies()` of Next.js gives. */
export interface CookieStore {
  get(name: string): { name: string; value: string } | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: Next.js' own overloads
  set(...args: any[]): unknown;
}

export function sealData(data: unknown, options: SealOptions): Promise<string>;
/** The data; {} for a seal that has ended, or that no password opens. */
export function unsealData<T>(seal: string, options: SealOptions): Promise<T>;
export function getIronSession<T extends object>(
  cookies: CookieStore | Promise<CookieStore>,
  options: SessionOptions,
): Promise<IronSession<T>>;
export function getIronSession<T extends object>(
  req: IncomingMessage | Request,
  res: ServerResponse | Response,
  options: SessionOptions,
): Promise<IronSession<T>>;
