'use strict';

// session(options): the middleware, for Express 4 and 5 and for plain http: (req, res, next).

const { fromNative, tamperedError } = require('./errors.js');
const { ADOPTED, FRESH } = require('./native.js');
const { normalise } = require('./options.js');
const { RequestState } = require('./request.js');
const { isBelow, isSecure } = require('./request-facts.js');
const { foreignSession } = require('./express/foreign.js');
const { install } = require('./response.js');
const { shareClass } = require('./shapes.js');
const { Shared } = require('./shared.js');
const { attach, stateOf } = require('./states.js');
const { BIND, nativeOf } = require('./store.js');

const BAD_SIGNATURE = FRESH.indexOf('bad_signature');

function session(given) {
  const options = normalise(given);
  if (nativeOf(options.store) === undefined) return foreignSession(options);
  if (options.given.has('deadline')) {
    throw new TypeError(
      "deadline option: coatcheck's own stores have theirs in the URL, as in redis://HOST?timeout=5000",
    );
  }
  const shared = new Shared(options);
  options.store[BIND](shared.store); // a Store that the application holds answers for these sessions
  const { proxy } = options;
  const path = options.cookie.path ?? '/';

  function begin(req, res, next, secure, opened) {
    const state = new RequestState(shared, req, res, next, secure);
    if (shared.lastKnown !== undefined && req.headers.cookie !== undefined) {
      state.cookieKey = shared.cookieKey(req.headers.cookie, secure);
      if (typeof opened === 'string') shared.lastKnown.remember(state.cookieKey, opened);
    }
    if (typeof opened === 'string') {
      state.base = opened;
    } else if (typeof opened === 'number') {
      state.reason = opened;
      if (opened === BAD_SIGNATURE) shared.tellListeners('tampered', tamperedError(), req);
    } else if (Array.isArray(opened)) {
      [state.reason, state.rivals] = opened;
      state.adopted = state.reason === ADOPTED;
    } else if (opened !== undefined) {
      const error = fromNative(opened);
      if (opened.base === undefined) {
        shared.store.heard(error);
        shared.tellListeners('unknown', error, req);
      }
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
