'use strict';

// The URL of a memory store that nobody else has.

const { threadId } = require('node:worker_threads');

let made = 0;

function ownMemory() {
  made += 1;
  return `memory:own-${process.pid}-${threadId}-${made}`;
}

module.exports = { ownMemory };
