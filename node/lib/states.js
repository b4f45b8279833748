'use strict';

// Which session state belongs to a request, and what `req` shows of it.
//
// `session` is a property of the request itself, so that `delete req.session` means what it says.

const { Given } = require('./given.js');

// A private field, added to an object that node made: nobody sees it, and it ends with the object. A WeakMap would
// keep each request, with all that hangs on it, until the next full collection: for the collector of young
// objects, the values of an old WeakMap are in use.
class Carrier extends Given {
  #state;

  constructor(object, state) {
    super(object);
    this.#state = state;
  }

  static keep(object, state) {
    if (#state in object) object.#state = state;
    else new Carrier(object, state);
  }

  static stateOf(object) {
    return #state in object ? object.#state : undefined;
  }
}

// keepState's object: a request, or its response.
const { keep: keepState, stateOf } = Carrier;

// Also through an object that was derived from the request or the response.
function findState(req) {
  let object = req;
  while (object !== null) {
    const state = stateOf(object);
    if (state !== undefined) return state;
    object = Object.getPrototypeOf(object);
  }
  return undefined;
}

const SESSION = {
  configurable: true,
  enumerable: true,
  get() {
    return findState(this)?.look();
  },
  set(value) {
    findState(this)?.replace(value);
  },
};

const SESSION_ID = {
  configurable: true,
  enumerable: true,
  get() {
    return findState(this)?.id();
  },
  // Anybody may put another one in its place.
  set(value) {
    Object.defineProperty(this, 'sessionID', { value, configurable: true, enumerable: true, writable: true });
  },
};

// All on the request itself: a sub-application of another copy of Express gives it another prototype. One by one, for
// that is what V8 is quick at.
function attach(state, req) {
  keepState(req, state);
  Object.defineProperty(req, 'session', SESSION);
  Object.defineProperty(req, 'sessionID', SESSION_ID);
  req.sessionStore = state.shared.store;
}

module.exports = { attach, findState, keepState, stateOf };
