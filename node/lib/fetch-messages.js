'use strict';

// A fetch Request, and the Response to come, as the middleware sees them.

const { EventEmitter } = require('node:events');
const { addSessionHeaders, commit } = require('./response.js');
const { open } = require('./host.js');

class FetchRequest {
  constructor(request, secure) {
    const url = new URL(request.url);
    this.method = request.method;
    this.url = url.pathname + url.search;
    this.headers = Object.fromEntries(request.headers);
    this.socket = { encrypted: secure ?? url.protocol === 'https:' };
    this.request = request;
  }
}

// Keeps what the session adds to the headers until there is a Response.
class FetchResponse extends EventEmitter {
  headersSent = false;
  statusCode = 200;
  #headers = new Map();

  getHeader(name) {
    return this.#headers.get(name.toLowerCase());
  }

  hasHeader(name) {
    return this.#headers.has(name.toLowerCase());
  }

  setHeader(name, value) {
    this.#headers.set(name.toLowerCase(), value);
  }

  // Never called: the application gives a Response.
  writeHead() {}
  write() {}
  end() {}
  flushHeaders() {}

  // What the application's Response says counts as set before.
  async finish(response) {
    await commit(this);
    for (const name of ['vary', 'cache-control']) {
      if (response.headers.has(name)) this.setHeader(name, response.headers.get(name));
    }
    addSessionHeaders(this);
    this.emit('close');
    if (this.#headers.size === 0) return response;
    // The headers of a redirect and of a fetched response can't be changed.
    const answer = new Response(response.body, response);
    for (const [name, value] of this.#headers) {
      if (name === 'set-cookie') for (const line of [].concat(value)) answer.headers.append(name, line);
      else answer.headers.set(name, value);
    }
    return answer;
  }
}

// `req.session`, whatever it is by now: destroy(), regenerate() and reload() put another in its place, and a handler has
// taken it off its arguments long before.
function liveSession(req) {
  const now = () => req.session ?? {};
  return new Proxy(
    {},
    {
      get(_target, name) {
        const session = now();
        const value = session[name];
        return typeof value === 'function' ? value.bind(session) : value;
      },
      set: (_target, name, value) => Reflect.set(now(), name, value),
      has: (_target, name) => Reflect.has(now(), name),
      deleteProperty: (_target, name) => Reflect.deleteProperty(now(), name),
      ownKeys: () => Reflect.ownKeys(now()),
      getOwnPropertyDescriptor: (_target, name) => Reflect.getOwnPropertyDescriptor(now(), name),
    },
  );
}

// The session of a request: { req, session, finish(response) }.
async function openFetch(middleware, request, secure) {
  const req = new FetchRequest(request, secure);
  const res = new FetchResponse();
  await open(middleware, req, res);
  return { req, session: liveSession(req), finish: (response) => res.finish(response) };
}

module.exports = { openFetch };
