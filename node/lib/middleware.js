'use strict';

// session(options): the middleware, for Express 4 and 5 and for plain http: (req, res, next).

const { Announcer } = require('./announcer.js');
const { construct, fromNative } = require('./errors.js');
const { native, operate } = require('./native.js');
const { checkCookie, engineOptions, normalise } = require('./options.js');
const { RequestState } = require('./request.js');
const { isBelow, isSecure } = require('./request-facts.js');
const { foreignSession } = require('./express/foreign.js');
const { install } = require('./response.js');
const { shareClass } = require('./shapes.js');
const { SessionStore } = require('./session-store.js');
const { attach, stateOf } = require('./states.js');
const { nativeOf } = require('./store.js');

const MAX_ID = 128;

// What all requests of one middleware share.
class Shared extends Announcer {
  #onTls;
  #onPlain;

  constructor(options) {
    super();
    this.options = options;
    this.store = new SessionStore(this);
    this.keeper = nativeOf(options.store);
    this.inCookie = options.mode !== 'store'; // the cookie carries the session itself
    this.engine = construct(native.createEngine, options.keys, this.keeper, engineOptions(options));
    this.endTable = this.engine.endTable();
    this.headersOf = [false, true].map((looked) =>
      [false, true].map((sendsCookie) => this.engine.responseHeaders(sendsCookie, looked)),
    );
    this.#onTls = this.engine.cookieAttributes(true);
    this.#onPlain = this.engine.cookieAttributes(false);
    this.cookieIsDynamic =
      options.cookieFunction !== undefined ||
      options.cookie.expires !== undefined ||
      options.cookie.maxAge instanceof Date;
    for (const warning of options.keys.warnings) process.emitWarning(warning, 'CoatcheckWarning');
  }

  open(header, secure) {
    return operate((slot) => this.engine.open(header, secure, slot));
  }

  load(id) {
    return operate((slot) => this.engine.load(id, slot));
  }

  inspect(key) {
    return operate((slot) => this.engine.inspect(key, slot));
  }

  commit(base, payload, cookie, id, flags, owner) {
    return operate((slot) => this.engine.commit(base, payload, cookie, id, flags, slot, owner));
  }

  destroy(base, secure) {
    return operate((slot) => this.engine.destroy(base, secure, slot));
  }

  regenerate(base, id) {
    return operate((slot) => this.engine.regenerate(base, slot, id));
  }

  newId(req) {
    if (this.options.genid === undefined) return native.newId(this.options.idBytes ?? 32);
    const id = this.options.genid(req);
    // The id stands in a cookie and in one line of text.
    if (typeof id !== 'string' || id.length === 0 || id.length > MAX_ID || !/^[\x20-\x7e]+$/.test(id)) {
      throw new TypeError(`genid must return a string of 1 to ${MAX_ID} printable ASCII characters`);
    }
    return id;
  }

  // Whose session it is, by the application's own rule; '' for nobody's. Undefined: the application has no such rule.
  ownerOf(session) {
    if (this.options.owner === undefined) return undefined;
    const owner = this.options.owner(session) ?? '';
    if (typeof owner !== 'string') throw new TypeError('owner must return a string, or nothing for nobody');
    return owner;
  }

  // What a cookie is as far as the middleware's options go; what differs from it is a session's own.
  cookieDefaults(secure) {
    const { cookie } = this.options;
    // What a request of this kind is sent, by the core's policy: what is shown is what is sent.
    const sent = secure ? this.#onTls : this.#onPlain;
    return {
      path: cookie.path ?? '/',
      domain: cookie.domain,
      httpOnly: cookie.httpOnly ?? true,
      secure: sent.secure,
      sameSite: sent.sameSite,
      partitioned: cookie.partitioned === undefined ? undefined : sent.partitioned,
      priority: cookie.priority,
      maxAge: typeof cookie.maxAge === 'number' && cookie.expires === undefined ? cookie.maxAge : null,
    };
  }

  // The cookie of a new session: a function's answer for this request, or the options.
  freshCookie(req, defaults, secure) {
    const { cookie, cookieFunction } = this.options;
    if (cookieFunction === undefined) {
      const fixed = cookie.expires ?? (cookie.maxAge instanceof Date ? cookie.maxAge : undefined);
      return fixed === undefined ? defaults : { ...defaults, maxAge: undefined, expires: fixed };
    }
    const own = checkCookie(cookieFunction(req) ?? {});
    if (own.secure === 'auto') own.secure = secure;
    if (own.sameSite === 'auto') own.sameSite = secure ? 'none' : 'lax';
    return { ...defaults, ...own };
  }
}

function session(given) {
  const options = normalise(given);
  if (nativeOf(options.store) === undefined) return foreignSession(options);
  if (options.given.has('deadline')) {
    throw new TypeError(
      "deadline option: coatcheck's own stores have theirs in the URL, as in redis://HOST?timeout=5000",
    );
  }
  const shared = new Shared(options);
  const { proxy } = options;
  const path = options.cookie.path ?? '/';

  function begin(req, res, next, secure, opened) {
    const state = new RequestState(shared, req, res, next, secure);
    if (typeof opened === 'string') {
      state.base = opened;
    } else if (typeof opened === 'number') {
      state.reason = opened;
    } else if (Array.isArray(opened)) {
      [state.reason, state.rivals] = opened;
    } else if (opened !== undefined) {
      const error = fromNative(opened);
      if (opened.base === undefined) shared.store.heard(error);
      state.lose(error, opened.base);
    }
    attach(state, req);
    install(state, res);
    if (state.unknown === undefined) return next();
    // Express takes what a handler throws; without it, the error that our own look threw would end the process.
    try {
      return next();
    } catch (error) {
      if (error !== state.unknown) throw error;
      return next(error);
    }
  }

  function coatcheck(req, res, next) {
    if (stateOf(req) !== undefined) return next();
    shareClass(req, 'complete');
    if (req.session) return next();
    if (path !== '/' && !isBelow(path, req)) return next();
    const secure = isSecure(req, proxy);
    const header = req.headers.cookie;
    if (header === undefined) return begin(req, res, next, secure, undefined);
    const opened = shared.open(header, secure);
    if (!(opened instanceof Promise)) return begin(req, res, next, secure, opened);
    opened.then((answer) => {
      if (!(answer instanceof Error)) shared.store.heard(undefined);
      begin(req, res, next, secure, answer);
    });
    return undefined;
  }
  return shared.speakThrough(coatcheck);
}

module.exports = { session };
