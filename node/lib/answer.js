'use strict';

// Callback style where a callback is given, else the promise. The callback is called out of the promise, so that what
// it throws is an uncaught exception and no rejection.
function answer(promise, callback) {
  if (typeof callback !== 'function') return promise;
  promise.then(
    (value) => process.nextTick(callback, null, value),
    (error) => process.nextTick(callback, error),
  );
  return undefined;
}

module.exports = { answer };
