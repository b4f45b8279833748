'use strict';

// One request's session: opened at its start, looked at or not, committed before the first byte of the response.
//
// Operations answer at once on a synchronous store and a promise on a remote one; `chain` follows either, so that
// both take the same path and a synchronous store never waits.

const { Cookie } = require('./cookie.js');
const { CoatcheckError, fromNative, isUnknown } = require('./errors.js');
const { ATTEMPT_SHIFT, FLAGS, STATUS, FRESH, native } = require('./native.js');
const { parseStored, refuseSpoilt, serialise } = require('./payload.js');
const { Session, cookieOf } = require('./session.js');
const ticket = require('./ticket.js');
const { unreadableSession } = require('./unreadable.js');

// Nobody has looked at the session.
const UNSEEN = Symbol('unseen');
const NO_COOKIE = FRESH.indexOf('no_cookie');

function chain(value, next) {
  return value instanceof Promise ? value.then(next) : next(value);
}

const parsePayload = (base) => parseStored(ticket.payloadOf(base));

const goneError = () =>
  new CoatcheckError(
    'ERR_SESSION_GONE',
    'the session was destroyed or expired while this request was under way; its changes were not stored',
  );

function attempt(start) {
  try {
    return start();
  } catch (error) {
    return Promise.reject(error);
  }
}

// What save(), destroy() and the like answer. Knows whether somebody awaits it: a failure that nobody would hear
// of goes to the error handler when the response is about to be sent.
class OperationPromise extends Promise {
  observed = false;

  static get [Symbol.species]() {
    return Promise;
  }

  // biome-ignore lint/suspicious/noThenProperty: this is a promise
  then(onFulfilled, onRejected) {
    this.observed = true;
    return super.then(onFulfilled, onRejected);
  }

  // A failure is no unhandled rejection.
  ignore() {
    super.then(undefined, () => {});
  }
}

class RequestState {
  constructor(shared, req, res, next, secure) {
    this.shared = shared; // { engine, options, cookieDefaults } of the middleware
    this.req = req;
    this.res = res;
    this.next = next;
    this.secure = secure;
    this.base = undefined; // the ticket of what is stored; undefined: nothing is
    this.reason = NO_COOKIE; // why the session is fresh
    this.current = UNSEEN; // what `req.session` is
    this.looked = false;
    this.freshId = undefined; // the id of a session that is not stored yet, once somebody asked for it
    this.unsaved = false; // regenerated with its data: to be stored even if nobody changes it
    this.aside = undefined; // data under names that a session object can't carry
    this.cookieBase = ''; // the stored cookie settings, as Cookie.settings prints them
    this.unknown = undefined; // the store did not answer: an error for whoever looks
    this.readOnly = false; // the store did not answer, and the policy is to go on without it
    this.lost = undefined; // a record that is there and can't be read: { base, error, told, session }
    this.printing = false;
    this.peeking = false;
    this.setCookie = undefined;
    this.clearCookie = undefined;
    this.tail = undefined; // the operation under way, on a remote store
    this.fault = undefined; // an operation failed and nobody was told by callback
    this.phase = 0; // of the response (lib/response.js)
    this.failed = false;
    this.originals = undefined;
    this.held = undefined;
    this.heldEnd = false;
    this.ended = false;
    this.uncover = undefined;
  }

  // ---- what the application sees

  look() {
    if (this.peeking) return this.current;
    if (this.current !== UNSEEN) return this.current;
    if (this.lost !== undefined) return this.lookAtLost();
    this.refuseUnknown();
    this.looked = true;
    let data = {};
    if (this.base !== undefined) {
      try {
        data = parsePayload(this.base);
      } catch (error) {
        this.lose(error, this.base);
        return this.look();
      }
    }
    this.current = new Session(this, data);
    return this.current;
  }

  // The store's answer is not known. `base`: of a record that is there and can't be read.
  lose(error, base) {
    if (this.shared.options.onUnknown === 'open') this.readOnly = true;
    else this.unknown = error;
    if (base === undefined) return;
    this.lost = { base, error, told: false };
    this.base = undefined;
  }

  lookAtLost() {
    this.looked = true;
    this.tellLost();
    if (this.unknown === undefined) {
      this.current = new Session(this, {}); // never saved
      return this.current;
    }
    this.lost.session ??= unreadableSession(this, () => this.refuseUnknown());
    return this.lost.session;
  }

  tellLost() {
    if (this.lost.told) return;
    this.lost.told = true;
    this.shared.tell('damaged', this.lost.error, this.req);
  }

  // Ends a record that can't be read, since the application says so; then the request has no session.
  endLost() {
    this.tellLost();
    return chain(this.shared.destroy(this.lost.base, this.secure), (answer) => {
      if (answer instanceof Error) throw fromNative(answer);
      this.clearCookie = answer;
      this.setCookie = undefined;
      this.lost = undefined;
      this.unknown = undefined;
      this.readOnly = false;
    });
  }

  // A request that never looks at its session is answered as if the store were there (a health check).
  refuseUnknown() {
    if (this.unknown !== undefined) throw this.unknown;
  }

  // `req.session = value`
  replace(value) {
    if (this.lost !== undefined && (value === null || value === undefined)) {
      // With `unset: 'destroy'` a way to log out: the record ends with the request.
      this.tellLost();
      this.unknown = undefined;
    }
    this.refuseUnknown();
    this.looked = true;
    const isData = typeof value === 'object' && value !== null && !(value instanceof Session);
    this.current = isData ? new Session(this, value) : value;
  }

  // A session that its cookie carries has no id until its first cookie is made.
  id() {
    this.refuseUnknown();
    if (this.base !== undefined && !this.unsaved) return ticket.idOf(this.base);
    if (this.shared.inCookie) return undefined;
    this.freshId ??= this.shared.newId(this.req);
    return this.freshId;
  }

  keepAside(key, value) {
    this.aside ??= Object.create(null);
    this.aside[key] = value;
  }

  makeCookie() {
    const defaults = this.shared.cookieDefaults(this.secure);
    if (this.base !== undefined) {
      const stored = ticket.parse(this.base);
      const cookie = Cookie.restore(defaults, stored.cookie, stored.expiresAt);
      this.cookieBase = Cookie.settings(cookie, defaults);
      return cookie;
    }
    return new Cookie(this.shared.freshCookie(this.req, defaults, this.secure));
  }

  adoptCookie(value) {
    if (value instanceof Cookie) return value;
    return new Cookie({ ...this.shared.cookieDefaults(this.secure), ...value });
  }

  // ---- operations that the application asks for

  // Runs `start` after what is under way.
  perform(start, toldByCallback) {
    const outcome = this.tail === undefined ? attempt(start) : this.tail.then(start);
    const pending = new OperationPromise((resolve, reject) => {
      if (outcome instanceof Promise) outcome.then(resolve, reject);
      else resolve(outcome);
    });
    if (!(outcome instanceof Promise)) return pending;
    const tail = outcome.then(
      () => {
        if (this.tail === tail) this.tail = undefined;
      },
      (error) => {
        if (!toldByCallback) this.fault = { error, pending };
        if (this.tail === tail) this.tail = undefined;
      },
    );
    this.tail = tail;
    pending.ignore();
    return pending;
  }

  save() {
    const session = this.look();
    if (!(session instanceof Session)) return undefined;
    if (this.readOnly)
      throw new CoatcheckError('ERR_STORE_UNAVAILABLE', 'the session can not be stored: its store did not answer');
    if (this.base === undefined && this.res.headersSent) {
      throw new CoatcheckError(
        'ERR_HEADERS_SENT',
        "a new session can't be stored once the response has begun: its cookie can't be sent",
      );
    }
    if (this.shared.inCookie && this.res.headersSent) {
      throw new CoatcheckError(
        'ERR_HEADERS_SENT',
        "a session in its cookie can't be stored once the response has begun: the cookie can't be sent",
      );
    }
    const payload = this.print(session);
    this.refuseSpoilt(session);
    const flags = FLAGS.save | FLAGS.wantSession;
    return chain(this.commit(payload, this.changedCookie(session), flags, session), (result) => {
      const error = this.take(result);
      if (error !== undefined) throw error;
      const [status, , stored, , withheld] = result;
      if (withheld === true) this.shared.warnWithheld();
      this.base = stored;
      this.unsaved = false;
      this.cookieBase =
        cookieOf(session) === undefined
          ? ''
          : Cookie.settings(cookieOf(session), this.shared.cookieDefaults(this.secure));
      if (status === STATUS.merged) this.adoptMerged(session, payload);
    });
  }

  // Another request's changes, merged by the core, become visible here, save where the application has moved on.
  adoptMerged(session, printed) {
    const merged = parsePayload(this.base);
    const mine = JSON.parse(printed);
    const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
    for (const key of new Set([...Object.keys(merged), ...Object.keys(mine)])) {
      if (key in Session.prototype || key === 'cookie' || !same(session[key], mine[key])) continue;
      if (Object.hasOwn(merged, key)) session[key] = merged[key];
      else delete session[key];
    }
  }

  // Read, change, compare-and-set, and again on conflict. `change` sees what is stored now; what the request changed
  // otherwise stays, and is stored at its end as always.
  transact(change) {
    if (typeof change !== 'function') throw new TypeError('transact needs a function of the session');
    const session = this.look();
    if (!(session instanceof Session)) {
      throw new CoatcheckError('ERR_INVALID_STATE', 'transact: the request has no session any more');
    }
    if (this.readOnly)
      throw new CoatcheckError('ERR_STORE_UNAVAILABLE', 'the session can not be stored: its store did not answer');
    if (this.shared.inCookie) {
      throw new CoatcheckError(
        'ERR_INVALID_STATE',
        `transact: in mode "${this.shared.options.mode}" the session is in its cookie: there is nothing to compare with`,
      );
    }
    // Not stored yet, it is this request's alone.
    if (this.base === undefined || this.unsaved) return change(session);
    const round = (number, base) => {
      const data = parsePayload(base);
      return chain(change(data), (value) => {
        const flags = FLAGS.exact | FLAGS.wantSession | (number << ATTEMPT_SHIFT) | (this.secure ? FLAGS.secure : 0);
        const owner = this.shared.ownerOf(data);
        refuseSpoilt(data);
        const pending = this.shared.commit(base, serialise(data), undefined, undefined, flags | FLAGS.presented, owner);
        return chain(pending, (result) => {
          if (result[0] === STATUS.stale) return round(number + 1, result[2]);
          const error = this.take(result);
          if (error !== undefined) throw error;
          const kept = native.mergePayloads(
            ticket.payloadOf(this.base),
            this.print(session),
            ticket.payloadOf(result[2]),
            'mine',
          );
          this.base = result[2];
          this.refill(session, JSON.parse(kept));
          return value;
        });
      });
    };
    return chain(this.shared.load(this.id()), (opened) => {
      if (opened instanceof Error) throw fromNative(opened);
      if (typeof opened !== 'string') throw goneError();
      return round(0, opened);
    });
  }

  // The same object, with other data.
  refill(session, data) {
    for (const key of Object.keys(session)) if (key !== 'cookie') delete session[key];
    this.aside = undefined;
    for (const key of Object.keys(data)) {
      if (key in session) this.keepAside(key, data[key]);
      else session[key] = data[key];
    }
  }

  reload() {
    if (this.shared.inCookie) {
      throw new CoatcheckError(
        'ERR_INVALID_STATE',
        `reload: in mode "${this.shared.options.mode}" the session is in its cookie, so there is nothing to read again`,
      );
    }
    const id = this.id();
    return chain(this.shared.load(id), (opened) => {
      if (opened instanceof Error) throw fromNative(opened);
      if (typeof opened !== 'string') throw new Error('failed to load session');
      this.base = opened;
      this.aside = undefined;
      this.current = UNSEEN;
      this.look();
    });
  }

  destroy() {
    this.looked = true;
    if (this.lost !== undefined) {
      return chain(this.endLost(), () => {
        this.current = undefined;
      });
    }
    this.current = undefined;
    return this.end();
  }

  // Ends what is stored; the clearing cookie is kept for the response.
  end() {
    const base = this.base;
    if (base === undefined || this.unsaved) {
      if (this.reason !== NO_COOKIE) this.clearCookie ??= this.shared.engine.clearingCookie(this.secure);
      this.setCookie = undefined;
      return undefined;
    }
    return chain(this.shared.destroy(base, this.secure), (answer) => {
      if (answer instanceof Error) throw fromNative(answer);
      this.clearCookie = answer;
      this.setCookie = undefined;
      this.base = undefined;
    });
  }

  regenerate(keep) {
    const stored = this.base !== undefined && !this.unsaved;
    const begin = (next) => {
      this.base = next;
      this.unsaved = next !== undefined;
      this.freshId = undefined;
      this.cookieBase = '';
      this.looked = true;
      if (!keep) {
        this.aside = undefined;
        this.current = new Session(this, {});
      }
    };
    // There is nothing that could be kept.
    if (this.lost !== undefined) return chain(this.endLost(), () => begin(undefined));
    if (!keep || !stored) {
      if (keep) {
        this.freshId = undefined;
        return undefined;
      }
      return chain(this.end(), () => begin(undefined));
    }
    const session = this.look();
    const read = ticket.payloadOf(this.base);
    // The engine has to know the new id now: requests that are still at work with the old one are sent there.
    const id = this.shared.options.genid === undefined ? undefined : this.shared.newId(this.req);
    return chain(this.shared.regenerate(this.base, id), (answer) => {
      if (answer instanceof Error) throw fromNative(answer);
      this.clearCookie = this.shared.engine.clearingCookie(this.secure);
      if (typeof answer === 'string') {
        begin(answer);
        this.freshId = id;
        const stored = ticket.payloadOf(answer);
        if (stored !== read && session instanceof Session) {
          this.refill(session, JSON.parse(native.mergePayloads(read, this.print(session), stored, 'mine')));
        }
        return undefined;
      }
      // Somebody else ended it meanwhile: its data does not live on under a new id.
      begin(undefined);
      this.aside = undefined;
      this.current = new Session(this, {});
      return this.shared.tell('gone', goneError(), this.req);
    });
  }

  // ---- the end of the request

  print(session) {
    this.printing = true;
    try {
      return serialise(this.aside === undefined ? session : { ...session, ...this.aside });
    } finally {
      this.printing = false;
    }
  }

  refuseSpoilt(session) {
    this.printing = true; // the cookie is no data
    try {
      refuseSpoilt(session);
    } finally {
      this.printing = false;
    }
  }

  // The cookie settings to store, or undefined when nobody changed them.
  changedCookie(session) {
    let cookie = cookieOf(session);
    if (cookie === undefined) {
      if (this.base !== undefined || !this.shared.cookieIsDynamic) return undefined;
      cookie = session.cookie;
    }
    const settings = Cookie.settings(cookie, this.shared.cookieDefaults(this.secure));
    return settings === this.cookieBase ? undefined : settings || '{}';
  }

  // `session`: what the application left; undefined when nobody looked.
  commit(payload, cookie, extraFlags, session) {
    const fresh = this.base === undefined || this.unsaved;
    const flags = (this.secure ? FLAGS.secure : 0) | (fresh ? 0 : FLAGS.presented) | extraFlags;
    const id = fresh ? (this.freshId ?? (this.shared.options.genid ? this.id() : undefined)) : undefined;
    const owner = session === undefined ? undefined : this.shared.ownerOf(session);
    return this.shared.commit(this.base, payload, cookie, id, flags, owner);
  }

  // What the addon said of a commit; an error when the data does not stand as the application left it.
  take(result) {
    if (typeof result === 'number') return undefined;
    const [status, setCookie, , error] = result;
    if (status === STATUS.untouched) this.shared.tellUntouched(fromNative(error), this.req);
    else if (error !== undefined) return fromNative(error);
    if (setCookie !== undefined) {
      this.setCookie = setCookie;
      this.clearCookie = undefined;
    }
    return undefined;
  }

  // Writes what is to be written. Answers nothing, or a promise of it; throws or rejects with what goes to
  // next(err).
  finish() {
    return this.tail === undefined ? this.write() : this.tail.then(() => this.write());
  }

  write() {
    if (this.fault !== undefined && !this.fault.pending.observed) throw this.fault.error;
    if (this.unknown !== undefined || (this.readOnly && this.lost === undefined)) return undefined;
    this.peeking = true;
    let left = this.req.session;
    this.peeking = false;
    if (this.lost !== undefined) {
      const ends = (left === undefined || left === null) && this.shared.options.unset === 'destroy';
      return ends ? this.endLost() : undefined;
    }
    if (left === UNSEEN) return this.writeUnseen();
    if (left === undefined || left === null) {
      return this.shared.options.unset === 'destroy' ? this.end() : undefined;
    }
    if (!(left instanceof Session)) left = new Session(this, Object(left));
    const payload = this.print(left);
    const cookie = this.changedCookie(left);
    const { resave, rolling, saveUninitialized } = this.shared.options;
    if (this.base === undefined) {
      if (payload === '{}' && !saveUninitialized) return undefined;
    } else if (!this.unsaved && !resave && !rolling && cookie === undefined && !ticket.touchDue(this.base)) {
      if (payload === ticket.payloadOf(this.base)) return undefined;
    }
    this.refuseSpoilt(left);
    const save = this.unsaved || (resave && this.base !== undefined) ? FLAGS.save : 0;
    return chain(this.commit(payload, cookie, save, left), (result) => this.conclude(result));
  }

  // Nobody looked: at most the deadline moves.
  writeUnseen() {
    const { rolling, saveUninitialized } = this.shared.options;
    if (this.base !== undefined) {
      if (!ticket.touchDue(this.base) && !rolling) return undefined;
      return chain(this.commit(undefined, undefined, 0), (result) => this.conclude(result));
    }
    if (!saveUninitialized) return undefined;
    const cookie = this.changedCookie(this.look());
    return chain(this.commit('{}', cookie, 0), (result) => this.conclude(result));
  }

  conclude(result) {
    const error = this.take(result);
    if (error === undefined) {
      if (typeof result !== 'number' && result[4] === true) this.shared.warnWithheld();
      return;
    }
    // It was destroyed while this request was under way: it stays destroyed, and the browser gets no cookie.
    if (error.code === 'ERR_SESSION_GONE') {
      this.shared.tell('gone', error, this.req);
      return;
    }
    if (error.code === 'ERR_SESSION_CONFLICT') this.shared.tell('conflict', error, this.req);
    if (isUnknown(error) && this.shared.options.onUnknown === 'open') return;
    throw error;
  }
}

module.exports = { RequestState };
