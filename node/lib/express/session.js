'use strict';

// express-session's Session (1.19.0, session/session.js): the data as enumerable properties, `cookie` beside it, and
// methods that take a callback and answer the session.

const { stateOf } = require('../states.js');

const nothing = () => {};

function hide(object, name, value, writable) {
  Object.defineProperty(object, name, { value, writable, configurable: writable, enumerable: false });
}

// Ends a request's session and begins another. `generate` is the middleware's.
function regenerate(req, callback) {
  this.destroy(req.sessionID, (error) => {
    this.generate(req);
    callback(error);
  });
}

// Callable as a function of an object of a derived class, as older programs do.
function Session(req, data) {
  hide(this, 'req', req, false);
  hide(this, 'id', req.sessionID, false);
  if (typeof data !== 'object' || data === null) return;
  // Inherited data counts, as in express-session.
  for (const name in data) if (!(name in this)) this[name] = data[name];
}

const METHODS = {
  // Moves the cookie's end to its age from now.
  touch() {
    return this.resetMaxAge();
  },

  resetMaxAge() {
    this.cookie.maxAge = this.cookie.originalMaxAge;
    return this;
  },

  // Stores the session now.
  save(callback = nothing) {
    const state = stateOf(this.req);
    if (state === undefined) this.req.sessionStore.set(this.id, this, callback);
    else state.save(this, callback);
    return this;
  },

  // Reads the session again; `req.session` is then a new object.
  reload(callback = nothing) {
    const { req, id } = this;
    const store = req.sessionStore;
    store.get(id, (error, found) => {
      if (error) return callback(error);
      if (!found) return callback(new Error('failed to load session'));
      try {
        const state = stateOf(req);
        if (state === undefined) store.createSession(req, found);
        else state.inflate(found);
      } catch (failure) {
        return callback(failure);
      }
      return callback();
    });
    return this;
  },

  // Ends the session in the store; `req.session` is then undefined.
  destroy(callback = nothing) {
    delete this.req.session;
    stateOf(this.req)?.ending(this.id);
    this.req.sessionStore.destroy(this.id, callback);
    return this;
  },

  // For login: ends the session and begins an empty one under a new id.
  regenerate(callback = nothing) {
    stateOf(this.req)?.ending(this.id);
    const store = this.req.sessionStore;
    (store.regenerate ?? regenerate).call(store, this.req, callback);
    return this;
  },
};
for (const [name, method] of Object.entries(METHODS)) hide(Session.prototype, name, method, true);

module.exports = { Session, regenerate };
