'use strict';

// What a middleware tells of its requests beside their responses: to who listens, else as a warning of the process.

const { EventEmitter } = require('node:events');
const { CoatcheckError } = require('./errors.js');
const { native } = require('./native.js');

const QUIET = 60_000; // ms between two warnings of one kind

class Announcer {
  #warned = false;
  #untouched = 0;
  #quietUntil = 0;
  #toldLate = new Set();

  constructor() {
    this.events = new EventEmitter();
  }

  // Gives the middleware `on`, `once` and `off`.
  speakThrough(middleware) {
    for (const name of ['on', 'once', 'off']) {
      middleware[name] = (...args) => {
        this.events[name](...args);
        return middleware;
      };
    }
    return middleware;
  }

  // An automatic commit that stored nothing is told: to who listens, else as a warning.
  tell(event, error, req) {
    if (this.events.listenerCount(event) > 0) this.events.emit(event, error, req);
    else process.emitWarning(error.message, { type: 'CoatcheckWarning', code: error.code });
  }

  // What anybody can bring about, and what the response says anyway: to who listens alone.
  tellListeners(event, error, req) {
    if (this.events.listenerCount(event) > 0) this.events.emit(event, error, req);
  }

  // A deadline that the store did not take is no failure of the request: told to who listens, else in a warning, the
  // first of them and then one a minute.
  tellUntouched(error, req) {
    this.#untouched += 1;
    if (this.events.listenerCount('untouched') > 0) {
      this.events.emit('untouched', error, req);
      return;
    }
    const now = performance.now();
    if (now < this.#quietUntil) return;
    this.#quietUntil = now + QUIET;
    process.emitWarning(
      `the deadline of a session could not be moved (${this.#untouched} since the start): ${error.message}`,
      { type: 'CoatcheckWarning', code: error.code },
    );
  }

  // What changed when its cookie could not be sent any more is not stored: told to who listens, else in one warning.
  tellLate(step, req) {
    const error = new CoatcheckError('ERR_HEADERS_SENT', native.lateMessage(step));
    if (this.events.listenerCount('late') > 0) this.events.emit('late', error, req);
    else if (!this.#toldLate.has(step)) {
      this.#toldLate.add(step);
      this.tell('late', error, req);
    }
  }

  // A cookie that must be secure was not sent: a login that "does not work" should say why.
  warnWithheld() {
    if (this.#warned) return;
    this.#warned = true;
    process.emitWarning(
      'The session cookie is secure and the request is not, so it was not sent. Behind a TLS proxy set `proxy: true` ' +
        "(or Express' \"trust proxy\"); for plain http in development use `cookie: { secure: 'auto' }`.",
      'CoatcheckWarning',
    );
  }
}

module.exports = { Announcer };
