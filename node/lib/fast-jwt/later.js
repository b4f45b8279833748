'use strict';

// Callbacks, promises, and keys that come later, as fast-jwt has them.

// A callback, or one that settles the promise which is then answered.
function callbackOrPromise(callback) {
  if (typeof callback === 'function') return [callback];
  let settle;
  const promise = new Promise((resolve, reject) => {
    settle = (error, value) => (error ? reject(error) : resolve(value));
  });
  return [settle, promise];
}

// Asks a key function, which calls back or answers a promise.
function fetchKey(keyFunction, decoded, callback) {
  const answer = keyFunction(decoded, callback);
  if (typeof answer?.then !== 'function') return;
  // Out of the promise: what the callback throws is not the key's failure.
  answer.then((key) => process.nextTick(callback, null, key)).catch(callback);
}

module.exports = { callbackOrPromise, fetchKey };
