'use strict';

// Store: a session store for express-session itself, on any of coatcheck's stores.
//
//   app.use(require('express-session')({ store: new Store('file:./sessions', { secret }), … }))
//
// Keeps the JSON that express-session gives it, cookie included, under a hash of the session id: HMAC with the
// secret where one is given, else plain SHA-256. A set of a session that was read here is a compare-and-set: it
// never brings a destroyed session back, and other requests' changes to other keys are kept.

const { createHash } = require('node:crypto');
const { EventEmitter } = require('node:events');
const { answer } = require('./answer.js');
const { construct, fromNative } = require('./errors.js');
const { native, ask } = require('./native.js');
const { serialise } = require('./payload.js');

const DAY = 86_400_000;
const SCAN = 1000;
const RETRIES = 8;
// Sets our entries apart from the records of coatcheck's own middleware, which may share the store.
const PREFIX = 'x-';

const NATIVE = Symbol('coatcheck.store');
// Session object → { key, version, json } as read or last written.
const known = new WeakMap();

function nativeOf(store) {
  return store[NATIVE];
}

// An Error answer of the addon becomes an exception.
function checked(answer) {
  if (answer instanceof Error) throw fromNative(answer);
  return answer;
}

function millisecondsLeft(session, ttl, now) {
  const expires = session?.cookie?.expires;
  if (expires) return new Date(expires).valueOf() - now;
  const age = session?.cookie?.originalMaxAge;
  return typeof age === 'number' ? age : ttl;
}

// What `new Cookie(stored)` makes in express-session. Its Cookie can't be called by us: the prototype is an object
// literal, so that a cookie's `constructor` is Object.
function restoreCookie(prototype, stored) {
  const cookie = Object.create(prototype);
  cookie.path = '/';
  cookie.maxAge = null;
  cookie.httpOnly = true;
  for (const name of Object.keys(stored)) if (name !== 'data') cookie[name] = stored[name];
  if (typeof stored.expires === 'string') cookie.expires = new Date(stored.expires);
  cookie.originalMaxAge = stored.originalMaxAge === undefined ? cookie.maxAge : stored.originalMaxAge;
  return cookie;
}

class Store extends EventEmitter {
  #hash;
  #ttl;
  #classes;

  constructor(url = process.env.COATCHECK_STORE ?? 'file:./sessions', options = {}) {
    super();
    if (typeof url !== 'string') throw new TypeError('store must be a URL, such as file:./sessions');
    const { secret, ttl = DAY, ...others } = options;
    for (const name of Object.keys(others))
      throw new TypeError(`unknown Store option '${name}'; there are: secret, ttl`);
    if (typeof ttl !== 'number' || !(ttl > 0)) throw new TypeError('ttl option must be milliseconds above 0');
    this.#ttl = ttl;
    this.#hash = (sid) => createHash('sha256').update(sid).digest('base64url');
    if (secret !== undefined) {
      const keys = construct(native.createKeys, [].concat(secret), 'secret');
      for (const warning of keys.warnings) process.emitWarning(warning, 'CoatcheckWarning');
      this.#hash = keys.storeKey;
    }
    Object.defineProperty(this, NATIVE, { value: construct(native.openStore, url) });
  }

  #key(sid) {
    return PREFIX + this.#hash(sid);
  }

  async #ask(start) {
    const store = this[NATIVE];
    return checked(store.synchronous ? start(store, 0) : await ask((slot) => start(store, slot)));
  }

  // The session, or undefined (null in express-session's eyes) when there is none.
  get(sid, callback) {
    return answer(this.#get(this.#key(sid)), callback);
  }

  async #get(key) {
    const found = await this.#ask((store, slot) => store.read(key, slot));
    if (found === undefined) return undefined;
    const [json, version] = found;
    const session = JSON.parse(json);
    known.set(session, { key, version, json });
    return session;
  }

  set(sid, session, callback) {
    return answer(this.#set(this.#key(sid), session), callback);
  }

  async #set(key, session) {
    const mine = serialise(session);
    const left = millisecondsLeft(session, this.#ttl, Date.now());
    if (left <= 0) {
      await this.#ask((store, slot) => store.remove(key, slot));
      return;
    }
    const expiresAt = Math.round(Date.now() + left);
    const read = known.get(session);
    const base = read?.key === key ? read : undefined;
    let json = mine;
    let expect = base?.version;
    for (let attempt = 0; attempt <= RETRIES; ++attempt) {
      const version = await this.#ask((store, slot) => store.put(key, json, expiresAt, expect, slot));
      if (version !== false) {
        known.set(session, { key, version, json });
        return;
      }
      const current = await this.#ask((store, slot) => store.read(key, slot));
      if (current === undefined) return; // destroyed meanwhile: it stays destroyed
      json = native.mergePayloads(base.json, mine, current[0], 'mine');
      expect = current[1];
    }
    throw fromNative({
      code: 'ERR_SESSION_CONFLICT',
      message: 'the session was changed by other requests on every attempt to store it',
    });
  }

  // Moves the deadline alone; a session that is not there any more is not created.
  touch(sid, session, callback) {
    return answer(this.#touch(this.#key(sid), session), callback);
  }

  async #touch(key, session) {
    const expiresAt = Math.round(Date.now() + millisecondsLeft(session, this.#ttl, Date.now()));
    await this.#ask((store, slot) => store.touch(key, expiresAt, slot));
  }

  destroy(sid, callback) {
    const key = this.#key(sid);
    return answer(
      this.#ask((store, slot) => store.remove(key, slot)).then(() => undefined),
      callback,
    );
  }

  // The keys of all live sessions: hashes of their ids, which the store never sees.
  ids(callback) {
    return answer(this.#ids(), callback);
  }

  async #ids() {
    const keys = new Set();
    let cursor = '';
    do {
      const [next, ...some] = await this.#ask((store, slot) => store.scan(cursor, SCAN, slot));
      for (const key of some) if (key.startsWith(PREFIX)) keys.add(key);
      cursor = next;
    } while (cursor !== '');
    return [...keys];
  }

  length(callback) {
    return answer(
      this.#ids().then((keys) => keys.length),
      callback,
    );
  }

  all(callback) {
    return answer(
      this.#ids()
        .then((keys) => Promise.all(keys.map((key) => this.#get(key))))
        .then((sessions) => sessions.filter((session) => session !== undefined)),
      callback,
    );
  }

  // Everything in the store, what other services and coatcheck's own middleware keep there included.
  clear(callback) {
    return answer(
      this.#ask((store, slot) => store.clear(slot)).then(() => undefined),
      callback,
    );
  }

  // Ends all work on this store; later operations fail with ERR_STORE_CLOSED.
  close() {
    this[NATIVE].close();
  }

  // ---- what express-session's own Store base class does

  regenerate(req, callback) {
    this.destroy(req.sessionID, (error) => {
      this.generate(req);
      callback(error);
    });
  }

  load(sid, callback) {
    this.get(sid, (error, session) => {
      if (error) return callback(error);
      if (!session) return callback();
      return callback(null, this.createSession({ sessionID: sid, sessionStore: this }, session));
    });
  }

  createSession(req, data) {
    const { Session, cookiePrototype } = this.#sessionClasses(req);
    const base = known.get(data);
    data.cookie = restoreCookie(cookiePrototype, data.cookie);
    req.session = new Session(req, data);
    if (base !== undefined) known.set(req.session, base);
    return req.session;
  }

  // express-session's classes, learned from a session that its middleware makes: `generate` is the middleware's.
  #sessionClasses(req) {
    if (this.#classes === undefined) {
      const scratch = Object.create(req);
      this.generate(scratch);
      this.#classes = {
        Session: scratch.session.constructor,
        cookiePrototype: Object.getPrototypeOf(scratch.session.cookie),
      };
    }
    return this.#classes;
  }
}

module.exports = { Store, nativeOf };
