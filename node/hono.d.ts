// Types of coatcheck/hono. Your session's fields are declared for 'coatcheck'.

import type session from './index';

declare module 'hono' {
  interface ContextVariableMap {
    session: session.Session & Partial<session.SessionData>;
  }
}

declare function honoSession(options?: session.SessionOptions): honoSession.Middleware;

declare namespace honoSession {
  interface Middleware extends session.Events {
    // biome-ignore lint/suspicious/noExplicitAny: a context of any environment
    (c: any, next: () => Promise<void>): Promise<void>;
  }
}

export = honoSession;
