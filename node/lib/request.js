'use strict';

// One request's session: opened at its start, looked at or not, committed before the first byte of the response.
//
// An operation answers at once where its store does, else with a promise (lib/chain.js).

const { chain } = require('./chain.js');
const { Cookie } = require('./cookie.js');
const { CoatcheckError, foreignError, fromNative, goneError, isUnknown } = require('./errors.js');
const { ATTEMPT_SHIFT, END, FLAGS, FRESH, STATUS, STEP, STEP_MASK, STEP_SAVES, native } = require('./native.js');
const { OperationPromise } = require('./operation-promise.js');
const { ResponseState } = require('./response-state.js');
const { Session, cookieOf } = require('./session.js');
const snapshot = require('./snapshot.js');
const { unreadableSession } = require('./unreadable.js');

// Nobody has looked at the session.
const UNSEEN = Symbol('unseen');
const NO_COOKIE = FRESH.indexOf('no_cookie');
const FOREIGN = FRESH.indexOf('foreign');

function attempt(start) {
  try {
    return start();
  } catch (error) {
    return Promise.reject(error);
  }
}

// `start()`, and `undo()` before its failure goes on.
function orUndo(start, undo) {
  const failed = (error) => {
    undo();
    throw error;
  };
  try {
    const outcome = start();
    return outcome instanceof Promise ? outcome.catch(failed) : outcome;
  } catch (error) {
    return failed(error);
  }
}

class RequestState extends ResponseState {
  // `shared`: { engine, options, cookieDefaults } of the middleware
  constructor(shared, req, res, next, secure) {
    super(shared, req, res, next);
    this.secure = secure;
    this.base = undefined; // the snapshot of what is stored; undefined: nothing is
    this.reason = NO_COOKIE; // why the session is fresh
    this.rivals = undefined; // a base of several live sessions, which what is stored or destroyed with it ends
    this.adopted = false; // `rivals` is what another package held: this request's data, not stored here yet
    this.current = UNSEEN; // what `req.session` is
    this.freshId = undefined; // the id of a session that is not stored yet, once somebody asked for it
    this.unsaved = false; // regenerated with its data: to be stored even if nobody changes it
    this.aside = undefined; // data under names that a session object can't carry
    this.cookieBase = ''; // the stored cookie settings, as Cookie.settings prints them
    this.unknown = undefined; // the store did not answer: an error for whoever looks
    this.readOnly = false; // the store did not answer, and the policy is to go on without it
    this.lost = undefined; // a record that is there and can't be read: { base, error, told, session }
    this.cookieKey = undefined; // of lastKnown
    this.printing = false;
    this.peeking = false;
    this.tail = undefined; // the operation under way, on a remote store
    this.pasts = undefined; // what operations that wait their turn are to end, oldest first (see detach)
    this.fault = undefined; // an operation failed and nobody was told by callback
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
        data = this.dataOf(this.base);
      } catch (error) {
        this.lose(error, this.base);
        return this.look();
      }
    } else if (this.adopted) {
      try {
        data = this.dataOf(this.rivals);
      } catch {
        this.shared.tell('damaged', foreignError(), this.req);
      }
    } else if (this.reason === FOREIGN) {
      this.shared.tell('damaged', foreignError(), this.req);
    }
    this.current = new Session(this, data);
    return this.current;
  }

  // What a snapshot says.
  dataOf(base) {
    return this.shared.codec.parse(snapshot.payloadOf(base));
  }

  // The store's answer is not known. `base`: of a record that is there and can't be read.
  lose(error, base) {
    const known = base === undefined ? this.recall() : undefined;
    if (known !== undefined) {
      this.base = known;
      this.readOnly = true;
      return;
    }
    if (this.shared.options.onStoreError === 'open') this.readOnly = true;
    else this.unknown = error;
    if (base === undefined) return;
    this.lost = { base, error, told: false };
    this.base = undefined;
  }

  // What the store said of this cookie last, if that is to be shown while it says nothing, and still lives.
  recall() {
    const known = this.shared.lastKnown?.recall(this.cookieKey);
    return known !== undefined && snapshot.parse(known).expiresAt > Date.now() ? known : undefined;
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
    return chain(this.endStored(this.lost.base), () => {
      this.lost = undefined;
      this.unknown = undefined;
      this.readOnly = false;
    });
  }

  // A request that never looks at its session is answered as if the store were there (a health check).
  refuseUnknown() {
    if (this.unknown !== undefined) throw this.unknown;
  }

  // Another session from now on: `data`, read as `base`; without one a new session, with this id where one is given.
  begin(data, base, freshId) {
    this.looked = true;
    this.base = base;
    this.unsaved = false;
    this.freshId = base === undefined ? freshId : undefined;
    this.aside = undefined;
    this.cookieBase = '';
    this.current = new Session(this, data);
    return this.current;
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
    if (this.base !== undefined && !this.unsaved) return snapshot.idOf(this.base);
    if (this.shared.inCookie) return undefined;
    this.freshId ??= this.shared.newId(this.req);
    return this.freshId;
  }

  // `about`: what it is the session of (see subject).
  keepAside(key, value, about = this) {
    about.aside ??= Object.create(null);
    about.aside[key] = value;
  }

  makeCookie() {
    const defaults = this.shared.cookieDefaults(this.secure);
    if (this.base !== undefined) {
      const stored = snapshot.parse(this.base);
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

  // `call` does at once what the application is to see whether it waits or not, and answers what the store is asked;
  // that runs after what is under way.
  perform(call, toldByCallback) {
    let start;
    try {
      start = call();
    } catch (error) {
      start = () => {
        throw error;
      };
    }
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

  // For an operation that ends what is stored: the request has another session from now on, on every store alike, and
  // the answer is what the operation ends. The subject of operations that were asked for before stays what it was.
  detach(session, freshId, aside) {
    const past = {
      current: this.current,
      base: this.base,
      unsaved: this.unsaved,
      freshId: this.freshId,
      aside: this.aside,
      cookieBase: this.cookieBase,
    };
    this.pasts ??= [];
    this.pasts.push(past);
    this.looked = true;
    this.current = session;
    this.base = undefined;
    this.unsaved = false;
    this.freshId = freshId;
    this.aside = aside;
    this.cookieBase = '';
    return past;
  }

  // Operations run in the order of their calls: the one that runs now is about the oldest that is to be ended, or
  // about what the request has now.
  subject() {
    return this.pasts?.[0] ?? this;
  }

  // The operation that was to end `past` is over; with `failed`, as if it had not been asked for. `begun`: what the
  // application got at its call, and may have replaced.
  conclude(past, begun, failed) {
    this.pasts.shift();
    if (!failed) return;
    const now = this.subject();
    Object.assign(now, past, now.current === begun ? undefined : { current: now.current });
  }

  // Ends what `past` is about.
  endPast(past, begun) {
    return orUndo(
      () => chain(this.end(past), () => this.conclude(past, begun, false)),
      () => this.conclude(past, begun, true),
    );
  }

  toSave() {
    const began = this.phase !== 0 || this.res.headersSent;
    return () => this.save(began);
  }

  // An upgrade request has a response for form's sake, if any: no headers of it are ever sent.
  takesNoCookie() {
    return typeof this.res.setHeader !== 'function' || (this.req.upgrade === true && !this.res.socket);
  }

  // `began`: whether the response had begun when save was called; the response waits for what was asked for before.
  save(began) {
    const about = this.subject();
    const session = about === this ? this.look() : about.current;
    if (!(session instanceof Session)) {
      throw new CoatcheckError('ERR_INVALID_STATE', 'save: the request has no session any more');
    }
    if (this.readOnly)
      throw new CoatcheckError('ERR_STORE_UNAVAILABLE', 'the session can not be stored: its store did not answer');
    if (about.base === undefined && began) {
      throw new CoatcheckError(
        'ERR_HEADERS_SENT',
        "a new session can't be stored once the response has begun: its cookie can't be sent",
      );
    }
    if (this.shared.inCookie && began) {
      throw new CoatcheckError(
        'ERR_HEADERS_SENT',
        "a session in its cookie can't be stored once the response has begun: the cookie can't be sent",
      );
    }
    if (this.shared.inCookie && this.takesNoCookie()) {
      throw new CoatcheckError(
        'ERR_HEADERS_SENT',
        "a session in its cookie can't be stored on an upgrade request: there is no response that could send the cookie",
      );
    }
    const payload = this.print(session, about);
    this.refuseSpoilt(session);
    // The application may ask for the id, or change the cookie further, before a remote store has answered.
    if (!this.shared.inCookie && (about.base === undefined || about.unsaved)) {
      about.freshId ??= this.shared.newId(this.req);
    }
    const cookie = this.changedCookie(session, about);
    const settings =
      cookieOf(session) === undefined
        ? ''
        : Cookie.settings(cookieOf(session), this.shared.cookieDefaults(this.secure));
    const flags = FLAGS.save | FLAGS.wantSession;
    return chain(this.commit(payload, cookie, flags, session, about), (result) => {
      const error = this.take(result);
      if (error !== undefined) throw error;
      const [status, , stored, , withheld] = result;
      if (withheld === true) this.shared.warnWithheld();
      // A later call may have taken it off the request meanwhile.
      const now = this.subject();
      now.base = stored;
      this.rivals = undefined;
      this.adopted = false;
      now.unsaved = false;
      now.cookieBase = settings;
      if (status === STATUS.merged) this.adoptMerged(session, payload, now);
    });
  }

  // Another request's changes, merged by the core, become visible here, save where the application has moved on.
  adoptMerged(session, printed, about) {
    const merged = this.dataOf(about.base);
    const mine = this.shared.codec.parse(printed);
    const same = (a, b) => this.shared.codec.print({ a }) === this.shared.codec.print({ a: b });
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
    const about = this.subject();
    const session = about === this ? this.look() : about.current;
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
    if (about.base === undefined || about.unsaved) return change(session);
    const round = (number, base) => {
      const data = this.dataOf(base);
      return chain(change(data), (value) => {
        const flags = FLAGS.exact | FLAGS.wantSession | (number << ATTEMPT_SHIFT) | (this.secure ? FLAGS.secure : 0);
        const owner = this.shared.ownerOf(data);
        this.shared.codec.refuse(data);
        const pending = this.shared.commit(
          base,
          this.shared.codec.print(data),
          undefined,
          undefined,
          flags | FLAGS.presented,
          owner,
        );
        return chain(pending, (result) => {
          if (result[0] === STATUS.stale) return round(number + 1, result[2]);
          const error = this.take(result);
          if (error !== undefined) throw error;
          const now = this.subject();
          const mine = this.print(session, now);
          const kept = native.mergePayloads(snapshot.payloadOf(now.base), mine, snapshot.payloadOf(result[2]), 'mine');
          now.base = result[2];
          this.refill(session, this.shared.codec.parse(kept), now);
          return value;
        });
      });
    };
    return chain(this.shared.load(snapshot.idOf(about.base)), (opened) => {
      if (opened instanceof Error) throw fromNative(opened);
      if (typeof opened !== 'string') throw goneError();
      return round(0, opened);
    });
  }

  // The same object, with other data.
  refill(session, data, about) {
    for (const key of Object.keys(session)) if (key !== 'cookie') delete session[key];
    about.aside = undefined;
    for (const key of Object.keys(data)) {
      if (key in session) this.keepAside(key, data[key], about);
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
    // Another object from now on. Until the store has answered it shows what the old one did; what the application
    // changes until then is kept.
    const old = this.current;
    const oldAside = this.aside;
    let before = '{}';
    try {
      before = this.print(old instanceof Session ? old : {});
    } catch {
      // What JSON can't carry is what a reload may be for.
    }
    this.aside = undefined;
    const session = new Session(this, this.shared.codec.parse(before));
    this.current = session;
    const read = () => {
      const about = this.subject();
      const id = about === this ? this.id() : snapshot.idOf(about.base);
      return chain(this.shared.load(id), (opened) => {
        if (opened instanceof Error) throw fromNative(opened);
        if (typeof opened !== 'string') throw new Error('failed to load session');
        const now = this.subject();
        const mine = this.print(session, now);
        now.base = opened;
        const data = this.dataOf(opened);
        const kept =
          mine === before
            ? data
            : this.shared.codec.parse(native.mergePayloads(before, mine, snapshot.payloadOf(opened), 'mine'));
        this.refill(session, kept, now);
      });
    };
    const undo = () => {
      const now = this.subject();
      if (now.current !== session) return;
      for (const key of Object.keys(session)) if (key !== 'cookie' && !(key in old)) old[key] = session[key];
      now.current = old;
      now.aside = oldAside;
    };
    return () => orUndo(read, undo);
  }

  destroy() {
    if (this.lost !== undefined) {
      this.looked = true;
      return () =>
        chain(this.endLost(), () => {
          this.current = undefined;
        });
    }
    const past = this.detach(undefined);
    return () => this.endPast(past, undefined);
  }

  // Ends what is stored; the clearing cookie is kept for the response.
  end(about) {
    const base = about.base ?? this.rivals;
    if (base === undefined || about.unsaved) {
      if (this.reason !== NO_COOKIE) this.clearCookie ??= this.shared.engine.clearingCookie(this.secure);
      this.setCookie = undefined;
      return undefined;
    }
    return chain(this.endStored(base), () => {
      about.base = undefined;
      this.rivals = undefined;
      this.adopted = false;
    });
  }

  // Ends what a base is of; the response clears its cookie, in all its forms.
  endStored(base) {
    this.shared.lastKnown?.forget(this.cookieKey);
    return chain(this.shared.destroy(base, this.secure, this.req), (answer) => {
      if (answer instanceof Error) throw fromNative(answer);
      this.clearCookie = this.lastOf(answer);
      this.setCookie = undefined;
    });
  }

  regenerate(keep) {
    // There is nothing that could be kept.
    if (this.lost !== undefined) {
      return () =>
        chain(this.endLost(), () => {
          this.looked = true;
          this.aside = undefined;
          this.current = new Session(this, {});
        });
    }
    if (!keep) {
      const begun = new Session(this, {});
      const past = this.detach(begun);
      return () => this.endPast(past, begun);
    }
    if (this.tail === undefined && (this.base === undefined || this.unsaved)) {
      this.freshId = undefined;
      return () => undefined;
    }
    const session = this.look();
    const atCall = { ...session };
    if (session instanceof Session) void session.cookie; // made of what is stored, while the request has that
    // The id is made here, so that it is known at once. The engine has to know it before the commit: requests that are
    // still at work with the old one are sent there.
    const id = this.shared.inCookie ? undefined : this.shared.newId(this.req);
    const past = this.detach(session, id, this.aside);
    return () =>
      orUndo(
        () => this.renew(past, session, atCall, id),
        () => this.conclude(past, session, true),
      );
  }

  renew(past, session, atCall, id) {
    if (past.base === undefined || past.unsaved) {
      this.conclude(past, session, false);
      const now = this.subject();
      now.base = past.base;
      now.unsaved = past.unsaved;
      return undefined;
    }
    this.shared.lastKnown?.forget(this.cookieKey);
    const read = snapshot.payloadOf(past.base);
    return chain(this.shared.regenerate(past.base, id, this.req), (answer) => {
      if (answer instanceof Error) throw fromNative(answer);
      this.conclude(past, session, false);
      const now = this.subject();
      this.clearCookie = this.shared.engine.clearingCookie(this.secure);
      this.setCookie = undefined;
      if (typeof answer === 'string') {
        now.base = answer;
        now.unsaved = true;
        const stored = snapshot.payloadOf(answer);
        if (stored !== read && session instanceof Session) {
          const mine = this.print(session, now);
          this.refill(session, this.shared.codec.parse(native.mergePayloads(read, mine, stored, 'mine')), now);
        }
        return undefined;
      }
      // Somebody else ended it meanwhile: its data does not live on under a new id. What the application has set since
      // it asked does.
      now.aside = undefined;
      if (now.current === session) {
        const since = Object.keys(session).filter((key) => key !== 'cookie' && session[key] !== atCall[key]);
        now.current = new Session(this, Object.fromEntries(since.map((key) => [key, session[key]])));
      }
      return this.shared.tell('gone', goneError(), this.req);
    });
  }

  // ---- the end of the request

  print(session, { aside } = this) {
    this.printing = true;
    try {
      return this.shared.codec.print(aside === undefined ? session : { ...session, ...aside });
    } finally {
      this.printing = false;
    }
  }

  refuseSpoilt(session) {
    this.printing = true; // the cookie is no data
    try {
      this.shared.codec.refuse(session);
    } finally {
      this.printing = false;
    }
  }

  // The cookie settings to store, or undefined when nobody changed them.
  changedCookie(session, about = this) {
    let cookie = cookieOf(session);
    if (cookie === undefined) {
      if (about.base !== undefined || !this.shared.cookieIsDynamic) return undefined;
      cookie = session.cookie;
    }
    const settings = Cookie.settings(cookie, this.shared.cookieDefaults(this.secure));
    return settings === about.cookieBase ? undefined : settings || '{}';
  }

  // `session`: what the application left; undefined when nobody looked.
  commit(payload, cookie, extraFlags, session, about = this) {
    const fresh = about.base === undefined || about.unsaved;
    const wanted = this.goesOn ? FLAGS.wantSession : 0;
    const flags = (this.secure ? FLAGS.secure : 0) | (fresh ? 0 : FLAGS.presented) | wanted | extraFlags;
    if (fresh && this.shared.options.genid !== undefined) about.freshId ??= this.shared.newId(this.req);
    const id = fresh ? about.freshId : undefined;
    const owner = session === undefined ? undefined : this.shared.ownerOf(session);
    return this.shared.commit(about.base ?? this.rivals, payload, cookie, id, flags, owner, this.req);
  }

  // What the addon said of a commit; an error when the data does not stand as the application left it.
  take(result) {
    if (typeof result === 'number') return undefined;
    const [status, setCookie, , error] = result;
    if (status === STATUS.untouched) this.shared.tellUntouched(fromNative(error), this.req);
    else if (error !== undefined) return fromNative(error);
    if (setCookie !== undefined) {
      this.setCookie = this.lastOf(setCookie);
      this.clearCookie = undefined;
    }
    return undefined;
  }

  // The session's own Set-Cookie value; those before it, which clear other forms of the cookie, are kept.
  lastOf(lines) {
    if (!lines.includes('\n')) return lines;
    const values = lines.split('\n');
    const last = values.pop();
    this.otherCookies = values;
    return last;
  }

  // Writes what is to be written. Answers nothing, or a promise of it; throws or rejects with what goes to
  // next(err).
  finish() {
    return this.tail === undefined ? this.close(0) : this.tail.then(() => this.close(0));
  }

  // At the end of a response that began before: what changed since. Answers and throws as finish does.
  finishLate() {
    if (this.current === UNSEEN) return undefined;
    return this.tail === undefined ? this.close(END.begun) : this.tail.then(() => this.close(END.begun));
  }

  // What the application leaves as `req.session`, which it may have deleted.
  left() {
    this.peeking = true;
    try {
      return this.req.session;
    } finally {
      this.peeking = false;
    }
  }

  // Does what the core's rules make of what is known now. `begun`: END.begun once the headers have gone, else 0.
  close(begun) {
    if (this.fault !== undefined && !this.fault.pending.observed) throw this.fault.error;
    if (this.unknown !== undefined || (this.readOnly && this.lost === undefined)) return undefined;
    let left = this.left();
    let facts = begun;
    let payload;
    let cookie;
    if (this.lost !== undefined) facts |= END.unreadable;
    if (this.base !== undefined) {
      facts |= this.unsaved ? END.stored | END.renewed : END.stored;
      if (snapshot.touchDue(this.base)) facts |= END.touchDue;
    }
    if (left === undefined || left === null) {
      facts |= END.removed;
    } else if (left !== UNSEEN && this.lost === undefined) {
      if (!(left instanceof Session)) left = new Session(this, Object(left));
      facts |= END.looked;
      payload = this.print(left);
      const stored = this.base !== undefined && !this.unsaved;
      if (payload !== (stored ? snapshot.payloadOf(this.base) : '{}')) facts |= END.changed;
      else if (this.adopted) facts |= END.forced; // emptied: stored so, for it is not to come back
      if (begun === 0) cookie = this.changedCookie(left);
      if (cookie !== undefined) facts |= END.cookieChanged;
    }
    const plan = this.shared.endTable[facts];
    switch (plan & STEP_MASK) {
      case STEP.commit:
        return this.commitLeft(left, payload, cookie, (plan & STEP_SAVES) === 0 ? 0 : FLAGS.save);
      case STEP.touch:
        return chain(this.commit(undefined, undefined, 0), (result) => this.settle(result));
      case STEP.destroy:
        return this.lost !== undefined ? this.endLost() : this.end(this);
      case STEP.lateNew:
      case STEP.lateInCookie:
        this.shared.tellLate(plan & STEP_MASK, this.req);
    }
    return undefined;
  }

  commitLeft(left, payload, cookie, flags) {
    if (left === UNSEEN) {
      // A new session that nobody looked at, and that is to be stored all the same.
      const settings = this.changedCookie(this.look());
      return chain(this.commit('{}', settings, flags), (result) => this.settle(result));
    }
    this.refuseSpoilt(left);
    return chain(this.commit(payload, cookie, flags, left), (result) => this.settle(result, left, payload));
  }

  // `session` and `payload`: what was committed, if somebody looked at it.
  settle(result, session, payload) {
    const error = this.take(result);
    if (error === undefined) {
      if (typeof result === 'number') return;
      if (result[4] === true) this.shared.warnWithheld();
      if (!this.goesOn) return;
      this.base = result[2];
      this.rivals = undefined;
      this.adopted = false;
      this.unsaved = false;
      if (result[0] === STATUS.merged && this.current === session) this.adoptMerged(session, payload, this);
      return;
    }
    this.goesOn = false; // told once
    // It was destroyed while this request was under way: it stays destroyed, and the browser gets no cookie.
    if (error.code === 'ERR_SESSION_GONE') {
      this.shared.tell('gone', error, this.req);
      return;
    }
    if (error.code === 'ERR_SESSION_CONFLICT') this.shared.tell('conflict', error, this.req);
    if (isUnknown(error) && this.shared.options.onStoreError === 'open') return;
    throw error;
  }
}

module.exports = { RequestState };
