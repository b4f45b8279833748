'use strict';

// Tells whoever waits for a held response that it may go on writing.
//
// A kept write answers false, so a stream that feeds the response waits for `drain`. Node's own emitter is easy to wake.
// But compression, and others that put a stream of their own before the response, wrap `on` and hang the listeners on
// that stream. That stream never filled, so it never drains. What is registered through a wrapped `on` is noted here.

const { EventEmitter } = require('node:events');

const ADD = ['on', 'addListener', 'once', 'prependListener', 'prependOnceListener'];
const REMOVE = ['off', 'removeListener'];

class DrainListeners {
  #known = new Set(); // { given, listener, wrapped, round }
  #round = 0;
  #inside = false; // a wrapped `once` may call `on`

  // Undefined where nobody has wrapped the response's `on`: then there is nothing to note.
  static of(res) {
    const wrapped = ADD.filter((name) => typeof res[name] === 'function' && res[name] !== EventEmitter.prototype[name]);
    return wrapped.length === 0 ? undefined : new DrainListeners(res, wrapped);
  }

  constructor(res, wrapped) {
    for (const name of wrapped) this.#follow(res, name);
    for (const name of REMOVE) {
      const original = res[name];
      const known = this.#known;
      res[name] = function removeListener(type, listener) {
        if (type !== 'drain') return original.call(this, type, listener);
        for (const one of known) {
          if (one.given !== listener && one.listener !== listener) continue;
          known.delete(one);
          return original.call(this, type, one.wrapped);
        }
        return original.call(this, type, listener);
      };
    }
  }

  #follow(res, name) {
    const original = res[name];
    const note = (listener) => this.#note(listener, name.toLowerCase().includes('once'));
    const enter = (value) => {
      this.#inside = value;
    };
    const inside = () => this.#inside;
    res[name] = function on(type, listener) {
      if (type !== 'drain' || typeof listener !== 'function' || inside()) return original.call(this, type, listener);
      enter(true);
      try {
        return original.call(this, type, note(listener));
      } finally {
        enter(false);
      }
    };
  }

  #note(listener, once) {
    const one = { given: listener, listener: listener.listener ?? listener, wrapped: undefined, round: this.#round };
    const known = this.#known;
    const round = () => this.#round;
    one.wrapped = function drained(...args) {
      one.round = round();
      if (once) known.delete(one);
      return listener.apply(this, args);
    };
    one.wrapped.listener = one.listener; // as `once` does, so that node finds it
    known.add(one);
    return one.wrapped;
  }

  // After `drain` was emitted on the response: those whom that did not reach.
  wake(res, emit) {
    const round = ++this.#round;
    const waiting = [...this.#known];
    emit();
    for (const one of waiting) if (one.round !== round && this.#known.has(one)) one.wrapped.call(res);
  }
}

// `listeners`: what DrainListeners.of answered.
function wake(res, listeners) {
  if (listeners === undefined) res.emit('drain');
  else listeners.wake(res, () => res.emit('drain'));
}

module.exports = { listenersOf: DrainListeners.of, wake };
