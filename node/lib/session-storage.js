'use strict';

// What Remix and React Router call a SessionStorage: getSession, commitSession and destroySession over Cookie and
// Set-Cookie values.

const { openFetch } = require('./fetch-messages.js');

const flashName = (name) => `__flash_${name}__`;

class StorageSession {
  #opened;

  constructor(opened) {
    this.#opened = opened;
  }

  get id() {
    return this.#opened.req.sessionID ?? '';
  }

  get data() {
    const { cookie, ...data } = this.#opened.req.session ?? {};
    return data;
  }

  has(name) {
    const { session } = this.#opened;
    return Object.hasOwn(session, name) || Object.hasOwn(session, flashName(name));
  }

  // A flash value is there once.
  get(name) {
    const { session } = this.#opened;
    if (Object.hasOwn(session, name)) return session[name];
    const flash = session[flashName(name)];
    delete session[flashName(name)];
    return flash;
  }

  set(name, value) {
    this.#opened.session[name] = value;
  }

  flash(name, value) {
    this.#opened.session[flashName(name)] = value;
  }

  unset(name) {
    delete this.#opened.session[name];
  }

  // The Set-Cookie value; '' where the browser's cookie stays as it is.
  async close() {
    const { headers } = await this.#opened.finish(new Response(null));
    return headers.getSetCookie().at(-1) ?? '';
  }

  end() {
    return this.#opened.session.destroy();
  }
}

// `secure`: whether requests come over TLS, for there is no request that would say so.
function createSessionStorage(middleware, { secure = process.env.NODE_ENV === 'production' } = {}) {
  return {
    async getSession(cookie) {
      const headers = cookie ? { cookie } : {};
      return new StorageSession(await openFetch(middleware, new Request('http://localhost/', { headers }), secure));
    },
    commitSession: (session) => session.close(),
    async destroySession(session) {
      await session.end();
      return session.close();
    },
  };
}

module.exports = { createSessionStorage };
