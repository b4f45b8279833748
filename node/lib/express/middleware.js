'use strict';

// A middleware over any store that has express-session's methods: (req, res, next).
//
// `settings`: what the options came to,
//   keysOf(req)   the keys that sign and verify (native.createKeys), or undefined where there are none
//   name, store, genid (or undefined), proxy, cookie (an object or a function of the request), deadline (ms),
//   rolling, resave, saveUninitialized, unset, onConflict, merge, onStoreError, staleFor (ms)
// `dialect`: what differs between the entries of the package,
//   headersFirst  headers are sent as the application sends them; the response's end alone waits for the store
//   failsLate     what the store fails at goes to next(err), and the response goes on as it is
//   clears        the cookie of a session that was ended is cleared
//   quiet         a cookie that is withheld is not told of
//   Session, stringify, refuseSpoilt
//   expressHeaders  responses say nothing of caches, as express-session's do
//   cookiesOf(req)  further places where a cookie may be, as pairs of a value and whether it was verified; or undefined

const { Announcer } = require('../announcer.js');
const { tamperedError } = require('../errors.js');
const { LastKnown } = require('../last-known.js');
const { native } = require('../native.js');
const { isBelow, isSecure } = require('../request-facts.js');
const { install } = require('../response.js');
const { shareClass } = require('../shapes.js');
const { findState, keepState } = require('../states.js');
const { carry, nativeOf } = require('../store.js');
const { Cookie, serializeCookie } = require('./cookie.js');
const { InFlight } = require('./in-flight.js');
const { StoreRequest } = require('./request.js');

const ID_BYTES = 24; // as express-session's ids: 32 characters
const EPOCH = new Date(0);

// Requests of all middlewares on one store, whichever they came through.
const flightsOf = new WeakMap();

class StoreShared extends Announcer {
  #settings;
  #reached = true;

  constructor(dialect, settings) {
    super();
    const { store, rolling, resave, saveUninitialized, unset } = settings;
    this.#settings = settings;
    this.dialect = dialect;
    this.keysOf = settings.keysOf;
    this.store = store;
    this.deadline = settings.deadline;
    this.onConflict = settings.onConflict;
    this.merge = settings.merge;
    this.onStoreError = settings.onStoreError;
    this.lastKnown = settings.onStoreError === 'stale' ? new LastKnown(settings.staleFor) : undefined;
    this.Session = dialect.Session;
    this.stringify = dialect.stringify;
    this.refuseSpoilt = dialect.refuseSpoilt;
    this.carry = carry;
    const policy = { rolling, resave, saveUninitialized, removedEnds: unset === 'destroy' };
    const rules = native.lifeCycle(policy, dialect.expressHeaders);
    this.endTable = rules.end;
    this.cookieTable = rules.cookie;
    const [neither, cookie, looked, both] = rules.headers;
    this.headersOf = [
      [neither, cookie],
      [looked, both],
    ];
    // Our own stores compare and set.
    this.own = nativeOf(store) !== undefined;
    if (!this.own) {
      if (!flightsOf.has(store)) flightsOf.set(store, new InFlight());
      this.flights = flightsOf.get(store);
    }
    this.#listen(store);
  }

  // A store may say that it is out of reach; then requests go on without a session.
  #listen(store) {
    store.on?.('disconnect', () => {
      this.#reached = false;
    });
    store.on?.('connect', () => {
      this.#reached = true;
    });
    // The base class' regenerate() calls it. Of two middlewares on one store each makes its own sessions.
    store.generate = (req) => {
      const state = findState(req);
      (state instanceof StoreRequest ? state : new StoreRequest(this, req, {}, undefined, undefined)).generate();
    };
  }

  get reached() {
    return this.#reached;
  }

  newId(req) {
    const { genid } = this.#settings;
    return genid === undefined ? native.newId(ID_BYTES) : genid(req);
  }

  isSecure(req) {
    return isSecure(req, this.#settings.proxy);
  }

  #cookieOptions(req) {
    const { cookie } = this.#settings;
    return typeof cookie === 'function' ? cookie(req) : cookie;
  }

  covers(req) {
    return isBelow(this.#cookieOptions(req)?.path || '/', req);
  }

  freshCookie(req) {
    const options = this.#cookieOptions(req);
    const cookie = new Cookie(options);
    if (options?.secure === 'auto') cookie.secure = this.isSecure(req);
    if (options?.sameSite === 'auto') cookie.sameSite = this.isSecure(req) ? 'none' : 'lax';
    return cookie;
  }

  // Whether a cookie may go out with the response.
  maySend(req, cookie) {
    if (!cookie.secure || this.isSecure(req)) return true;
    if (!this.dialect.quiet) this.warnWithheld();
    return false;
  }

  // The id that a request's cookie has: of several cookies of the name, the first that is signed.
  idOf(req, keys) {
    const { name } = this.#settings;
    const { cookie } = req.headers;
    const values = cookie ? native.findCookie(cookie, name).values : [];
    for (const value of values) {
      const id = unsign(keys, value);
      if (id) return id;
    }
    if (values.some((value) => value.startsWith('s:'))) this.tellListeners('tampered', tamperedError(), req);
    return this.dialect.elsewhere?.(req, name, (value) => unsign(keys, value));
  }

  // Set-Cookie of a request's session. Throws what is wrong with it.
  cookieOf(req, cookie) {
    return serializeCookie(this.#settings.name, this.keysOf(req).sign(req.sessionID), cookie.data ?? {});
  }

  clearingCookie(req) {
    const cookie = this.freshCookie(req);
    return serializeCookie(this.#settings.name, '', { ...cookie.data, expires: EPOCH });
  }
}

function unsign(keys, value) {
  return typeof value === 'string' && value.startsWith('s:') ? keys.unsign(value) || undefined : undefined;
}

// What `start` throws is an error for next().
function attempt(start) {
  try {
    return start();
  } catch (error) {
    return error;
  }
}

function storeSession(dialect, settings) {
  const shared = new StoreShared(dialect, settings);

  // Answers what next() is to get, or a promise of it.
  function begin(req, res, next) {
    const keys = shared.keysOf(req);
    if (keys === undefined) return new Error('secret option required for sessions');
    shareClass(req, 'complete');
    req.sessionStore = shared.store;
    req.sessionID = shared.idOf(req, keys);
    const state = new StoreRequest(shared, req, res, next, req.sessionID);
    keepState(req, state);
    install(state, res);
    return state.open();
  }

  function coatcheck(req, res, next) {
    if (req.session) return next();
    if (!shared.reached) return next();
    const opened = attempt(() => (shared.covers(req) ? begin(req, res, next) : undefined));
    if (opened instanceof Promise) opened.then(next, next);
    else next(opened);
    return undefined;
  }
  return shared.speakThrough(coatcheck);
}

module.exports = { storeSession };
