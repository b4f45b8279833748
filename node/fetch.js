'use strict';

// Sessions for handlers of the fetch kind, a Request in and a Response out: Next.js' route handlers, Remix and React
// Router, Astro, SvelteKit, any server that speaks so.
//
//   const sessions = require('coatcheck/fetch')(options);
//   export const GET = sessions.wrap(async (request, { session }) => Response.json({ n: ++session.n }));

const { openFetch } = require('./lib/fetch-messages.js');
const { speakFor } = require('./lib/host.js');
const { session } = require('./lib/middleware.js');
const { createSessionStorage } = require('./lib/session-storage.js');

// What a handler gets: { session, id, commit(response) }.
class Opened {
  #opened;

  constructor(opened) {
    this.#opened = opened;
    this.session = opened.session;
    // Stores the session, and answers the response with its cookie. Rejects where it could not be stored.
    this.commit = (response) => opened.finish(response);
  }

  get id() {
    return this.#opened.req.sessionID;
  }
}

function createSessions(options) {
  const middleware = session(options);

  // `secure`: whether the request came over TLS, where a proxy ends that and the URL does not say.
  async function open(request, { secure } = {}) {
    return new Opened(await openFetch(middleware, request, secure));
  }

  // A handler with a session: `handler(request, opened, ...rest)`.
  function wrap(handler) {
    return async (request, ...rest) => {
      const opened = await open(request);
      return opened.commit(await handler(request, opened, ...rest));
    };
  }

  return speakFor(middleware, { open, wrap, storage: (given) => createSessionStorage(middleware, given) });
}

module.exports = createSessions;
