'use strict';

// cookie-session's `req.session` (2.1.1, index.js): the data as enumerable properties, and whether it is new, populated or
// changed. And what passport asks of a session since 0.6: regenerate and save.

const { CoatcheckError } = require('../errors.js');

// What a session was read as: `_new`, and `_val`, its text in the cookie.
class Context {
  _new = true;
  _val = undefined;
}

// The outcome for a callback, or as a promise without one.
function answer(callback, error) {
  if (typeof callback === 'function') process.nextTick(callback, error);
  else return error === undefined ? Promise.resolve() : Promise.reject(error);
  return undefined;
}

class Session {
  #state;

  // `state`: the request's; `data`: a plain object.
  constructor(state, context, data) {
    this.#state = state;
    Object.defineProperty(this, '_ctx', { value: context });
    // Inherited data counts, as in cookie-session.
    for (const name in data) if (!(name in this)) this[name] = data[name];
  }

  get isNew() {
    return this._ctx._new;
  }

  get isPopulated() {
    return Object.keys(this).length > 0;
  }

  get isChanged() {
    return this._ctx._new || this._ctx._val !== this.#state.shared.codec.encode(this);
  }

  // The cookie is written with the response's headers; this says whether that is still to come.
  save(callback) {
    const { res } = this.#state;
    const late = res.headersSent
      ? new CoatcheckError(
          'ERR_HEADERS_SENT',
          "a session in its cookie can't be stored: the response's headers have gone",
        )
      : undefined;
    return answer(callback, late);
  }

  // For login: an empty session in the place of this one. With `{ keep: true }` the data goes on.
  regenerate(options, callback) {
    if (typeof options === 'function') return this.regenerate({}, options);
    this.#state.renew(options?.keep === true ? this : {});
    return answer(callback);
  }

  // Ends the session: `req.session` is then null.
  destroy(callback) {
    this.#state.replace(null);
    return answer(callback);
  }
}

module.exports = { Context, Session };
