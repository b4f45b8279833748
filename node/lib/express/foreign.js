'use strict';

// `require('coatcheck')` over a store that is not coatcheck's own: its rules and defaults, on any store that was written
// for express-session. The cookie has express-session's name, for the store holds express-session's sessions.

const { refuseSpoilt, serialise } = require('../payload.js');
const { storeSession } = require('./middleware.js');
const { PromiseSession } = require('./promise-session.js');

// Options that say what only our own stores do.
const OWN_STORES_ALONE = [
  'idleTimeout',
  'absoluteTimeout',
  'touchShare',
  'regenerateGrace',
  'maxPayload',
  'maxMembers',
  'conflictRetries',
  'types',
  'owner',
  'encrypt',
  'pruneInterval',
];
const DEADLINE = 10_000; // ms

const DIALECT = {
  headersFirst: false,
  failsLate: false,
  clears: true,
  quiet: false,
  Session: PromiseSession,
  stringify: serialise,
  refuseSpoilt: ({ cookie, ...data }) => refuseSpoilt(data),
  expressHeaders: false,
};

// Whether it has what express-session asks of a store.
function isForeign(store) {
  return (
    typeof store === 'object' &&
    store !== null &&
    ['get', 'set', 'destroy'].every((name) => typeof store[name] === 'function')
  );
}

// `options`: the middleware's, checked (lib/options.js).
function foreignSession(options) {
  const idle = OWN_STORES_ALONE.find((name) => options.given.has(name));
  if (idle !== undefined) throw new TypeError(`${idle} option needs one of coatcheck's own stores`);
  if (options.mode !== 'store') throw new TypeError(`mode "${options.mode}" needs one of coatcheck's own stores`);
  const { cookie, cookieFunction } = options;
  const withDefaults = (own) => ({ secure: 'auto', sameSite: 'lax', ...own });
  return storeSession(DIALECT, {
    keysOf: () => options.keys,
    name: options.name ?? 'connect.sid',
    store: options.store,
    genid: options.genid,
    proxy: options.proxy,
    cookie: cookieFunction === undefined ? withDefaults(cookie) : (req) => withDefaults(cookieFunction(req)),
    deadline: options.deadline ?? DEADLINE,
    onStoreError: options.onStoreError,
    staleFor: options.staleFor,
    rolling: options.rolling ?? false,
    resave: options.resave ?? false,
    saveUninitialized: options.saveUninitialized ?? false,
    unset: options.unset,
    onConflict: options.onConflict ?? 'mine',
    merge: Object.entries(options.merge ?? {}),
  });
}

module.exports = { foreignSession, isForeign };
