'use strict';

// Store: a session store for express-session itself, on any of coatcheck's stores.
//
//   app.use(require('express-session')({ store: new Store('file:./sessions', { secret }), … }))
//
// With a secret, and under coatcheck's own middleware, its sessions are the records that the other languages read
// (lib/session-store.js). Without one there is no key to hash ids with as they do: it keeps the JSON that express-session
// gives it, cookie included, under a plain SHA-256 of the session id. Either way a set of a session that was read here is
// a compare-and-set: it never brings a destroyed session back, and other requests' changes to other keys are kept.
// In the layout of connect-redis or connect-pg-simple it keeps that JSON under the id, as they do.

const { answer } = require('./answer.js');
const { checked, construct, fromNative } = require('./errors.js');
const { Store: Base } = require('./express/store.js');
const { Given } = require('./given.js');
const { native, operate } = require('./native.js');
const { parseStored, serialise, stringify } = require('./payload.js');
const { isPlace, urlOf } = require('./place.js');
const { prune } = require('./pruning.js');
const { carryBase } = require('./read-as.js');
const { countOf, eachOf, pagesOf } = require('./scan.js');
const { stateOf } = require('./states.js');

const DAY = 86_400_000;
const RETRIES = 8;
// Sets our entries apart from the records of coatcheck's own middleware, which may share the store.
const PREFIX = 'x-';

// What the option may be, and what is said of one that may not.
const ENCRYPT = [
  (value) => [true, false, 'migrate', 'prepare'].includes(value),
  'encrypt option must be true, false, "migrate" or "prepare"',
];

const NEAR_CACHE = [
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    typeof value.size === 'number' &&
    (value.maxStale === undefined || typeof value.maxStale === 'number') &&
    Object.keys(value).every((name) => name === 'size' || name === 'maxStale'),
  'nearCache option must be { size, maxStale }: bytes, and milliseconds or nothing',
];

const NATIVE = Symbol('coatcheck.store');
const KEYS = Symbol('coatcheck.keys');
const PLAIN_JSON = Symbol('coatcheck.plainJson');
const BIND = Symbol('coatcheck.bind');

// What a session was when it was read or last written: { place, sid or key, version, json }. A private field of the
// session object: nothing else sees it, and the garbage collector has far less to do than with a WeakMap.
class Known extends Given {
  #base;

  constructor(session, base) {
    super(session);
    this.#base = base;
  }

  // What is no object was stored by somebody else, and has no base.
  static of(session) {
    return Object(session) === session && #base in session ? session.#base : undefined;
  }

  static note(session, base) {
    if (Object(session) !== session) return;
    if (#base in session) session.#base = base;
    else if (Object.isExtensible(session)) new Known(session, base);
  }
}

function nativeOf(store) {
  return store[NATIVE];
}

// A caller's callback is never called before the method returns. Our own middlewares do not need that: what a store
// answers at once they get at once.
let inside = false;
function calledInside(start) {
  inside = true;
  try {
    return start();
  } finally {
    inside = false;
  }
}

// What is known of a session that `get` gave is true of the object that is made of it.
function carry(from, to) {
  const base = Known.of(from);
  if (base !== undefined) Known.note(to, base);
  carryBase(from, to);
}

const nothing = () => undefined;
const same = (answer) => answer;

function millisecondsLeft(session, ttl, now) {
  const expires = session?.cookie?.expires;
  if (expires) {
    const end = (expires instanceof Date ? expires : new Date(expires)).valueOf();
    if (Number.isNaN(end)) throw new TypeError("the session's cookie has no valid expires");
    return end - now;
  }
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

// A record's data with its cookie as express-session's stores keep one: what it does not say is not there.
function asStored(data) {
  if (data === undefined) return undefined;
  const { expires, ...cookie } = data.cookie.toJSON();
  for (const name of Object.keys(cookie)) {
    if (cookie[name] === undefined || (cookie[name] === false && name !== 'httpOnly')) delete cookie[name];
  }
  data.cookie = { ...cookie, expires: expires instanceof Date ? expires.toISOString() : null };
  return data;
}

class Store extends Base {
  #sessions; // the native store by session id: the hash is taken over there
  #place;
  #print;
  #ttl;
  #classes;
  #records; // a SessionStore, once the store is bound to one

  // `options[KEYS]`: the middleware's; `options[PLAIN_JSON]`: values that JSON spoils are stored so.
  constructor(url = process.env.COATCHECK_STORE ?? 'file:./sessions', options = {}) {
    super();
    if (!isPlace(url)) throw new TypeError('store must be a URL, such as file:./sessions');
    const place = urlOf(url);
    const { secret, ttl, encrypt = false, nearCache, ...others } = options;
    for (const name of Object.keys(others))
      throw new TypeError(`unknown Store option '${name}'; there are: secret, ttl, encrypt, nearCache`);
    if (!ENCRYPT[0](encrypt)) throw new TypeError(ENCRYPT[1]);
    if (nearCache !== undefined && !NEAR_CACHE[0](nearCache)) throw new TypeError(NEAR_CACHE[1]);
    if (ttl !== undefined && (!Number.isFinite(ttl) || ttl <= 0)) {
      throw new TypeError('ttl option must be milliseconds above 0');
    }
    this.#print = options[PLAIN_JSON] ? stringify : serialise;
    let keys;
    if (secret !== undefined) {
      keys = construct(native.createKeys, [].concat(secret), 'secret');
      for (const warning of keys.warnings) process.emitWarning(warning, 'CoatcheckWarning');
    }
    const store = construct(
      native.openStore,
      place,
      keys ?? options[KEYS],
      encrypt === true ? 'required' : encrypt || 'off',
      nearCache?.size,
      nearCache?.maxStale,
    );
    Object.defineProperty(this, NATIVE, { value: store });
    this.#ttl = ttl ?? (store.foreign ? store.lifetime : DAY);
    this.#sessions = native.storeById(store, keys, PREFIX);
    // Of two stores in one place with one secret, each knows what the other has read.
    this.#place = `${place} ${this.#sessions.key('')}`;
  }

  // From now on this answers for the sessions of a middleware.
  [BIND](records) {
    this.#records = records;
  }

  // A session that was ended meanwhile stays ended. Our own middlewares tell of it.
  async #setRecord(sid, session) {
    try {
      await this.#records.set(sid, session);
    } catch (error) {
      if (error.code !== 'ERR_SESSION_GONE' || stateOf(session.req ?? {}) !== undefined) throw error;
    }
  }

  // `start(slot)` asks the store, `then(answer)` makes the result of the answer, or a promise of it. A store that answers
  // at once takes no promise on the way to a callback: those and their turns cost more than the store does.
  #run(callback, start, then) {
    let result;
    try {
      const found = operate(start);
      result = found instanceof Promise ? found.then(checked).then(then) : then(checked(found));
    } catch (error) {
      if (typeof callback !== 'function') return Promise.reject(error);
      process.nextTick(callback, error);
      return undefined;
    }
    if (typeof callback !== 'function' || result instanceof Promise) return answer(Promise.resolve(result), callback);
    if (inside) callback(null, result);
    else process.nextTick(callback, null, result);
    return undefined;
  }

  async #ask(start) {
    return checked(await operate(start));
  }

  // The session, or undefined (null in express-session's eyes) when there is none.
  get(sid, callback) {
    if (this.#records !== undefined) return answer(this.#records.get(sid).then(asStored), callback);
    return this.#run(
      callback,
      (slot) => this.#sessions.read(sid, slot),
      (found) => {
        if (found === undefined) return undefined;
        // A digit more than '0' for each character of the version, the version, the JSON.
        const begin = found.charCodeAt(0) - 47;
        const json = found.slice(begin);
        const session = parseStored(json);
        Known.note(session, { place: this.#place, sid, key: undefined, version: found.slice(1, begin), json });
        return session;
      },
    );
  }

  set(sid, session, callback) {
    if (this.#records !== undefined) return answer(this.#setRecord(sid, session), callback);
    let json;
    let base;
    let expiresAt;
    return this.#run(
      callback,
      (slot) => {
        json = this.#print(session);
        base = this.#baseOf(sid, session);
        const now = Date.now();
        const left = millisecondsLeft(session, this.#ttl, now);
        if (left <= 0) return this.#sessions.remove(sid, slot);
        expiresAt = Math.round(now + left);
        return this.#sessions.put(sid, json, expiresAt, base?.version, slot);
      },
      (version) => {
        if (expiresAt === undefined) return undefined; // its time was over
        if (version === false) return this.#merge(sid, session, base, json, expiresAt);
        Known.note(session, { place: this.#place, sid, key: undefined, version, json });
        return undefined;
      },
    );
  }

  // What is known of the session, if it is this store's under this id.
  #baseOf(sid, session) {
    const known = Known.of(session);
    if (known === undefined || known.place !== this.#place) return undefined;
    return known.sid === sid || (known.sid === undefined && known.key === this.#sessions.key(sid)) ? known : undefined;
  }

  // Another request has stored the session since it was read: what both have changed is joined.
  async #merge(sid, session, base, mine, expiresAt) {
    for (let attempt = 0; attempt < RETRIES; ++attempt) {
      const key = this.#sessions.key(sid);
      const current = await this.#ask((slot) => this[NATIVE].read(key, slot));
      if (current === undefined) return; // destroyed meanwhile: it stays destroyed
      const json = native.mergePayloads(base.json, mine, current[0], 'mine');
      const version = await this.#ask((slot) => this.#sessions.put(sid, json, expiresAt, current[1], slot));
      if (version !== false) {
        Known.note(session, { place: this.#place, sid, key: undefined, version, json });
        return;
      }
    }
    throw fromNative({
      code: 'ERR_SESSION_CONFLICT',
      message: 'the session was changed by other requests on every attempt to store it',
    });
  }

  // Moves the deadline alone; a session that is not there any more is not created.
  touch(sid, session, callback) {
    if (this.#records !== undefined) return this.#records.touch(sid, session, callback);
    return this.#run(
      callback,
      (slot) => {
        const now = Date.now();
        return this.#sessions.touch(sid, Math.round(now + millisecondsLeft(session, this.#ttl, now)), slot);
      },
      nothing,
    );
  }

  destroy(sid, callback) {
    if (this.#records !== undefined) return this.#records.destroy(sid, callback);
    return this.#run(callback, (slot) => this.#sessions.remove(sid, slot), nothing);
  }

  #pages() {
    const isMine = this.#records === undefined ? (key) => key.startsWith(PREFIX) : native.isSessionKey;
    return pagesOf(this[NATIVE], this[NATIVE].foreign ? () => true : isMine);
  }

  // The keys of all live sessions: hashes of their ids, which the store never sees.
  ids(callback) {
    return answer(this.#ids(), callback);
  }

  async #ids() {
    const ids = [];
    for await (const keys of this.#pages()) ids.push(...keys);
    return ids;
  }

  length(callback) {
    return answer(this.#length(), callback);
  }

  async #length() {
    return countOf(this.#pages());
  }

  all(callback) {
    if (this.#records !== undefined)
      return answer(
        this.#records.all().then((all) => all.map(asStored)),
        callback,
      );
    return answer(this.#all(), callback);
  }

  async #all() {
    const store = this[NATIVE];
    const sessions = [];
    const read = async (key) => {
      const found = await this.#ask((slot) => store.read(key, slot));
      if (found === undefined) return;
      const [json, version] = found;
      const session = parseStored(json);
      Known.note(session, { place: this.#place, sid: undefined, key, version, json });
      sessions.push(session);
    };
    await eachOf(this.#pages(), read);
    return sessions;
  }

  // Everything in the store, what other services and coatcheck's own middleware keep there included.
  clear(callback) {
    return this.#run(callback, (slot) => this[NATIVE].clear(slot), nothing);
  }

  // Drops what has expired, and answers how many entries went. Redis does so by itself: 0 there.
  prune(callback) {
    return answer(prune(this[NATIVE]), callback);
  }

  // { entries, bytes, maxBytes }, of all that the store keeps: a remote one is walked for it; `nearCache`: its figures.
  stats(callback) {
    return this.#run(callback, (slot) => this[NATIVE].stats(slot), same);
  }

  // Ends all work on this store; later operations fail with ERR_STORE_CLOSED.
  close() {
    this[NATIVE].close();
  }

  // ---- what express-session's own Store base class does with its own classes

  createSession(req, data) {
    const { Session, cookiePrototype } = this.#sessionClasses(req);
    const { cookie } = data;
    data.cookie = restoreCookie(cookiePrototype, typeof cookie?.toJSON === 'function' ? cookie.toJSON() : cookie);
    req.session = new Session(req, data);
    carry(data, req.session);
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

module.exports = { BIND, ENCRYPT, KEYS, NEAR_CACHE, PLAIN_JSON, Store, calledInside, carry, nativeOf };
