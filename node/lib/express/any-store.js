'use strict';

// `Store` as the package exports it: a store on one of coatcheck's own where it is made of a URL, and express-session's
// base class where another store derives from it, by `extends` or by `Store.call(this)` and util.inherits.

const { normalise } = require('../options.js');
const { Shared } = require('../shared.js');
const { BIND, Store: Own, nativeOf } = require('../store.js');
const { Store: Base } = require('./store.js');

const DAY = 86_400_000; // ms

// With a secret its sessions are those of coatcheck's own middleware, which other languages read. What express-session
// says of a cookie is what its record says; where it says nothing, each service has its own.
function open(url, options) {
  const store = new Own(url, options);
  const { secret, ttl } = options ?? {};
  if (secret === undefined) return store;
  // A layout of another package has a time of its own, and its URL may say which.
  const idleTimeout = ttl ?? (nativeOf(store).foreign ? undefined : DAY);
  const cookie = { secure: false, sameSite: false };
  const { store: records } = new Shared(normalise({ secret, store, idleTimeout, absoluteTimeout: 0, cookie }));
  store[BIND](records);
  return store;
}

function Store(url, options) {
  if (new.target === Store) return open(url, options);
  const prototype = new.target === undefined ? Object.getPrototypeOf(this) : new.target.prototype;
  if (typeof prototype.get !== 'function') {
    throw new TypeError('a class that derives from Store is a store: it needs get, set and destroy');
  }
  Base.call(this);
}
Object.setPrototypeOf(Store, Base);
Store.prototype = Base.prototype;

module.exports = { Store };
