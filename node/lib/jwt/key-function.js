// Keys that a function gives, and functions that take a callback: both in the ways that fast-jwt has.

const { answer } = require('../answer.js');

// Promise of what `key(decoded)` returns, or of what `key(decoded, callback)` calls back with.
async function fetchKey(key, decoded) {
  if (key.length < 2) return key(decoded);
  return new Promise((resolve, reject) => {
    const found = key(decoded, (error, value) => (error ? reject(error) : resolve(value)));
    if (typeof found?.then === 'function') resolve(found);
  });
}

// Makes of an asynchronous function one that also takes a callback.
const callable = (run) => (value, callback) => answer(run(value), callback);

module.exports = { callable, fetchKey };
