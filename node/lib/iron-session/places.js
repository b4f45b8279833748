'use strict';

// Where an iron-session has its cookies: a Node request and response, a fetch Request and Response, or the `cookies()` of
// Next.js. Each has
//   values(name)             the values that came, the likeliest first
//   set(name, value, options)  with the options of npm's cookie; its length is answered
//   sent()                   whether the headers have gone

const { native } = require('../native.js');
const { serializeCookie } = require('../express/cookie.js');

function print(name, value, options) {
  const maxAge = options.maxAge === undefined || options.maxAge === null ? undefined : Math.floor(options.maxAge);
  if (maxAge !== undefined && !Number.isFinite(maxAge)) throw new TypeError('option maxAge is invalid');
  return serializeCookie(name, value, { ...options, maxAge });
}

class Messages {
  #req;
  #res;

  constructor(req, res) {
    this.#req = req;
    this.#res = res;
  }

  values(name) {
    const { headers } = this.#req;
    const header = typeof headers.get === 'function' ? headers.get('cookie') : headers.cookie;
    return header ? native.findCookie(header, name).values : [];
  }

  set(name, value, options) {
    const line = print(name, value, options);
    return { length: line.length, send: () => this.#send(line) };
  }

  #send(line) {
    const res = this.#res;
    if (typeof res.headers?.append === 'function') res.headers.append('set-cookie', line);
    else res.setHeader('set-cookie', [...[].concat(res.getHeader('set-cookie') ?? []).map(String), line]);
  }

  sent() {
    return this.#res.headersSent === true;
  }
}

class CookieStore {
  #store;

  constructor(store) {
    this.#store = store;
  }

  values(name) {
    const value = this.#store.get(name)?.value;
    return typeof value === 'string' && value !== '' ? [value] : [];
  }

  set(name, value, options) {
    const length = name.length + value.length + JSON.stringify(options).length;
    return { length, send: () => this.#store.set(name, value, options) };
  }

  sent() {
    return false;
  }
}

module.exports = { CookieStore, Messages };
