'use strict';

// What save(), destroy() and the like answer. Knows whether somebody awaits it: a failure that nobody would hear
// of goes to the error handler when the response is about to be sent.
class OperationPromise extends Promise {
  observed = false;

  static get [Symbol.species]() {
    return Promise;
  }

  // biome-ignore lint/suspicious/noThenProperty: this is a promise
  then(onFulfilled, onRejected) {
    this.observed = true;
    return super.then(onFulfilled, onRejected);
  }

  // As then(), for who does not count as somebody that awaits it.
  settled(onFulfilled, onRejected) {
    return super.then(onFulfilled, onRejected);
  }

  // A failure is no unhandled rejection.
  ignore() {
    super.then(undefined, () => {});
  }
}

module.exports = { OperationPromise };
