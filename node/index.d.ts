// Types of coatcheck. Add your session's fields by declaration merging:
//
//   declare module 'coatcheck' {
//     interface SessionData { user: { id: string } }
//   }

/// <reference types="node" />
import type { KeyObject } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type * as jwt from './jwt';
import type { UnlessPeer } from './peer';

// biome-ignore lint/suspicious/noExplicitAny: the peer's types say what it is
type OfRequest<Own> = UnlessPeer<Own, any>;

declare global {
  namespace Express {
    // A base, so that it stands beside @types/express-session's own members.
    interface Request extends session.WithSession {}
  }
}

declare function session(options?: session.SessionOptions): session.Middleware;

declare namespace session {
  /** The session's data. Add yours by declaration merging. */
  // biome-ignore lint/suspicious/noEmptyInterface: for declaration merging
  interface SessionData {}

  type Request = IncomingMessage | Http2ServerRequest;
  type Response = ServerResponse | Http2ServerResponse;
  /**
   * What an automatic commit could not store: the session was ended meanwhile ('gone'), its policy rejects a collision
   * ('conflict'), or the store did not take the new deadline of a session that is otherwise as it was ('untouched'). And
   * what somebody looked at that can't be read: 'damaged'; destroy() and regenerate() end it. And what changed after the
   * first byte of the response, of a session whose cookie could not be sent any more: 'late'. And to who listens alone: the
   * store gave no answer ('unknown'), a cookie came with a signature of nobody ('tampered').
   */
  type SessionEvent = 'gone' | 'conflict' | 'untouched' | 'damaged' | 'late' | 'unknown' | 'tampered';
  // biome-ignore lint/suspicious/noExplicitAny: likewise
  type LifeListener = (req: any) => void;
  interface Middleware extends Events {
    // biome-ignore lint/suspicious/noExplicitAny: the request is the framework's
    (req: any, res: any, next: (error?: any) => void): void;
  }
  // biome-ignore lint/suspicious/noExplicitAny: likewise
  type EventListener = (error: CoatcheckError, req: any) => void;
  interface Events {
    on(event: SessionEvent, listener: EventListener): this;
    /**
     * This process has stored a session under a new id ('created': also that of a regenerated one), or ended one
     * ('destroyed': also the old id of a regenerated one). Not of a session store of another package.
     */
    on(event: 'created' | 'destroyed', listener: LifeListener): this;
    /**
     * Pruning in this process has dropped so many entries whose time was over (pruneInterval). Those that a write drops on its
     * way and those that Redis drops are not counted, and which they were nobody says: a store knows no ids.
     */
    on(event: 'expired', listener: (count: number) => void): this;
    once(event: SessionEvent, listener: EventListener): this;
    once(event: 'created' | 'destroyed', listener: LifeListener): this;
    once(event: 'expired', listener: (count: number) => void): this;
    off(event: SessionEvent, listener: EventListener): this;
    off(event: 'created' | 'destroyed', listener: LifeListener): this;
    off(event: 'expired', listener: (count: number) => void): this;
  }

  /** What the middleware adds to a request. */
  interface WithSession {
    session: OfRequest<Session & Partial<SessionData>>;
    sessionID: string;
    sessionStore: OfRequest<SessionStore>;
  }

  /** What plain http handlers may cast their request to. */
  interface SessionRequest extends IncomingMessage {
    session: Session & Partial<SessionData>;
    readonly sessionID: string;
    sessionStore: SessionStore;
  }

  type Secret = string | Uint8Array | KeyObject;

  interface Key {
    /** 1 to 64 characters of A–Z a–z 0–9 _ -; derived from the secret when not given. */
    id?: string;
    secret: string | Uint8Array;
    state?: 'active' | 'verify-only' | 'revoked';
    /** Milliseconds since the epoch: does not sign before. */
    notBefore?: number;
    /** Milliseconds since the epoch: neither signs nor verifies from then on. */
    notAfter?: number;
  }

  interface CookieOptions {
    /** Milliseconds; also how long the session lives without a request. */
    maxAge?: number | Date | null;
    expires?: Date | null;
    path?: string;
    domain?: string;
    httpOnly?: boolean;
    /** Default 'auto': on requests over TLS. */
    secure?: boolean | 'auto';
    /** Default 'lax'; 'auto': 'none' on requests over TLS, else 'lax'. */
    sameSite?: boolean | 'lax' | 'strict' | 'none' | 'auto';
    partitioned?: boolean;
    priority?: 'low' | 'medium' | 'high';
  }

  /** For what two requests both changed; see docs/guide.md, "Writes". */
  type MergeRule = 'sum' | 'max' | 'min' | 'union' | 'mine' | 'theirs' | 'reject';

  /** What express-session asks of a store. */
  interface AnyStore {
    // biome-ignore lint/suspicious/noExplicitAny: a store's own type of its records
    get(sid: string, callback: (error: any, session?: any) => void): void;
    // biome-ignore lint/suspicious/noExplicitAny: likewise
    set(sid: string, session: any, callback?: (error?: any) => void): void;
    // biome-ignore lint/suspicious/noExplicitAny: likewise
    destroy(sid: string, callback?: (error?: any) => void): void;
  }

  interface SessionOptions {
    /** The newest signs, all verify. Default: the environment variable COATCHECK_SECRET. */
    secret?: Secret | Secret[];
    /** Keys with ids, states and dates, instead of `secret`. */
    keys?: Key[];
    /** Default `session`, and `__Host-session` on requests over TLS. */
    name?: string;
    /** Alias of `name`. */
    key?: string;
    /**
     * A store's URL, a Store, or a store of any package for express-session. Default: COATCHECK_STORE, else file:./sessions.
     * Redis over TLS: `rediss://host?ca=/path/ca.pem`, with `ca_dir`, `cert`, `key`, `key_password`, `server_name`.
     * `redis://HOST?near_cache=BYTES&max_stale=MS` (or `nearCache`; `postgresql://`, too, with the trigger of `createSchema`) answers reads
     * from this process, with what is at most that old.
     */
    store?: string | StorePlace | Store | AnyStore;
    /** Milliseconds that a store which is not coatcheck's own may take to answer. Default 10,000. */
    deadline?: number;
    // biome-ignore lint/suspicious/noExplicitAny: the request is the framework's
    genid?: (req: any) => string;
    /** Whether X-Forwarded-Proto is trusted; undefined: what Express' "trust proxy" says. */
    proxy?: boolean;
    /** Store the session on each request that looks at it. Default false. */
    resave?: boolean;
    /** Store a new session that nobody changed. Default false. */
    saveUninitialized?: boolean;
    /** Send the cookie with every response. Default false. */
    rolling?: boolean;
    /** What `req.session = null` does to the stored session. Default 'keep'. */
    unset?: 'keep' | 'destroy';
    // biome-ignore lint/suspicious/noExplicitAny: the request is the framework's
    cookie?: CookieOptions | ((req: any) => CookieOptions);
    /**
     * Milliseconds without a request after which a session ends. Default one hour, on `?layout=connect-redis`
     * its `ttl`; cookie.maxAge replaces it.
     */
    idleTimeout?: number;
    /** Milliseconds after which a session ends in any case; 0: never. Default 24 hours; refused on `?layout=`. */
    absoluteTimeout?: number;
    /**
     * Milliseconds after `regenerate({ keep: true })` for which a request that had read the session before writes into its
     * successor; a new request with the old id gets nothing. Default 30 s; 0: such a request ends in 'gone'.
     */
    regenerateGrace?: number;
    /** Share of the idle timeout that passes before the deadline is moved. Default 0.1. */
    touchShare?: number;
    /**
     * Whose value stays when two requests changed one value in two ways. Default 'mine', that of the later commit.
     * Changes of different members and elements are merged, at every depth.
     */
    onConflict?: 'mine' | 'theirs' | 'reject';
    /**
     * Half a surrogate pair, left where a string was cut inside a character: replaced by U+FFFD, as toWellFormed does, or
     * refused with its path. Default 'replace'.
     */
    loneSurrogates?: 'replace' | 'refuse';
    /** Bytes of JSON that a session may be. Default 1 MiB. */
    maxPayload?: number;
    /** Members and elements that a session may hold, all together. Default 20,000. */
    maxMembers?: number;
    /** Compare-and-set attempts of a commit before it ends in a conflict, of a transaction twenty times as many. Default 100. */
    conflictRetries?: number;
    /** Bytes of randomness in a new session id, 16 to 64. Default 32. */
    idBytes?: number;
    /** Rules by path for what both changed, before onConflict: `{ visits: 'sum', tags: 'union', 'cart.*.n': 'max' }`. */
    merge?: Record<string, MergeRule>;
    /**
     * 'plain' JSON, where a Date is its ISO text and what JSON spoils is refused; or 'tagged': Date, BigInt, Map, Set, Buffer,
     * URL and RegExp come back as what they were, and are datetime, int, dict, set and bytes in Python. Default 'plain'.
     */
    types?: 'plain' | 'tagged';
    /**
     * When the store does not answer. Default 'closed': a request that looks at its session fails with status 503.
     * 'stale': it gets what the store said of it last, if that is no older than `staleFor`, and else fails. 'open': it gets
     * an empty session. Of the last two nothing is stored.
     */
    onStoreError?: 'closed' | 'stale' | 'open';
    /** Milliseconds. Default one minute. For so long a session that was ended elsewhere may still be shown. */
    staleFor?: number;
    /** The older name of `onStoreError`, as in the other languages. */
    onUnknown?: 'closed' | 'open';
    /**
     * Where the session is. Default 'store'. 'jwt': in its cookie, signed and readable; 'jwe': in its cookie, sealed.
     * The store then keeps who is logged in, and is asked when a refresh is due.
     */
    mode?: 'store' | 'jwt' | 'jwe';
    /** 'jwt', 'jwe': milliseconds that a request is served without asking the store; 1 s to 1 h, default 5 minutes. */
    accessTtl?: number;
    /** 'jwt', 'jwe': milliseconds that a replaced cookie still gets its successor; to 10 minutes, default 10 s. */
    refreshGrace?: number;
    /** 'jwt', 'jwe': ask the store at each request of a session that has an owner whether it was revoked. */
    checkEpoch?: boolean;
    /**
     * 'jwt', 'jwe': keys of coatcheck/jwt in place of those derived from the secret, newest first: it signs or seals, all
     * are tried. 'jwt' takes asymmetric ones, so that others verify with the public key alone; 'jwe' 256-bit `dir` keys.
     */
    tokenKeys?: jwt.Key | readonly jwt.Key[];
    /**
     * Encryption at rest, under the secret. true: what is stored is sealed, and nothing else is read. 'migrate': what was
     * stored before is read too, and sealed at its next write. 'prepare': nothing is sealed yet, and what other services
     * seal is read. Default false. A Store takes the option itself.
     */
    encrypt?: Encrypt;
    /** Answers reads of a Redis store from this process: as `near_cache=` and `max_stale=` of its URL. A Store takes it itself. */
    nearCache?: NearCache;
    /**
     * Every so many milliseconds, 1 second to 1 day, one of all processes on the store drops what has expired. Default 0: each
     * write drops a few. Redis does it by itself.
     */
    pruneInterval?: number;
    /** Whose session it is, from its data: what RefreshTokens lists and revokes by. Nothing: nobody's. */
    owner?: (session: Session & Partial<SessionData>) => string | undefined | null;
    /**
     * Sessions of other packages, read on the way in: whoever has one there goes on with it here, under a new id. Take a
     * source in cookies away when its maxAge is over: until then a copy of such a cookie is a login.
     */
    migrateFrom?: readonly (ForeignFormat | ForeignSource)[];
    /**
     * Sticky sessions: this process' name at the balancer (1 to 64 letters, digits, `.`, `_`, `-`). The browser is told
     * by a cookie of its own (`route`, or `cookie`), beside the session's, and again when its session comes here from
     * another node.
     */
    affinity?: string | { node: string; cookie?: string };
  }

  /** In a cookie: flask, starlette, django. Records: flask-session, express-session (connect-redis), starsessions. */
  type ForeignFormat = 'flask' | 'starlette' | 'django' | 'flask-session' | 'express-session' | 'starsessions';

  interface ForeignSource {
    format: ForeignFormat;
    /** Of records: the Redis with `?layout=connect-redis`, flask-session or starsessions, and `&prefix=` if not usual. */
    url?: string;
    /** That its cookies were signed with, newest first. Default: the middleware's `secret`. */
    secrets?: Secret | Secret[];
    /** Default: the format's own. */
    cookieName?: string;
    /** How old a session in a cookie may be, in ms. Default: the format's own, 31 or 14 days. */
    maxAge?: number;
    /** Leaves the record where it was, for services that have not moved yet. */
    keep?: boolean;
  }

  type Encrypt = boolean | 'migrate' | 'prepare';

  interface RefreshTokensOptions {
    /** The newest signs, all verify. Default: the environment variable COATCHECK_SECRET. */
    secret?: Secret | Secret[];
    /** Keys with ids, states and dates, instead of `secret`. */
    keys?: Key[];
    /** Milliseconds without a refresh after which a family ends. Default 30 days. */
    idleTimeout?: number;
    /** Milliseconds after which a family ends in any case; 0: never. Default 90 days. */
    absoluteTimeout?: number;
    /** Milliseconds that a used token still gets its successor; 0 to 10 minutes, default 10 s. */
    grace?: number;
    /** Encryption at rest, as of the middleware. */
    encrypt?: Encrypt;
  }

  /** One login on one device. Times are milliseconds since the epoch. */
  interface TokenFamily {
    /** Not a secret. */
    id: string;
    /** 'session': of a middleware in mode 'jwt' or 'jwe'. */
    kind: 'refresh' | 'session';
    owner: string;
    device: string;
    claims: Record<string, unknown>;
    created: number;
    lastUsed: number;
    expiresAt: number;
    /** Null: unbounded. */
    absoluteAt: number | null;
    /** The owner's when the family began: put it into access tokens, for `check`. */
    epoch: number;
  }

  /** What `refresh` rejects with when the token buys nothing: log in anew. `status` is 401. */
  interface RefreshError extends CoatcheckError {
    reason: 'reused' | 'revoked' | 'expired' | 'not_found' | 'malformed';
    /** Of a reused token: whom to warn. */
    family?: { id: string; owner: string };
  }

  /** A store's URL, and what TLS needs beside it. */
  interface StorePlace {
    url: string;
    tls?: StoreTls;
  }

  /** By the names of node:tls. `ca`, `cert` and `key` are PEM, or a path to it (then they are read again once changed). */
  interface StoreTls {
    ca?: string | Uint8Array | ReadonlyArray<string | Uint8Array>;
    cert?: string | Uint8Array;
    key?: string | Uint8Array;
    passphrase?: string;
    servername?: string;
    /** false: whoever is in between reads and changes every session. */
    rejectUnauthorized?: boolean;
  }

  /** Refresh tokens: used once each, kept in any store. A store that does not answer rejects with status 503. */
  class RefreshTokens {
    /** Default: the environment variable COATCHECK_STORE, else file:./sessions. */
    constructor(store: string | StorePlace | Store | undefined, options?: RefreshTokensOptions);
    /** Begins a family. `owner` has 1 to 256 bytes, `device` up to 256. */
    issue(
      owner: string,
      options?: { device?: string; claims?: Record<string, unknown> },
    ): Promise<{ token: string; family: TokenFamily }>;
    /** `repeated`: a retry; the same token was given out before. Rejects with a RefreshError. */
    refresh(token: string): Promise<{ token: string; repeated: boolean; family: TokenFamily }>;
    /** The live families, newest first. */
    list(owner: string): Promise<TokenFamily[]>;
    /** By the family's id. False: it was not live. */
    revoke(family: string): Promise<boolean>;
    /** Logout: by a token of the family. */
    revokeToken(token: string): Promise<boolean>;
    /** `except`: the id of a family to spare. `epoch`: the owner's new one. */
    revokeAll(owner: string, options?: { except?: string }): Promise<{ count: number; epoch: number }>;
    /** Whether a token issued under `epoch` (TokenFamily.epoch, or its iat in ms) is still good. */
    check(owner: string, epoch: number): Promise<boolean>;
    /** Ends all work, and closes a store that was given by its URL. */
    close(): void;
  }

  type Callback = (error?: unknown) => void;

  class Session {
    private constructor();
    readonly id: string;
    // biome-ignore lint/suspicious/noExplicitAny: the request is the framework's
    readonly req: any;
    cookie: Cookie;
    /** Moves the cookie's end to its age from now. */
    touch(): this;
    resetMaxAge(): this;
    save(): Promise<void>;
    save(callback: Callback): this;
    reload(): Promise<void>;
    reload(callback: Callback): this;
    destroy(): Promise<void>;
    destroy(callback: Callback): this;
    /** A new session under a new id: empty, or with the data of this one. */
    /**
     * Changes the session as it is stored now, in one compare-and-set; `change` runs again when another request wrote
     * meanwhile, so it is to do nothing else. Answers what it answers. What the request changed otherwise stays, and is
     * stored at its end.
     */
    // biome-ignore lint/suspicious/noExplicitAny: the data is the application's
    transact<R>(change: (data: SessionData & Record<string, any>) => R | Promise<R>): Promise<R>;
    transact<R>(
      // biome-ignore lint/suspicious/noExplicitAny: the data is the application's
      change: (data: SessionData & Record<string, any>) => R | Promise<R>,
      callback: (error?: unknown, value?: R) => unknown,
    ): this;
    regenerate(options?: { keep?: boolean }): Promise<void>;
    regenerate(callback: Callback): this;
    regenerate(options: { keep?: boolean }, callback: Callback): this;
  }

  class Cookie {
    constructor(options?: CookieOptions);
    path: string;
    domain?: string | undefined;
    httpOnly: boolean;
    secure?: boolean | undefined;
    sameSite?: boolean | 'lax' | 'strict' | 'none' | undefined;
    partitioned?: boolean | undefined;
    priority?: 'low' | 'medium' | 'high' | undefined;
    originalMaxAge: number | null;
    get expires(): Date | null;
    set expires(date: Date | null);
    get maxAge(): number | null;
    set maxAge(ms: number | Date | null);
    readonly data: CookieOptions & { originalMaxAge: number | null };
    serialize(name: string, value: string): string;
    toJSON(): CookieOptions & { originalMaxAge: number | null };
  }

  /** A session as its store gives it: its data, and its cookie. */
  type StoredData = Partial<SessionData> & { cookie: Cookie };

  /**
   * `req.sessionStore`: the middleware's sessions by id, with what express-session's stores have. Emits 'disconnect' when
   * a remote store gave a request no answer, and 'connect' when one does (again).
   */
  interface SessionStore extends EventEmitter {
    get(sid: string): Promise<StoredData | undefined>;
    get(sid: string, callback: (error: unknown, session?: StoredData | null) => void): void;
    /**
     * Stores a session. What `get` gave, changed, is written as a compare-and-set: other requests' changes are merged, and
     * a session that was destroyed meanwhile stays destroyed (ERR_SESSION_GONE). Data of your own takes the place of what
     * is stored. A `cookie` in it is the session's.
     */
    set(sid: string, session: Partial<SessionData> & { cookie?: Cookie | CookieOptions }): Promise<void>;
    set(sid: string, session: Partial<SessionData> & { cookie?: Cookie | CookieOptions }, callback?: Callback): void;
    /** Moves the deadline; a session that is not there any more is not created. */
    touch(sid: string, session?: { cookie?: Cookie | CookieOptions }): Promise<void>;
    touch(sid: string, session: { cookie?: Cookie | CookieOptions } | undefined, callback?: Callback): void;
    destroy(sid: string): Promise<void>;
    destroy(sid: string, callback: Callback): void;
    /** All live sessions of the store, those of other services included. A store keeps no ids, so they have none. */
    all(): Promise<StoredData[]>;
    all(callback: (error: unknown, sessions?: StoredData[]) => void): void;
    /** How many there are. One that has just expired may be among them. */
    length(): Promise<number>;
    length(callback: (error: unknown, length?: number) => void): void;
    /** Logs everybody out: removes all that is in the store, what other services keep there included. */
    clear(): Promise<void>;
    clear(callback?: Callback): void;
    /** A new and empty session for a request, in the place of the one that it has. */
    generate(req: object): void;
    /** The session of an id as an object with methods, outside its request. */
    load(sid: string, callback: (error: unknown, session?: Session & Partial<SessionData>) => unknown): void;
    /** `req.session` of what `get` gave; `req` may be `{ sessionID }`. */
    createSession(req: object, session: StoredData): Session & Partial<SessionData>;
    /** Ends a request's session and begins another. */
    regenerate(req: object, callback: (error?: unknown) => unknown): void;
  }

  interface StoreOptions {
    /** Ids are hashed with it; without one, by plain SHA-256. */
    secret?: string | Uint8Array | (string | Uint8Array)[];
    /** Milliseconds that a session without an expiring cookie lives. Default one day. */
    ttl?: number;
    /** Encryption at rest, as of the middleware. It needs the secret. */
    encrypt?: Encrypt;
    nearCache?: NearCache;
  }

  interface NearCache {
    /** Bytes, bookkeeping included: 65,536 to 1 TiB. */
    size: number;
    /** Milliseconds that an answer may be old, 50 to 60,000. Default 2,000. */
    maxStale?: number;
  }

  /** Of all that a store keeps. A remote store is walked for it. */
  interface StoreStats {
    entries: number;
    bytes: number;
    /** 0: no bound of its own. */
    maxBytes: number;
    nearCache?: NearCacheStats;
  }

  /** Of a near-cache since it was opened; entries and bytes are those of now. */
  interface NearCacheStats {
    /** Reads that were answered at once. */
    hits: number;
    /** Reads that asked the store. */
    misses: number;
    /** Reads that waited for another one's answer, of the same key. */
    joined: number;
    /** Of the misses: it was there, but the server had not been heard for too long. */
    leaseRefusals: number;
    /** Changes that the server told of. */
    invalidations: number;
    /** Of the invalidations: taken for what was written here. */
    echoes: number;
    /** Entries that went for room. */
    evictions: number;
    /** How often everything was dropped: messages were lost, the servers changed or were emptied. */
    epochBumps: number;
    entries: number;
    bytes: number;
    maxBytes: number;
    /** Why the server tells of no changes, so that each read asks it; '': it does. */
    trouble: string;
  }

  // biome-ignore lint/suspicious/noExplicitAny: express-session's own data type
  type StoredSession = any;

  /**
   * A store for express-session, and for this middleware's `store` option. With a `secret`, and under this middleware, it
   * keeps the records that the other languages read. Also the base class of other packages' stores.
   * On `redis://…?layout=connect-redis` it keeps what connect-redis keeps.
   */
  class Store extends EventEmitter {
    constructor(url?: string | StorePlace, options?: StoreOptions);
    get(sid: string): Promise<StoredSession | undefined>;
    get(sid: string, callback: (error: unknown, session?: StoredSession | null) => void): void;
    set(sid: string, session: StoredSession): Promise<void>;
    set(sid: string, session: StoredSession, callback?: Callback): void;
    touch(sid: string, session: StoredSession): Promise<void>;
    touch(sid: string, session: StoredSession, callback?: Callback): void;
    destroy(sid: string): Promise<void>;
    destroy(sid: string, callback?: Callback): void;
    ids(): Promise<string[]>;
    ids(callback: (error: unknown, ids?: string[]) => void): void;
    length(): Promise<number>;
    length(callback: (error: unknown, length?: number) => void): void;
    all(): Promise<StoredSession[]>;
    all(callback: (error: unknown, sessions?: StoredSession[]) => void): void;
    /**
     * Logs everybody out: removes all that is in the store, the sessions of this middleware and of other services and
     * refresh tokens included. `length`, `ids` and `all` see what express-session keeps.
     */
    clear(): Promise<void>;
    clear(callback?: Callback): void;
    /** Drops what has expired, and answers how many entries went. Redis does so by itself: 0 there. */
    prune(): Promise<number>;
    prune(callback: (error: unknown, count?: number) => void): void;
    stats(): Promise<StoreStats>;
    stats(callback: (error: unknown, stats?: StoreStats) => void): void;
    close(): void;
    regenerate(req: unknown, callback: (error?: unknown) => unknown): void;
    load(sid: string, callback: (error: unknown, session?: StoredSession) => unknown): void;
    createSession(req: unknown, session: StoredSession): StoredSession;
  }

  /** A Store in this process' memory, for itself alone. */
  class MemoryStore extends Store {
    constructor(options?: StoreOptions);
  }

  /** A value of Python's that JavaScript has no type for (a tuple, UUID or Markup), as `types: 'tagged'` keeps it. */
  class TaggedValue {
    constructor(tag: ' t' | ' u' | ' m', value: unknown);
    readonly tag: string;
    readonly value: unknown;
  }

  /** Express' signed values: `s:value.signature`. */
  class KeyRing {
    constructor(secret: string | Uint8Array | (string | Uint8Array)[]);
    sign(value: string): string;
    /** The value, or false when no secret verifies it. */
    unsign(signed: string): string | false;
  }

  class CoatcheckError extends Error {
    /** Stable, such as ERR_STORE_TIMEOUT. */
    code: string;
    /** The HTTP status that goes with it. */
    status: number;
  }

  /**
   * Makes the tables that a store URL names (PostgreSQL), or brings older ones up to date: once, when a service is set up.
   * Doing it again, or from two programs at once, does no harm. Default: COATCHECK_STORE. The version that is there now.
   */
  function createSchema(url?: string): Promise<number>;
  /** The SQL that `createSchema` runs, for those who run migrations of their own. Connects to nothing. */
  function schemaSql(url?: string): string;

  /** A cache before a durable store; times in milliseconds. */
  interface CachedTiers {
    /** Any store's URL: `memory:cache`, `redis://…`, `memcached://…`. It may forget. */
    cache: string;
    /** The durable store's URL, which decides every write; it may be what `cached` returns. */
    origin: string;
    /** How long a copy is believed, 60000 unless given. */
    ttl?: number;
    /** How long it is believed that there is no such session, 1000 unless given; 0: not at all. */
    absentTtl?: number;
    /** How long after its ttl a copy is served while the origin gives no answer, 0 unless given. */
    stale?: number;
    /** How long a remote cache is waited for, 100 unless given. */
    timeout?: number;
    /** When a logout is acknowledged: by `both` (default), or by the `origin` also when the cache can't be told. */
    removal?: 'both' | 'origin';
  }
  /** The store URL `cached(…):CACHE|ORIGIN` of them: `store: session.cached({ cache, origin })`. */
  function cached(tiers: CachedTiers): string;

  /** The values of one name in a Cookie header, decoded; `refused`: something was over a limit. */
  function parseCookie(header: string, name: string): { values: string[]; refused: boolean };
  /** The value of a Set-Cookie header; `expires` in milliseconds since the epoch, `maxAge` in seconds. */
  function serializeCookie(
    cookie: { name: string; value: string } & Omit<CookieOptions, 'expires' | 'maxAge' | 'sameSite' | 'secure'> & {
        expires?: number;
        maxAge?: number;
        sameSite?: 'lax' | 'strict' | 'none';
        secure?: boolean;
      },
  ): string;
  const version: string;
}

export = session;
