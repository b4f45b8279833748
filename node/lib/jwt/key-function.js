// Keys that a function gives, and functions that take a callback: both in the ways that fast-jwt has.

// Promise of what `key(decoded)` returns, or of what `key(decoded, callback)` calls back with.
async function fetchKey(key, decoded) {
  if (key.length < 2) return key(decoded);
  return new Promise((resolve, reject) => {
    const found = key(decoded, (error, value) => (error ? reject(error) : resolve(value)));
    if (typeof found?.then === 'function') resolve(found);
  });
}

// Makes of an asynchronous function one that also takes a callback. It is called out of the promise, so that what it
// throws is an uncaught exception and no rejection.
function callable(run) {
  return (value, callback) => {
    const promise = run(value);
    if (typeof callback !== 'function') return promise;
    promise.then(
      (out) => process.nextTick(callback, null, out),
      (error) => process.nextTick(callback, error),
    );
    return undefined;
  };
}

module.exports = { callable, fetchKey };
