'use strict';

// The store of a middleware that is given none: this process' memory, for itself alone. Sessions end at their deadline
// whether anybody asks for them or not, and the memory is bounded.

const { threadId } = require('node:worker_threads');
const { PLAIN_JSON, Store } = require('../store.js');

let made = 0;

class MemoryStore extends Store {
  constructor() {
    made += 1;
    super(`memory:express-${process.pid}-${threadId}-${made}`, { [PLAIN_JSON]: true });
  }
}

module.exports = { MemoryStore };
