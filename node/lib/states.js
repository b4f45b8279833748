'use strict';

// Which session state belongs to a request, and what `req` shows of it.
//
// `session` is a property of the request itself, so that `delete req.session` means what it says; the state
// behind it, `sessionID` and `sessionStore` cost no property where Express' shared prototype can carry them (why
// that matters is said in lib/shapes.js).

const { Given } = require('./given.js');
const { rootOf } = require('./shapes.js');

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

// keepState's object: a request, or a response that has none.
const { keep: keepState, stateOf } = Carrier;

// Also through an object that was derived from the request.
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

// A getter whose property anybody else may still set on a request without a session of ours.
function shownOf(name, show) {
  return {
    configurable: true,
    enumerable: true,
    get() {
      const state = findState(this);
      return state === undefined ? undefined : show(state);
    },
    set(value) {
      Object.defineProperty(this, name, { value, configurable: true, enumerable: true, writable: true });
    },
  };
}
const SESSION_ID = shownOf('sessionID', (state) => state.id());
const SESSION_STORE = shownOf('sessionStore', (state) => state.shared.store);

const extended = new WeakSet(); // roots of requests' prototypes that show both

function attach(state, req) {
  keepState(req, state);
  Object.defineProperty(req, 'session', SESSION);
  const root = rootOf(req);
  if (root === null) {
    Object.defineProperty(req, 'sessionID', SESSION_ID);
    req.sessionStore = state.shared.store;
  } else if (!extended.has(root)) {
    Object.defineProperties(root, { sessionID: SESSION_ID, sessionStore: SESSION_STORE });
    extended.add(root);
  }
}

module.exports = { attach, keepState, stateOf };
