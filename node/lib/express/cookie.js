'use strict';

// express-session's Cookie (1.19.0, session/cookie.js): what a session's cookie says, as its stores keep it. Its
// attributes are refused in the words of npm's cookie 0.7.2, which prints it there.

const deprecate = require('depd')('express-session');
const { cookieData } = require('../cookie-data.js');
const { native } = require('../native.js');

const NPM_STYLE = 1; // of native.serialiseCookie
const PRIORITIES = new Set(['low', 'medium', 'high']);
const SAME_SITES = new Set(['strict', 'lax', 'none']);

const lower = (value) => (typeof value === 'string' ? value.toLowerCase() : value);

function invalid(what) {
  return new TypeError(`${what} is invalid`);
}

// A Set-Cookie value; `maxAge` in seconds. Throws a TypeError that says what is invalid.
function serializeCookie(name, value, options) {
  const { expires, maxAge, priority, sameSite, domain, path, httpOnly, secure, partitioned } = options;
  if (expires && !(expires instanceof Date && !Number.isNaN(expires.valueOf()))) throw invalid('option expires');
  const word = lower(priority) || undefined;
  if (word !== undefined && !PRIORITIES.has(word)) throw invalid('option priority');
  const site = sameSite === true ? 'strict' : lower(sameSite) || undefined;
  if (site !== undefined && !SAME_SITES.has(site)) throw invalid('option sameSite');
  try {
    return native.serialiseCookie(
      {
        name: String(name),
        value: String(value),
        expires: expires ? expires.valueOf() : undefined,
        maxAge,
        domain: domain ? String(domain) : undefined,
        path: path ? String(path) : undefined,
        httpOnly: Boolean(httpOnly),
        secure: Boolean(secure),
        partitioned: Boolean(partitioned),
        priority: word,
        sameSite: site,
      },
      NPM_STYLE,
    );
  } catch (error) {
    throw new TypeError(error.message);
  }
}

class Cookie {
  constructor(options) {
    this.path = '/';
    this.maxAge = null;
    this.httpOnly = true;
    if (options) {
      if (typeof options !== 'object') throw new TypeError('argument options must be a object');
      // Inherited options count, as in express-session.
      for (const name in options) if (name !== 'data') this[name] = options[name];
    }
    if (this.originalMaxAge === undefined || this.originalMaxAge === null) this.originalMaxAge = this.maxAge;
  }

  get expires() {
    return this._expires;
  }

  set expires(date) {
    this._expires = date;
    this.originalMaxAge = this.maxAge;
  }

  // Milliseconds from now; of a cookie that ends with the browser's session what `expires` is.
  get maxAge() {
    return this.expires instanceof Date ? this.expires.valueOf() - Date.now() : this.expires;
  }

  set maxAge(ms) {
    if (ms && typeof ms !== 'number' && !(ms instanceof Date)) throw new TypeError('maxAge must be a number or Date');
    if (ms instanceof Date) deprecate('maxAge as Date; pass number of milliseconds instead');
    this.expires = typeof ms === 'number' ? new Date(Date.now() + ms) : ms;
  }

  get data() {
    return cookieData(this);
  }

  serialize(name, value) {
    return serializeCookie(name, value, this.data);
  }

  toJSON() {
    return this.data;
  }
}

// The cookie of a stored session, changed where it stands. Throws a TypeError where the record has none.
function reviveCookie(found) {
  const stored = typeof found?.toJSON === 'function' ? found.toJSON() : found;
  const expires = stored.expires;
  const originalMaxAge = stored.originalMaxAge;
  const cookie = new Cookie(stored);
  if (typeof expires === 'string') cookie.expires = new Date(expires);
  cookie.originalMaxAge = originalMaxAge;
  return cookie;
}

module.exports = { Cookie, reviveCookie, serializeCookie };
