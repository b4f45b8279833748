'use strict';

// One request's session in a store of express-session's kind: read at its start, written at its end, by the rules of
// express-session (the core's tables). `req.session` and `req.sessionID` are plain properties, as there.

const { chain } = require('../chain.js');
const { CoatcheckError, goneError } = require('../errors.js');
const { COOKIE_FACT, END, STEP, STEP_MASK, native } = require('../native.js');
const { ResponseState } = require('../response-state.js');
const { ask } = require('./ask.js');
const { reviveCookie } = require('./cookie.js');
const { Session } = require('./session.js');

class StoreRequest extends ResponseState {
  // `cookieId`: the id that the request's cookie has, undefined for none.
  constructor(shared, req, res, next, cookieId) {
    super(shared, req, res, next);
    this.headersFirst = shared.dialect.headersFirst;
    this.goesOn = this.headersFirst;
    this.cookieId = cookieId;
    this.firstId = undefined; // what the request began with: the id, and the data as JSON
    this.first = undefined;
    this.read = undefined; // the data that the store has, as far as this request knows
    this.savedId = undefined; // what was stored last in this request
    this.saved = undefined;
    this.printed = undefined; // for the cookie's decision, when that follows the end's at once
    this.touched = false;
    this.unknown = false; // the store did not answer
    this.sentId = undefined; // the id that the response's cookie has, or would have if the request were secure
    this.tail = undefined; // an operation that the application awaits, or not
    this.fault = undefined; // one that failed
    this.flight = undefined; // see lib/express/in-flight.js
    this.seenWrites = 0;
  }

  // ---- its start

  // Asks the store, where the request has a cookie. Answers an error or nothing, or a promise of it.
  open() {
    if (!this.cookieId) {
      this.beginNew();
      return undefined;
    }
    this.enter(this.cookieId);
    const { store, deadline, own } = this.shared;
    try {
      const found = ask((done) => store.get(this.cookieId, done), deadline, own);
      if (!(found instanceof Promise)) return this.beginWith(found);
      return found.then((data) => this.beginWith(data)).catch((error) => this.unread(error));
    } catch (error) {
      return this.unread(error);
    }
  }

  // Stores of files have no other word for "not found".
  unread(error) {
    if (error?.code === 'ENOENT') return this.beginNew();
    const { lastKnown, onStoreError } = this.shared;
    this.unknown = true; // nothing is written, whatever the application does
    this.shared.tellListeners('unknown', error, this.req);
    const known = lastKnown?.recall(this.cookieId);
    if (known !== undefined) this.inflate(JSON.parse(known));
    else if (onStoreError === 'open') this.beginNew();
    else return error;
    return undefined;
  }

  beginWith(found) {
    if (!found) return this.beginNew();
    this.shared.lastKnown?.remember(this.cookieId, JSON.stringify(found));
    this.inflate(found);
    this.firstId = this.req.sessionID;
    this.first = this.read;
    return undefined;
  }

  beginNew() {
    this.generate();
    this.firstId = this.req.sessionID;
    this.first = this.print(this.req.session);
    return undefined;
  }

  // A new and empty session, in the place of the one that the request has.
  generate() {
    const { req, shared } = this;
    this.looked = true;
    req.sessionID = shared.newId(req);
    req.session = new shared.Session(req);
    req.session.cookie = shared.freshCookie(req);
    this.read = undefined;
  }

  // `req.session` of what the store has. Throws a TypeError where that is no session.
  inflate(found) {
    const { req, shared } = this;
    found.cookie = reviveCookie(found.cookie);
    const session = new shared.Session(req, found);
    shared.carry(found, session);
    req.session = session;
    this.looked = true;
    this.read = this.print(session);
    const { flight } = this;
    if (flight !== undefined && flight.pending === 0 && flight.writes === this.seenWrites) flight.latest = this.read;
  }

  // ---- other requests of the session

  enter(sid) {
    const { flights } = this.shared;
    if (flights === undefined || this.flight?.sid === sid) return;
    // An upgrade request has no response that would tell its end.
    if (typeof this.res.once !== 'function' || this.req.upgrade === true) return;
    if (this.flight === undefined) this.res.once('close', () => this.leave());
    else this.leave();
    this.flight = flights.enter(sid);
    this.seenWrites = this.flight.writes;
  }

  leave() {
    this.shared.flights.leave(this.flight);
  }

  // The application ends the session of this id.
  ending(sid) {
    this.shared.lastKnown?.forget(sid);
    this.shared.flights?.end(sid);
    if (this.shared.dialect.clears && this.cookieId) this.clearCookie = this.shared.clearingCookie(this.req);
    this.setCookie = undefined;
  }

  // Another request has stored the session since this one read it: what both have changed is joined.
  join(session) {
    const { latest } = this.flight;
    if (latest === undefined || latest === this.read || this.read === undefined) return;
    const { onConflict, merge } = this.shared;
    const joined = JSON.parse(native.mergePayloads(this.read, this.print(session), latest, onConflict, merge));
    for (const name of Object.keys(session))
      if (name !== 'cookie' && !Object.hasOwn(joined, name)) delete session[name];
    for (const name of Object.keys(joined)) if (!(name in Session.prototype)) session[name] = joined[name];
  }

  // ---- its end

  // The data as JSON, without the cookie.
  print({ cookie, ...data }) {
    return this.shared.stringify(data);
  }

  // session.save(): `callback` gets what the store says.
  save(session, callback) {
    const { store } = this.shared;
    try {
      if (this.unknown) {
        throw new CoatcheckError('ERR_STORE_UNAVAILABLE', 'the session can not be stored: its store did not answer');
      }
      this.enter(session.id);
      if (this.flight !== undefined) {
        if (this.flight.ended) throw goneError();
        this.join(session);
      }
      this.saved = this.print(session);
      this.shared.refuseSpoilt(session);
    } catch (error) {
      callback(error);
      return;
    }
    const { flight, saved } = this;
    this.savedId = session.id;
    this.read = saved;
    if (flight !== undefined) {
      flight.latest = saved;
      flight.writes += 1;
      flight.pending += 1;
      this.seenWrites = flight.writes;
    }
    store.set(session.id, session, (error, ...more) => {
      if (flight !== undefined) flight.pending -= 1;
      if (error) this.saved = undefined; // to be tried again at the end
      callback(error, ...more);
    });
  }

  // Before the headers. Where these come first, their cookie alone is decided here.
  finish() {
    if (this.headersFirst) return this.addCookie();
    return chain(this.afterTail(false), (stored) => {
      if (stored !== false) this.addCookie();
    });
  }

  // An operation that the application has begun.
  follow(pending) {
    const tail = pending.settled(
      () => {
        if (this.tail === tail) this.tail = undefined;
      },
      (error) => {
        this.fault = { error, pending };
        if (this.tail === tail) this.tail = undefined;
      },
    );
    this.tail = tail;
  }

  // Closes once what the application has begun is over; a failure that nobody has heard of is the request's.
  afterTail(begun) {
    return this.tail === undefined ? this.closeAfter(begun) : this.tail.then(() => this.closeAfter(begun));
  }

  closeAfter(begun) {
    if (this.fault !== undefined && !this.fault.pending.observed) throw this.fault.error;
    return this.close(begun);
  }

  // At the end of a response whose headers came first, or that began before.
  finishLate() {
    return this.afterTail(this.phase !== 0 && this.sentId !== this.req.sessionID);
  }

  // Does what the rules make of what is known now. `begun`: the session's cookie can't be sent any more. Answers false
  // for a session that was ended meanwhile, or a promise of it.
  close(begun) {
    const { req } = this;
    if (req.session && typeof req.session.touch !== 'function') this.adopt(req.session);
    const { session, sessionID } = req;
    if (session && typeof sessionID === 'string') this.touchOnce(session);
    const step = this.shared.endTable[this.facts(session, sessionID) | (begun ? END.begun : 0)] & STEP_MASK;
    const { store, deadline, dialect, own } = this.shared;
    switch (step) {
      case STEP.commit:
        return this.answer(() => ask((done) => session.save(done), deadline, own));
      case STEP.touch:
        if (typeof store.touch !== 'function' || (!dialect.headersFirst && this.phase !== 0)) break;
        if (this.flight?.ended) break; // there are stores whose touch brings a session back
        return this.answer(() => ask((done) => store.touch(sessionID, session, done), deadline, own));
      case STEP.destroy:
        if (!sessionID) break;
        this.ending(sessionID);
        return this.answer(() => ask((done) => store.destroy(sessionID, done), deadline, own));
      case STEP.lateNew:
        this.shared.tellLate(step, req);
    }
    return undefined;
  }

  // What the application assigned to `req.session` becomes the session's data.
  adopt(data) {
    const { req, shared } = this;
    req.session = new shared.Session(req, Object(data));
    req.session.cookie = shared.freshCookie(req);
  }

  // What a store's failure means for the response is the dialect's.
  answer(start) {
    this.headBeforeEnd = this.shared.own;
    const failed = (error) => {
      if (error.code === 'ERR_SESSION_GONE') {
        this.shared.tell('gone', error, this.req);
        return false;
      }
      if (!this.shared.dialect.failsLate) throw error;
      setImmediate(this.next, error);
      return undefined;
    };
    try {
      const outcome = start();
      return outcome instanceof Promise ? outcome.then(() => undefined, failed) : undefined;
    } catch (error) {
      return failed(error);
    }
  }

  facts(session, sessionID) {
    if (this.unknown) return END.unknown;
    if (session === undefined || session === null) return END.removed;
    if (typeof sessionID !== 'string') return END.unknown;
    let facts = END.looked;
    if (this.cookieId === sessionID) facts |= END.stored;
    const before = this.saved ?? this.first;
    const beforeId = this.saved === undefined ? this.firstId : this.savedId;
    this.printed = this.print(session);
    if (beforeId !== session.id || before !== this.printed) facts |= END.changed;
    else if (this.saved !== undefined) facts |= END.saved;
    return facts;
  }

  touchOnce(session) {
    if (this.touched) return;
    this.touched = true;
    session.touch();
  }

  wantsCookie(session, sessionID) {
    let facts = this.cookieId === sessionID ? COOKIE_FACT.presented : COOKIE_FACT.isNew;
    const printed = this.printed ?? this.print(session);
    this.printed = undefined;
    if (session.id !== this.firstId || printed !== this.first) {
      facts |= COOKIE_FACT.dataChanged;
      // Loosely: what a store gave back may have neither.
      if (session.cookie.expires !== null && session.cookie.expires !== undefined) facts |= COOKIE_FACT.deadlineMoved;
    }
    return this.shared.cookieTable[facts] !== 0;
  }

  addCookie() {
    const { session, sessionID } = this.req;
    if (this.unknown || !session || typeof sessionID !== 'string' || !this.wantsCookie(session, sessionID)) return;
    this.sentId = sessionID;
    if (!this.shared.maySend(this.req, session.cookie)) return;
    this.touchOnce(session);
    try {
      this.setCookie = this.shared.cookieOf(this.req, session.cookie);
    } catch (error) {
      setImmediate(this.next, error);
    }
  }
}

module.exports = { StoreRequest };
