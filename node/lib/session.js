'use strict';

// What an application sees as `req.session`: its own data as enumerable properties, `cookie`, and methods that
// are not enumerable. Each method takes a callback, or answers a promise when none is given.

// Set in the class' static block, where its private fields can be reached.
let COOKIE;
// The cookie if somebody has looked at it, else undefined.
let cookieOf;

class Session {
  #state;
  #cookie;

  // `state` is the request's (lib/request.js); `data` a plain object.
  constructor(state, data) {
    this.#state = state;
    Object.defineProperty(this, 'cookie', COOKIE);
    for (const key of Object.keys(data)) {
      // A name that a method or Object.prototype has can't be a property here. Another language may have stored
      // it all the same: it is kept aside and written back.
      if (key in this) state.keepAside(key, data[key]);
      else this[key] = data[key];
    }
  }

  get id() {
    return this.#state.id();
  }

  get req() {
    return this.#state.req;
  }

  touch() {
    this.cookie.renew();
    return this;
  }

  resetMaxAge() {
    return this.touch();
  }

  // Stores the session now. The callback or promise has an error when it was not stored.
  save(callback) {
    return this.#answer(callback, () => this.#state.toSave());
  }

  // Changes the session as it is stored now, in one compare-and-set: `change(data)` runs again when another request
  // wrote meanwhile, so it is to do nothing else. Answers what `change` does; the callback gets it after the error.
  transact(change, callback) {
    return this.#answer(callback, () => () => this.#state.transact(change));
  }

  // Reads the session again; `req.session` is then a new object.
  reload(callback) {
    return this.#answer(callback, () => this.#state.reload());
  }

  // Ends the session in the store and in the browser; `req.session` is then undefined.
  destroy(callback) {
    return this.#answer(callback, () => this.#state.destroy());
  }

  // For login: ends the session and begins another under a new id, empty unless `{ keep: true }` is given.
  regenerate(options, callback) {
    if (typeof options === 'function') return this.regenerate({}, options);
    return this.#answer(callback, () => this.#state.regenerate(options?.keep === true));
  }

  // `call`: see perform in lib/request.js.
  #answer(callback, call) {
    const pending = this.#state.perform(call, typeof callback === 'function');
    if (typeof callback !== 'function') return pending;
    pending.then(
      (value) => (value === undefined ? process.nextTick(callback) : process.nextTick(callback, null, value)),
      (error) => process.nextTick(callback, error),
    );
    return this;
  }

  static {
    COOKIE = {
      enumerable: true,
      configurable: true,
      get() {
        // Hidden from JSON.stringify while the data is printed: the cookie is no part of it.
        if (this.#state.printing) return undefined;
        this.#cookie ??= this.#state.makeCookie();
        return this.#cookie;
      },
      set(value) {
        this.#cookie = this.#state.adoptCookie(value);
      },
    };
    cookieOf = (session) => session.#cookie;
  }
}

module.exports = { Session, cookieOf };
