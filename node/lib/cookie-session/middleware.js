'use strict';

// One request's session in its cookie, by cookie-session's rules (2.1.1, index.js): read when somebody looks, written with
// the headers where it is changed.
//
// A session that spills into a store is read before the application has its turn, and the response waits for its write.

const { Announcer } = require('../announcer.js');
const { chain } = require('../chain.js');
const { STEP } = require('../native.js');
const { ResponseState } = require('../response-state.js');
const { install } = require('../response.js');
const { keepState } = require('../states.js');
const { Context, Session } = require('./session.js');

class CookieRequest extends ResponseState {
  constructor(shared, req, res, next) {
    super(shared, req, res, next);
    this.headersFirst = shared.codec.headersFirst;
    this.goesOn = this.headersFirst;
    this.current = undefined; // undefined: nobody has looked; false: removed
    this.loaded = undefined; // what the cookie held
    this.renewed = false;
    this.written = undefined;
    this.spilled = undefined; // where the session is in the store
  }

  // `text`: of the cookie, undefined for a new session.
  take(text) {
    const { codec } = this.shared;
    const context = new Context();
    let data;
    try {
      if (text) data = codec.decode(text);
    } catch {
      // As cookie-session: what can't be read is no session.
    }
    if (data !== undefined) {
      context._new = false;
      context._val = text;
    }
    this.loaded = new Session(this, context, data);
  }

  read() {
    return this.shared.codec.read(this.req, this.res, this.req.sessionOptions, (key) => {
      this.spilled = key;
    });
  }

  look() {
    if (this.current === false) return null;
    if (this.current === undefined) {
      this.looked = true;
      if (this.loaded === undefined) this.take(this.read());
      this.current = this.loaded;
    }
    return this.current;
  }

  begin(data) {
    this.current = new Session(this, new Context(), data);
    return this.current;
  }

  // For login and logout: what the cookie holds goes, even if nothing comes in its place.
  renew(data) {
    this.look();
    this.renewed ||= this.loaded !== undefined && !this.loaded.isNew;
    this.begin(data);
  }

  replace(value) {
    this.looked = true;
    if (value === null || value === undefined) this.current = false;
    else if (typeof value === 'object') this.begin(value);
    else throw new Error('req.session can only be set as null or an object.');
  }

  // What the cookie is to hold: '' where it is to go, undefined where it stays as it is.
  toWrite() {
    const { current } = this;
    if (current === undefined) return undefined;
    if (current === false) return '';
    if (current.isNew && !current.isPopulated) return this.renewed ? '' : undefined;
    const text = this.shared.codec.encode(current);
    return text === current._ctx._val ? undefined : text;
  }

  finish() {
    const text = this.toWrite();
    if (text === undefined) return undefined;
    this.written = text;
    const renewed = this.current === false || this.current.isNew;
    const { codec } = this.shared;
    // A new session has a new place.
    const key = renewed && text !== '' ? undefined : this.spilled;
    try {
      const left = renewed && text !== '' && this.spilled !== undefined ? codec.forget(this.spilled) : undefined;
      const written = chain(left, () => codec.write(this.req, this.res, text, this.req.sessionOptions, key));
      return chain(written, (lines) => {
        this.setCookie = lines?.pop();
        this.otherCookies = lines;
      });
    } catch (error) {
      if (!(error instanceof TypeError) && !error.message.startsWith('Cannot send secure')) throw error;
      // cookie-session says nothing of a cookie that can't be sent, and goes on.
      this.shared.tell('unsent', error, this.req);
      return undefined;
    }
  }

  // Before the headers of a response that is sent in one piece this throws what they could only throw when it is too late.
  finishLate() {
    const text = this.toWrite();
    if (this.phase !== 0 && text !== undefined && text !== this.written) {
      this.shared.tellLate(STEP.lateInCookie, this.req);
    }
  }
}

const SESSION = (state) => ({
  configurable: true,
  enumerable: true,
  get: () => state.look(),
  set: (value) => state.replace(value),
});

class CookieShared extends Announcer {
  constructor(codec, waits) {
    super();
    this.codec = codec;
    this.waits = waits; // the store's answers
    this.headersOf = [
      [0, 0],
      [0, 0],
    ];
  }
}

function cookieMiddleware(codec, options, waits) {
  const shared = new CookieShared(codec, waits);

  function cookieSession(req, res, next) {
    const state = new CookieRequest(shared, req, res, next);
    req.sessionOptions = Object.create(options);
    Object.defineProperty(req, 'session', SESSION(state));
    keepState(req, state);
    install(state, res);
    if (!waits) return next();
    let text;
    try {
      text = state.read();
    } catch (error) {
      return next(error);
    }
    if (!(text instanceof Promise)) {
      state.take(text);
      return next();
    }
    text.then((found) => state.take(found)).then(() => next(), next);
    return undefined;
  }
  return shared.speakThrough(cookieSession);
}

module.exports = { cookieMiddleware };
