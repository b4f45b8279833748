'use strict';

// `Store` as the package exports it: a store on one of coatcheck's own where it is made of a URL, and express-session's
// base class where another store derives from it, by `extends` or by `Store.call(this)` and util.inherits.

const own = require('../store.js').Store;
const { Store: Base } = require('./store.js');

function Store(url, options) {
  if (new.target === Store) return new own(url, options);
  const prototype = new.target === undefined ? Object.getPrototypeOf(this) : new.target.prototype;
  if (typeof prototype.get !== 'function') {
    throw new TypeError('a class that derives from Store is a store: it needs get, set and destroy');
  }
  Base.call(this);
}
Object.setPrototypeOf(Store, Base);
Store.prototype = Base.prototype;

module.exports = { Store };
