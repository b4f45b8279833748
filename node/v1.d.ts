// Types of coatcheck/v1, as @types/express-session has them. Your session's fields are declared by merging, for
// 'express-session' where a program has that package's types, else for 'coatcheck':
//
//   declare module 'coatcheck' {
//     interface SessionData { user: { id: string } }
//   }

/// <reference types="node" />
import type { KeyObject } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type own from './index';
import type { PeerSessionData, UnlessPeer } from './peer';

declare function session(options?: session.SessionOptions): session.Middleware;

declare namespace session {
  type OwnData = UnlessPeer<{ cookie: Cookie }, PeerSessionData>;
  interface SessionData extends OwnData, own.SessionData {}

  // biome-ignore lint/suspicious/noExplicitAny: what goes to next(err) is the application's
  type Callback = (error?: any) => void;

  interface Middleware {
    // biome-ignore lint/suspicious/noExplicitAny: the request is the framework's
    (req: any, res: any, next: (error?: any) => void): void;
    /** 'gone': the session was ended while the request was under way. 'late': it began after the headers had gone. */
    // biome-ignore lint/suspicious/noExplicitAny: likewise
    on(event: 'gone' | 'late', listener: (error: own.CoatcheckError, req: any) => void): this;
    // biome-ignore lint/suspicious/noExplicitAny: likewise
    once(event: 'gone' | 'late', listener: (error: own.CoatcheckError, req: any) => void): this;
    // biome-ignore lint/suspicious/noExplicitAny: likewise
    off(event: 'gone' | 'late', listener: (error: own.CoatcheckError, req: any) => void): this;
  }

  interface CookieOptions {
    /** Milliseconds. */
    maxAge?: number | null | undefined;
    expires?: Date | null | undefined;
    httpOnly?: boolean | undefined;
    path?: string | undefined;
    domain?: string | undefined;
    secure?: boolean | 'auto' | undefined;
    sameSite?: boolean | 'lax' | 'strict' | 'none' | 'auto' | undefined;
    partitioned?: boolean | undefined;
    priority?: 'low' | 'medium' | 'high' | undefined;
    /** Ignored, as by express-session. */
    signed?: boolean | undefined;
    /** Ignored, as by express-session. */
    encode?: ((value: string) => string) | undefined;
  }

  type Secret = string | Uint8Array | KeyObject;

  /** What is asked of a store: that of any package written for express-session will do. */
  interface AnyStore {
    // biome-ignore lint/suspicious/noExplicitAny: a store's own type of its records
    get(sid: string, callback: (error: any, session?: any) => void): void;
    // biome-ignore lint/suspicious/noExplicitAny: likewise
    set(sid: string, session: any, callback?: (error?: any) => void): void;
    // biome-ignore lint/suspicious/noExplicitAny: likewise
    destroy(sid: string, callback?: (error?: any) => void): void;
  }

  interface SessionOptions {
    /** The first signs, all verify. An array may be changed while the program runs. Default: `req.secret`. */
    secret?: Secret | Secret[] | undefined;
    /** Default 'connect.sid'. */
    name?: string | undefined;
    /** Alias of `name`. */
    key?: string | undefined;
    /** Default: a MemoryStore of its own. */
    store?: AnyStore | undefined;
    // biome-ignore lint/suspicious/noExplicitAny: the request is the framework's
    cookie?: CookieOptions | ((req: any) => CookieOptions) | undefined;
    // biome-ignore lint/suspicious/noExplicitAny: likewise
    genid?: ((req: any) => string) | undefined;
    rolling?: boolean | undefined;
    /** Default true, with a deprecation. */
    resave?: boolean | undefined;
    /** Default true, with a deprecation. */
    saveUninitialized?: boolean | undefined;
    proxy?: boolean | undefined;
    unset?: 'destroy' | 'keep' | undefined;
    /** Milliseconds that the store may take to answer. Default 30,000. */
    deadline?: number | undefined;
  }

  class Session {
    // biome-ignore lint/suspicious/noExplicitAny: the request is the framework's
    constructor(req: any, data?: object);
    readonly id: string;
    cookie: Cookie;
    regenerate(callback?: Callback): this;
    destroy(callback?: Callback): this;
    reload(callback?: Callback): this;
    save(callback?: Callback): this;
    touch(): this;
    resetMaxAge(): this;
  }

  class Cookie {
    constructor(options?: CookieOptions);
    originalMaxAge: number | null;
    /** Milliseconds from now. */
    maxAge?: number | undefined;
    expires: Date | null | undefined;
    path: string;
    httpOnly: boolean;
    domain?: string | undefined;
    secure?: boolean | 'auto' | undefined;
    sameSite?: boolean | 'lax' | 'strict' | 'none' | undefined;
    partitioned?: boolean | undefined;
    priority?: 'low' | 'medium' | 'high' | undefined;
    readonly data: object;
    serialize(name: string, value: string): string;
    toJSON(): object;
  }

  /** The base class of stores. */
  abstract class Store extends EventEmitter {
    abstract get(sid: string, callback: (error: unknown, session?: SessionData | null) => void): void;
    abstract set(sid: string, session: SessionData, callback?: Callback): void;
    abstract destroy(sid: string, callback?: Callback): void;
    touch?(sid: string, session: SessionData, callback?: () => void): void;
    // biome-ignore lint/suspicious/noExplicitAny: the request is the framework's
    regenerate(req: any, callback: Callback): void;
    load(sid: string, callback: (error: unknown, session?: SessionData) => void): void;
    // biome-ignore lint/suspicious/noExplicitAny: likewise
    createSession(req: any, session: SessionData): Session & SessionData;
  }

  /** This process' memory, for one middleware. */
  class MemoryStore extends own.Store {
    constructor();
  }
}

export = session;
