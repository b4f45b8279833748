'use strict';

// Calls a method of a store that answers by callback. What it answers inside the call is there at once; a store that
// never answers ends at the deadline, and one whose method is an async function may reject instead of calling back.

const { CoatcheckError } = require('../errors.js');
const { calledInside } = require('../store.js');

// `start(callback)` calls the method. `deadline`: ms. Answers the value, or a promise of it; throws or rejects with what
// the store says. `own`: the store is one of coatcheck's.
function ask(start, deadline, own) {
  let over = false;
  let failure;
  let value;
  let settle;
  const done = (error, answer) => {
    if (over) return;
    over = true;
    failure = error;
    value = answer;
    settle?.();
  };
  const returned = own ? calledInside(() => start(done)) : start(done);
  if (typeof returned?.then === 'function') returned.then(undefined, done);
  if (over) {
    if (failure) throw failure;
    return value;
  }
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => done(new CoatcheckError('ERR_STORE_TIMEOUT', `the session store did not answer within ${deadline} ms`)),
      deadline,
    );
    timer.unref(); // a process whose connections are all closed waits for nobody
    settle = () => {
      clearTimeout(timer);
      if (failure) reject(failure);
      else resolve(value);
    };
  });
}

module.exports = { ask };
