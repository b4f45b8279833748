'use strict';

// Drops what has expired from a middleware's store, every so often: the option `pruneInterval`. Of all processes on one
// store one does it in an interval (coatcheck/pruning.hpp). The timer keeps neither the process nor the middleware alive.

const { checked, isUnknown } = require('./errors.js');
const { operate } = require('./native.js');

const turnOfTheLoop = () => new Promise(setImmediate);

// One turn; how many entries went. 0, too, where it is another process's turn. Without an interval it is nobody's turn.
async function prune(store, interval = 0) {
  let dropped = 0;
  for (let next = interval; ; next = 0) {
    const count = checked(await operate((slot) => store.pruneInTurn(next, slot)));
    if (count === false) return dropped;
    dropped += count;
    if (count < store.pruneBatch) return dropped;
    await turnOfTheLoop();
  }
}

// `owner`: has the native store as its `keeper`; the timer goes when it does. Its method `told(error, count)` hears of each
// turn that failed or dropped something.
function pruneEvery(interval, owner, told) {
  if (owner.keeper.expiresItself) return;
  const kept = new WeakRef(owner);
  let busy = false;
  const timer = setInterval(async () => {
    const alive = kept.deref();
    if (alive === undefined) {
      clearInterval(timer);
      return;
    }
    if (busy) return;
    busy = true;
    try {
      const count = await prune(alive.keeper, interval);
      if (count > 0) told.call(alive, undefined, count);
    } catch (error) {
      if (error.code === 'ERR_STORE_CLOSED') clearInterval(timer);
      else if (isUnknown(error)) told.call(alive, error, 0);
      else throw error;
    } finally {
      busy = false;
    }
  }, interval);
  timer.unref();
}

module.exports = { prune, pruneEvery };
