// Types of coatcheck/fetch. Your session's fields are declared for 'coatcheck'.

import type session from './index';

declare function createSessions(options?: session.SessionOptions): createSessions.Sessions;

declare namespace createSessions {
  /** A request's session. */
  interface Opened {
    /** Follows destroy(), regenerate() and reload(). */
    readonly session: session.Session & Partial<session.SessionData>;
    readonly id: string;
    /** Stores the session, and answers the response with its cookie. Rejects where it could not be stored. */
    commit(response: Response): Promise<Response>;
  }

  interface Sessions extends session.Events {
    /** `secure`: whether the request came over TLS, where a proxy ends that and the URL does not say. */
    open(request: Request, options?: { secure?: boolean }): Promise<Opened>;
    /** A handler with a session. */
    wrap<R extends Request, Rest extends unknown[]>(
      handler: (request: R, opened: Opened, ...rest: Rest) => Response | Promise<Response>,
    ): (request: R, ...rest: Rest) => Promise<Response>;
    /** What Remix and React Router take. `secure` default: in production. */
    storage(options?: { secure?: boolean }): SessionStorage;
  }

  interface StorageSession {
    readonly id: string;
    readonly data: Partial<session.SessionData>;
    has(name: string): boolean;
    // biome-ignore lint/suspicious/noExplicitAny: the program's own data
    get(name: string): any;
    set(name: string, value: unknown): void;
    /** There for one `get`. */
    flash(name: string, value: unknown): void;
    unset(name: string): void;
  }

  interface SessionStorage {
    getSession(cookie?: string | null): Promise<StorageSession>;
    /** The Set-Cookie value; '' where the browser's cookie stays as it is. */
    commitSession(session: StorageSession): Promise<string>;
    destroySession(session: StorageSession): Promise<string>;
  }
}

export = createSessions;
