'use strict';

// Which session state belongs to a request, and what `req` shows of it.
//
// `session` is a property of the request itself, so that `delete req.session` means what it says; the state
// behind it, `sessionID` and `sessionStore` cost no property where Express' shared prototype can carry them (why
// that matters is said in lib/response.js).

const http = require('node:http');
const { Http2ServerRequest } = require('node:http2');

const NATIVE_REQUESTS = new Set([http.IncomingMessage.prototype, Http2ServerRequest.prototype]);

const states = new WeakMap(); // request → its state

function keepState(key, state) {
  states.set(key, state);
}

function stateOf(req) {
  return states.get(req);
}

// Also through an object that was derived from the request.
function findState(req) {
  let object = req;
  while (object !== null) {
    const state = states.get(object);
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
const OTHERS = {
  sessionID: shownOf('sessionID', (state) => state.id()),
  sessionStore: shownOf('sessionStore', (state) => state.shared.store),
};

const extended = new WeakMap(); // prototype of requests → whether it shows OTHERS

function extendPrototype(prototype) {
  let root = prototype;
  while (root !== null && !NATIVE_REQUESTS.has(Object.getPrototypeOf(root))) root = Object.getPrototypeOf(root);
  if (root === null || NATIVE_REQUESTS.has(prototype)) return false;
  if (!extended.has(root)) Object.defineProperties(root, OTHERS);
  extended.set(root, true);
  return true;
}

function attach(state, req) {
  states.set(req, state);
  Object.defineProperty(req, 'session', SESSION);
  const prototype = Object.getPrototypeOf(req);
  let carried = extended.get(prototype);
  if (carried === undefined) {
    carried = extendPrototype(prototype);
    extended.set(prototype, carried);
  }
  if (!carried) Object.defineProperties(req, OTHERS);
}

module.exports = { attach, keepState, stateOf };
