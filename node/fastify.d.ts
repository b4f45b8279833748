// Types of coatcheck/fastify. Your session's fields are declared for 'coatcheck'.

import type session from './index';

declare module 'fastify' {
  interface FastifyRequest {
    session: session.Session & Partial<session.SessionData>;
    readonly sessionID: string;
    sessionStore: session.SessionStore;
  }
  interface FastifyInstance {
    /** For its events: `fastify.sessionMiddleware.on('gone', …)`. */
    sessionMiddleware: session.Middleware;
  }
}

/** `fastify.register(require('coatcheck/fastify'), options)`: for the whole application. */
// biome-ignore lint/suspicious/noExplicitAny: an instance of any server, type provider and logger
declare function coatcheck(fastify: any, options: session.SessionOptions): Promise<void>;

export = coatcheck;
