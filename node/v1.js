'use strict';

// `require('coatcheck/v1')` takes the place of `require('express-session')` (1.19): its options and defaults, its cookie
// and records to the byte, its classes, its messages. What it does otherwise stands in docs/express-session.md.

const deprecate = require('depd')('express-session');
const { Cookie } = require('./lib/express/cookie.js');
const { MemoryStore } = require('./lib/express/memory-store.js');
const { storeSession } = require('./lib/express/middleware.js');
const { Session } = require('./lib/express/session.js');
const { Store } = require('./lib/express/store.js');
const { native } = require('./lib/native.js');
const { bytesOf } = require('./lib/options.js');
const { stringify } = require('./lib/payload.js');

const DEADLINE = 30_000; // ms
const PRODUCTION =
  'Warning: connect.session() MemoryStore is not\ndesigned for a production environment, as it will\n' +
  'not scale past a single process.';

// cookie-parser's work, as far as it is to be found there and not in the header.
function elsewhere(req, name, unsign) {
  const id = req.signedCookies?.[name] || unsign(req.cookies?.[name]);
  if (id) deprecate('cookie should be available in req.headers.cookie');
  return id;
}

const DIALECT = {
  headersFirst: true,
  failsLate: true,
  clears: false,
  quiet: true,
  Session,
  stringify,
  refuseSpoilt: () => {},
  expressHeaders: true,
  elsewhere,
};

// The keys of the secrets that `list(req)` gives, newest first. What the list holds counts when a request comes.
function keysOf(list) {
  let copy = [];
  let keys;
  return (req) => {
    const secrets = list(req);
    if (secrets === undefined) return undefined;
    if (keys === undefined || copy.length !== secrets.length || copy.some((one, i) => one !== secrets[i])) {
      keys = native.createKeys(secrets.map(bytesOf), 'secret');
      copy = [...secrets];
    }
    return keys;
  };
}

function secretsOf(secret) {
  if (Array.isArray(secret)) {
    if (secret.length === 0) throw new TypeError('secret option array must contain one or more strings');
    return () => secret;
  }
  if (secret) return () => [secret];
  deprecate('req.secret; provide secret option');
  return (req) => (req.secret ? [req.secret] : undefined);
}

function session(options) {
  const given = options || {};
  const { genid, unset } = given;
  let { resave, saveUninitialized } = given;
  if (genid && typeof genid !== 'function') throw new TypeError('genid option must be a function');
  if (resave === undefined) {
    deprecate('undefined resave option; provide resave option');
    resave = true;
  }
  if (saveUninitialized === undefined) {
    deprecate('undefined saveUninitialized option; provide saveUninitialized option');
    saveUninitialized = true;
  }
  if (unset && unset !== 'destroy' && unset !== 'keep') {
    throw new TypeError('unset option must be "destroy" or "keep"');
  }
  const secrets = secretsOf(given.secret);
  const store = given.store || new MemoryStore();
  if (process.env.NODE_ENV === 'production' && store instanceof MemoryStore) console.warn(PRODUCTION);
  return storeSession(DIALECT, {
    keysOf: keysOf(secrets),
    name: given.name || given.key || 'connect.sid',
    store,
    genid: genid || undefined,
    proxy: given.proxy,
    cookie: given.cookie || {},
    deadline: given.deadline ?? DEADLINE,
    rolling: Boolean(given.rolling),
    resave: Boolean(resave),
    saveUninitialized: Boolean(saveUninitialized),
    unset,
    onStoreError: 'closed',
    onConflict: 'mine',
    merge: [],
  });
}

module.exports = Object.assign(session, { Store, Cookie, Session, MemoryStore });
