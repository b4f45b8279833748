'use strict';

// `req.sessionStore` of our middleware: its sessions by id, for code that looks at a session outside its request.

const { EventEmitter } = require('node:events');
const { answer } = require('./answer.js');
const { fromNative } = require('./errors.js');
const { parseStored } = require('./payload.js');
const ticket = require('./ticket.js');

class SessionStore extends EventEmitter {
  #shared;

  constructor(shared) {
    super();
    this.#shared = shared;
  }

  async #load(sid) {
    const opened = await this.#shared.load(sid);
    if (opened instanceof Error) throw fromNative(opened);
    return typeof opened === 'string' ? opened : undefined;
  }

  // The session's data, or undefined when there is none.
  get(sid, callback) {
    return answer(
      this.#load(sid).then((base) => (base === undefined ? undefined : parseStored(ticket.payloadOf(base)))),
      callback,
    );
  }

  destroy(sid, callback) {
    return answer(this.#end(sid), callback);
  }

  // Also a session whose record can't be read.
  async #end(sid) {
    const opened = await this.#shared.load(sid);
    const base = opened instanceof Error ? opened.base : opened;
    if (typeof base !== 'string') {
      if (opened instanceof Error) throw fromNative(opened);
      return;
    }
    const ended = await this.#shared.destroy(base, false);
    if (ended instanceof Error) throw fromNative(ended);
  }
}

module.exports = { SessionStore };
