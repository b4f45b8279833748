// Types of coatcheck/koa. Your session's fields are declared for 'coatcheck'.

import type session from './index';

// @ts-ignore: where @types/koa is not there
declare module 'koa' {
  interface DefaultContext {
    session: session.Session & Partial<session.SessionData>;
    readonly sessionID: string;
  }
}

declare function koaSession(options?: session.SessionOptions): koaSession.Middleware;

declare namespace koaSession {
  interface Middleware extends session.Events {
    // biome-ignore lint/suspicious/noExplicitAny: a context of any state
    (ctx: any, next: () => Promise<any>): Promise<void>;
  }
}

export = koaSession;
