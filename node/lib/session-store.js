'use strict';

// `req.sessionStore` of our middleware: its sessions by id, for code that looks at a session outside its request. It has
// what express-session's stores have.
//
// A session that came from `get` or `all` is plain data, with its `cookie`. What it was read as is kept beside it, so that
// `set` is a compare-and-set: it never brings a destroyed session back, and other requests' changes are merged.

const { EventEmitter } = require('node:events');
const { answer } = require('./answer.js');
const { Cookie } = require('./cookie.js');
const { CoatcheckError, checked, fromNative, goneError } = require('./errors.js');
const { FLAGS, native, operate } = require('./native.js');
const { RequestState } = require('./request.js');
const { baseOf, noteBase } = require('./read-as.js');
const { countOf, eachOf, pagesOf } = require('./scan.js');
const { Session } = require('./session.js');
const { attach, stateOf } = require('./states.js');
const snapshot = require('./snapshot.js');

const nothing = () => {};

class SessionStore extends EventEmitter {
  #shared;
  #reached; // whether the store answered last; undefined: nobody has asked it

  constructor(shared) {
    super();
    this.#shared = shared;
  }

  // The store answered, or with `error` it did not: 'connect' and 'disconnect' tell of changes.
  heard(error) {
    const reached = error === undefined;
    if (reached === this.#reached) return;
    this.#reached = reached;
    if (reached) this.emit('connect');
    else this.emit('disconnect', error);
  }

  // The snapshot of a session; undefined when there is none.
  async #load(sid) {
    const opened = await this.#shared.load(sid);
    if (opened instanceof Error) throw fromNative(opened);
    return typeof opened === 'string' ? opened : undefined;
  }

  #dataOf(base) {
    const data = this.#shared.codec.parse(snapshot.payloadOf(base));
    const { cookie, expiresAt } = snapshot.parse(base);
    data.cookie = Cookie.restore(this.#shared.cookieDefaults(false), cookie, expiresAt);
    noteBase(data, base);
    return data;
  }

  // The session's data, or undefined when there is none.
  get(sid, callback) {
    return answer(
      this.#load(sid).then((base) => (base === undefined ? undefined : this.#dataOf(base))),
      callback,
    );
  }

  // Stores a session under its id. `session`: what `get` gave, changed, or data of your own, which takes the place of all
  // that is stored; or `req.session`.
  set(sid, session, callback) {
    return answer(this.#set(sid, session), callback);
  }

  async #set(sid, session) {
    if (session instanceof Session && session.id === sid) return session.save();
    const { cookie, ...data } = session;
    const json = this.#shared.codec.print(data);
    this.#shared.codec.refuse(data);
    let base = baseOf(session);
    if (base === undefined || snapshot.idOf(base) !== sid) base = await this.#load(sid);
    const flags = FLAGS.save | FLAGS.wantSession | (base === undefined ? 0 : FLAGS.presented);
    const settings = this.#settings(cookie, base);
    const owner = this.#shared.ownerOf(data);
    const result = await this.#shared.commit(base, json, settings, base === undefined ? sid : undefined, flags, owner);
    const [, , stored, error] = result;
    if (error !== undefined) throw error.code === 'ERR_SESSION_GONE' ? goneError() : fromNative(error);
    noteBase(session, stored);
    return undefined;
  }

  // A cookie as a session has it, or as express-session's stores keep one.
  #cookieOf(value) {
    return value instanceof Cookie ? value : Cookie.revive(this.#shared.cookieDefaults(false), value);
  }

  // The cookie settings of a commit: undefined where they are as they were.
  #settings(cookie, base) {
    if (typeof cookie !== 'object' || cookie === null) return undefined;
    const defaults = this.#shared.cookieDefaults(false);
    const own = Cookie.settings(this.#cookieOf(cookie), defaults);
    if (base === undefined) return own || undefined;
    const { cookie: before, expiresAt } = snapshot.parse(base);
    return own === Cookie.settings(Cookie.restore(defaults, before, expiresAt), defaults) ? undefined : own || '{}';
  }

  // Moves the deadline, if that is due, or to what the session's cookie says now; a session that is not there any more is
  // not created.
  touch(sid, session, callback) {
    return answer(this.#touch(sid, session), callback);
  }

  async #touch(sid, session) {
    const base = await this.#load(sid);
    if (base === undefined) return;
    const result = await this.#shared.commit(
      base,
      undefined,
      this.#settings(session?.cookie, base),
      undefined,
      FLAGS.presented,
    );
    const error = typeof result === 'number' ? undefined : result[3];
    if (error !== undefined && error.code !== 'ERR_SESSION_GONE') throw fromNative(error);
  }

  destroy(sid, callback) {
    return answer(this.#end(sid), callback);
  }

  // Also a session whose record can't be read.
  async #end(sid) {
    const opened = await this.#shared.load(sid);
    const base = opened instanceof Error ? opened.base : opened;
    if (typeof base !== 'string') {
      if (opened instanceof Error) throw fromNative(opened);
      return;
    }
    checked(await this.#shared.destroy(base, false));
  }

  // The keys of all sessions, those of other services in the same store included.
  #pages() {
    if (this.#shared.inCookie) {
      throw new CoatcheckError(
        'ERR_INVALID_STATE',
        `in mode "${this.#shared.options.mode}" a session is in its cookie: there is no list of them`,
      );
    }
    const { keeper } = this.#shared;
    return pagesOf(keeper, keeper.foreign ? () => true : native.isSessionKey);
  }

  // The data of all live sessions. One that can't be read is left out, and told as 'damaged'.
  all(callback) {
    return answer(this.#all(), callback);
  }

  async #all() {
    const sessions = [];
    const read = async (key) => {
      const opened = await this.#shared.inspect(key);
      if (typeof opened === 'string') sessions.push(this.#dataOf(opened));
      if (!(opened instanceof Error)) return;
      const error = fromNative(opened);
      if (!error.code.startsWith('ERR_RECORD_')) throw error;
      this.#shared.tell('damaged', error, undefined);
    };
    await eachOf(this.#pages(), read);
    return sessions;
  }

  // How many sessions the store holds, without reading them: one that has just expired, or was renewed, may be among them.
  length(callback) {
    return answer(this.#length(), callback);
  }

  async #length() {
    return countOf(this.#pages());
  }

  // Everything in the store, what other services keep there included.
  clear(callback) {
    return answer(this.#clear(), callback);
  }

  async #clear() {
    checked(await operate((slot) => this.#shared.keeper.clear(slot)));
  }

  // ---- sessions as objects with methods

  #stateOf(req) {
    let state = stateOf(req);
    if (state === undefined) {
      state = new RequestState(this.#shared, req, {}, nothing, false);
      attach(state, req);
    }
    return state;
  }

  // A new and empty session for a request, in the place of the one that it has.
  generate(req) {
    this.#stateOf(req).begin({}, undefined, undefined);
  }

  // `req.session` of what `get` gave, under `req.sessionID`. `req` need not be a request: `{ sessionID }` will do.
  createSession(req, data) {
    const { cookie, ...own } = data;
    const session = this.#stateOf(req).begin(own, baseOf(data), req.sessionID);
    if (cookie !== undefined) {
      void session.cookie; // that of the record, to compare with
      session.cookie = this.#cookieOf(cookie);
    }
    return session;
  }

  // The session of an id, as an object with methods.
  load(sid, callback) {
    this.get(sid, (error, data) => {
      if (error) return callback(error);
      if (data === undefined) return callback();
      return callback(null, this.createSession({ sessionID: sid, sessionStore: this }, data));
    });
  }

  // Ends a request's session and begins another.
  regenerate(req, callback) {
    const { session } = req;
    if (session instanceof Session) {
      session.regenerate(callback);
      return;
    }
    this.destroy(req.sessionID ?? '', (error) => {
      this.generate(req);
      callback(error);
    });
  }
}

module.exports = { SessionStore };
