// Types of coatcheck/cookie-session. What `req.session` is says the program: with @types/cookie-session that package's
// declarations go on to hold, else
//
//   declare global {
//     namespace Express {
//       interface Request { session: CookieSessionObject | null }
//     }
//   }

/// <reference types="node" />
import type { KeyObject } from 'node:crypto';
import type { AnyStore } from './v1';

declare function cookieSession(options?: cookieSession.CookieSessionOptions): cookieSession.Middleware;

declare namespace cookieSession {
  type Secret = string | Uint8Array | KeyObject;

  /** What an object needs that is given for `keys`: a Keygrip. */
  interface Keys {
    sign(data: string): string;
    index(data: string, signature: string): number;
  }

  interface CookieOptions {
    /** Milliseconds. Of a sealed cookie also its end, which the server keeps: default 24 hours. */
    maxAge?: number | undefined;
    expires?: Date | undefined;
    /** Default '/'. */
    path?: string | undefined;
    domain?: string | undefined;
    /** Default: whether the request came over TLS. */
    secure?: boolean | undefined;
    secureProxy?: boolean | undefined;
    /** Default true. */
    httpOnly?: boolean | undefined;
    sameSite?: boolean | 'lax' | 'strict' | 'none' | undefined;
    priority?: 'low' | 'medium' | 'high' | undefined;
    partitioned?: boolean | undefined;
    /** Default true. */
    signed?: boolean | undefined;
    /** Takes away cookies of the same name that the response has already. Default true. */
    overwrite?: boolean | undefined;
  }

  interface CookieSessionOptions extends CookieOptions {
    /** Default 'session'. */
    name?: string | undefined;
    /** The first signs, all verify. */
    keys?: readonly Secret[] | Keys | undefined;
    /** One key. */
    secret?: Secret | undefined;
    /** One encrypted cookie, or up to four pieces, in place of the two. Default false. */
    sealed?: boolean | undefined;
    /** Of sealed ones: read cookie-session's two cookies as well. For the time of a move: they never end by themselves. */
    acceptSigned?: boolean | undefined;
    /** Of sealed ones: where a session goes that is more than `over` bytes (default 3000) of JSON. */
    spill?: { store: string | AnyStore; over?: number; deadline?: number } | undefined;
  }

  interface CookieSessionObject {
    // biome-ignore lint/suspicious/noExplicitAny: the program's own data
    [name: string]: any;
    readonly isNew?: boolean;
    readonly isChanged?: boolean;
    readonly isPopulated?: boolean;
    save(callback: (error?: unknown) => void): void;
    save(): Promise<void>;
    /** For login: an empty session, or with `keep` its data in a new one. */
    regenerate(callback: (error?: unknown) => void): void;
    regenerate(options: { keep?: boolean }, callback: (error?: unknown) => void): void;
    regenerate(options?: { keep?: boolean }): Promise<void>;
    destroy(callback: (error?: unknown) => void): void;
    destroy(): Promise<void>;
  }

  interface CookieSessionRequest {
    session: CookieSessionObject | null;
    sessionOptions: CookieOptions;
  }

  interface Middleware {
    // biome-ignore lint/suspicious/noExplicitAny: the request is the framework's
    (req: any, res: any, next: (error?: any) => void): void;
    /** 'late': it changed after the headers had gone. 'unsent': its cookie's options let no cookie be sent. */
    // biome-ignore lint/suspicious/noExplicitAny: likewise
    on(event: 'late' | 'unsent', listener: (error: Error, req: any) => void): this;
    // biome-ignore lint/suspicious/noExplicitAny: likewise
    once(event: 'late' | 'unsent', listener: (error: Error, req: any) => void): this;
    // biome-ignore lint/suspicious/noExplicitAny: likewise
    off(event: 'late' | 'unsent', listener: (error: Error, req: any) => void): this;
  }
}

export = cookieSession;
