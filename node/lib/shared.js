'use strict';

// What all requests of one middleware share: the engine, the options, and what is told of requests.

const { Announcer } = require('./announcer.js');
const { chain } = require('./chain.js');
const { construct } = require('./errors.js');
const { LastKnown } = require('./last-known.js');
const { FLAGS, STATUS, native, operate } = require('./native.js');
const { checkCookie, engineOptions } = require('./options.js');
const { pruneEvery } = require('./pruning.js');
const { SessionStore } = require('./session-store.js');
const { nativeOf } = require('./store.js');
const { codecOf } = require('./tagged.js');

const MAX_ID = 128;

class Shared extends Announcer {
  #onTls;
  #onPlain;

  constructor(options) {
    super();
    this.options = options;
    this.codec = codecOf(options.types);
    this.store = new SessionStore(this);
    this.keeper = nativeOf(options.store);
    this.lastKnown = options.onStoreError === 'stale' ? new LastKnown(options.staleFor) : undefined;
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
    if (options.pruneInterval > 0) pruneEvery(options.pruneInterval, this, this.toldOfPruning);
  }

  toldOfPruning(error, count) {
    if (error !== undefined) this.tellListeners('unknown', error);
    else this.events.emit('expired', count);
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

  // `req`: whose listeners are told of sessions that begin and end; of a session store's own calls there is none.
  commit(base, payload, cookie, id, flags, owner, req) {
    const result = operate((slot) => this.engine.commit(base, payload, cookie, id, flags, slot, owner));
    if ((flags & FLAGS.presented) !== 0 || this.events.listenerCount('created') === 0) return result;
    return chain(result, (answer) => {
      const status = typeof answer === 'number' ? answer : answer[0];
      if (status === STATUS.stored || status === STATUS.merged) this.events.emit('created', req);
      return answer;
    });
  }

  destroy(base, secure, req) {
    return this.#tellEnd(
      operate((slot) => this.engine.destroy(base, secure, slot)),
      req,
    );
  }

  // Ends the old id.
  regenerate(base, id, req) {
    return this.#tellEnd(
      operate((slot) => this.engine.regenerate(base, slot, id)),
      req,
    );
  }

  #tellEnd(result, req) {
    if (this.events.listenerCount('destroyed') === 0) return result;
    return chain(result, (answer) => {
      if (typeof answer === 'string') this.events.emit('destroyed', req);
      return answer;
    });
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

  // What a request's cookie is known by.
  cookieKey(header, secure) {
    return native.findCookie(header, this.engine.cookieName(secure)).values.join('\n');
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

module.exports = { Shared };
