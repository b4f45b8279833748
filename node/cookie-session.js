'use strict';

// `require('coatcheck/cookie-session')` takes the place of `require('cookie-session')` (2.1): the same options, the same
// two cookies. `sealed: true` is another cookie: encrypted, with its end inside, in up to four pieces, and with `spill` in
// a store where it is large.

const { cookieMiddleware } = require('./lib/cookie-session/middleware.js');
const { SealedCodec } = require('./lib/cookie-session/sealed.js');
const { SignedCodec } = require('./lib/cookie-session/signed.js');
const { Store } = require('./lib/store.js');

const DEADLINE = 10_000; // ms

// Where a session goes that is too large for its cookie.
function spillOf(spill) {
  if (spill === undefined) return undefined;
  const { store, over = 3000, deadline = DEADLINE, ...others } = spill;
  for (const name of Object.keys(others)) {
    throw new TypeError(`unknown spill option '${name}'; there are: store, over, deadline`);
  }
  if (!Number.isSafeInteger(over) || over < 0) throw new TypeError('spill.over must be a whole number of bytes');
  const opened = typeof store === 'string' ? new Store(store) : store;
  if (typeof opened?.get !== 'function') throw new TypeError('spill.store must be a URL or a session store');
  return { store: opened, over, deadline };
}

function cookieSession(given) {
  const options = given || {};
  const name = options.name || 'session';
  const keys = options.keys ?? (options.secret ? [options.secret] : undefined);
  options.overwrite ??= true;
  options.httpOnly ??= true;
  options.signed ??= true;
  if (!options.sealed) {
    if (options.spill !== undefined) throw new TypeError('spill needs sealed: true');
    if (!keys && options.signed) throw new Error('.keys required.');
    return cookieMiddleware(new SignedCodec(name, keys ?? []), options, false);
  }
  if (!Array.isArray(keys) || keys.length === 0) throw new Error('.keys required.');
  const spill = spillOf(options.spill);
  const legacy = options.acceptSigned ? new SignedCodec(name, keys) : undefined;
  return cookieMiddleware(new SealedCodec(name, keys, spill, legacy), options, spill !== undefined);
}

module.exports = cookieSession;
