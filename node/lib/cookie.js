'use strict';

// What an application sees as `req.session.cookie`: express-session's Cookie.
//
// What differs from the middleware's options goes into the session's record ("settings"), so that a service in
// another language answers with the same cookie.

const { cookieData } = require('./cookie-data.js');
const { native } = require('./native.js');

const ATTRIBUTES = ['domain', 'path', 'httpOnly', 'secure', 'sameSite', 'partitioned', 'priority'];
const LATEST = 8.64e15; // the last time that a Date can hold
const DEFAULTS = { path: '/', httpOnly: true, maxAge: null };

class Cookie {
  #expires = null;
  // Set by a date: the cookie ends then, whatever happens. Set by an age: it ends that long after the last request.
  #fixed = false;

  constructor(options) {
    if (options !== undefined && options !== null && typeof options !== 'object') {
      throw new TypeError('argument options must be a object');
    }
    this.path = '/';
    this.originalMaxAge = null;
    this.httpOnly = true;
    for (const name of Object.keys(options ?? {})) {
      if (name !== 'data' && name !== '__proto__') this[name] = options[name];
    }
  }

  get expires() {
    return this.#expires;
  }

  set expires(date) {
    if (date instanceof Date && Number.isNaN(date.valueOf())) throw new TypeError('expires must be a valid Date');
    this.#expires = date ?? null;
    this.#fixed = date instanceof Date;
    this.originalMaxAge = this.maxAge;
  }

  // Milliseconds from now; null or false for a cookie that ends with the browser's session.
  get maxAge() {
    return this.#expires instanceof Date ? this.#expires.valueOf() - Date.now() : this.#expires;
  }

  set maxAge(ms) {
    if (ms && typeof ms !== 'number' && !(ms instanceof Date)) {
      throw new TypeError('maxAge must be a number or Date');
    }
    if (typeof ms === 'number' && !Number.isFinite(ms)) throw new TypeError('maxAge must be a finite number');
    if (typeof ms !== 'number') {
      this.expires = ms;
      return;
    }
    this.#expires = new Date(Math.min(Date.now() + ms, LATEST));
    this.#fixed = false;
    this.originalMaxAge = ms;
  }

  get data() {
    return cookieData(this);
  }

  serialize(name, value) {
    const expires = this.#expires instanceof Date ? this.#expires.valueOf() : undefined;
    const sameSite = this.sameSite === true ? 'strict' : this.sameSite || undefined;
    return native.serialiseCookie({ ...this.data, name, value, expires, sameSite });
  }

  toJSON() {
    return this.data;
  }

  // Moves the end of an ageing cookie to its age from now.
  renew() {
    if (this.#fixed || typeof this.originalMaxAge !== 'number') return;
    this.maxAge = this.originalMaxAge;
  }

  // The cookie of a stored session: the options, what its record says, and its deadline.
  static restore(defaults, settings, expiresAt) {
    const cookie = new Cookie(defaults);
    if (settings !== '') {
      const { maxAge, expires, ...rest } = JSON.parse(settings);
      for (const name of ATTRIBUTES) {
        if (rest[name] !== undefined) cookie[name] = rest[name];
      }
      if (maxAge !== undefined) cookie.maxAge = maxAge;
      if (expires !== undefined) cookie.expires = new Date(expires);
    }
    if (!cookie.#fixed && typeof cookie.originalMaxAge === 'number') cookie.#expires = new Date(expiresAt);
    return cookie;
  }

  // A cookie as express-session's stores keep it.
  static revive(defaults, stored) {
    const cookie = new Cookie(defaults);
    for (const name of ATTRIBUTES) if (stored[name] !== undefined) cookie[name] = stored[name];
    if (typeof stored.originalMaxAge === 'number') cookie.maxAge = stored.originalMaxAge;
    else if (stored.expires) cookie.expires = new Date(stored.expires);
    return cookie;
  }

  // What differs from `defaults`, as JSON for the record; '' for nothing.
  static settings(cookie, defaults) {
    const out = {};
    if (cookie.#fixed) {
      out.expires = cookie.#expires.valueOf();
    } else if ((cookie.originalMaxAge || null) !== (defaults.maxAge ?? null) || cookie.originalMaxAge === 0) {
      out.maxAge = typeof cookie.originalMaxAge === 'number' ? Math.round(cookie.originalMaxAge) : null;
    }
    for (const name of ATTRIBUTES) {
      const value = cookie[name] ?? undefined;
      if (value === (defaults[name] ?? undefined)) continue;
      // Taken away by the application; the other attributes have no value that says so.
      if (value !== undefined) out[name] = value === true && name === 'sameSite' ? 'strict' : value;
      else if (name !== 'domain' && name !== 'path' && name !== 'priority') out[name] = false;
    }
    const json = JSON.stringify(out);
    return json === '{}' ? '' : json;
  }
}

module.exports = { Cookie, ATTRIBUTES, DEFAULTS };
