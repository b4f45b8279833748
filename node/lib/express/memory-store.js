'use strict';

// The store of a middleware that is given none: this process' memory, for itself alone. Sessions end at their deadline
// whether anybody asks for them or not, and the memory is bounded.

const { ownMemory } = require('../own-memory.js');
const { PLAIN_JSON, Store } = require('../store.js');

class MemoryStore extends Store {
  constructor() {
    super(ownMemory(), { [PLAIN_JSON]: true });
  }
}

module.exports = { MemoryStore };
