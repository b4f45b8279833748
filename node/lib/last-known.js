'use strict';

// What a store answered last, for requests that come while it gives no answer (`onStoreError: 'stale'`). Kept for a while
// alone, and no more than so many: a session that another process has ended since is among it until then.

const { Lru } = require('./lru.js');

const SIZE = 10_000;

class LastKnown {
  #entries = new Lru(SIZE);
  #age;

  // `age`: ms.
  constructor(age) {
    this.#age = age;
  }

  remember(key, value) {
    this.#entries.set(key, { value, until: Date.now() + this.#age });
  }

  recall(key) {
    const found = this.#entries.get(key);
    if (found === undefined) return undefined;
    if (found.until > Date.now()) return found.value;
    this.#entries.delete(key);
    return undefined;
  }

  forget(key) {
    this.#entries.delete(key);
  }
}

module.exports = { LastKnown };
