'use strict';

// What `req.session` is while the session's record is in the store and can't be read. Whoever looks into it gets the
// error, as from a store that gives no answer. But asking again won't help here, so `destroy()` (a logout) and
// `regenerate()` (a login) end the record: else its browser would be locked out for as long as it has the cookie.

const { Session } = require('./session.js');

const WAYS_OUT = new Set(['destroy', 'regenerate']);

// `state` is the request's (lib/request.js); `fail` throws the error.
function unreadableSession(state, fail) {
  return new Proxy(new Session(state, {}), {
    get(session, name) {
      return WAYS_OUT.has(name) ? session[name].bind(session) : fail();
    },
    has: fail,
    set: fail,
    deleteProperty: fail,
    defineProperty: fail,
    ownKeys: fail,
    getOwnPropertyDescriptor: fail,
  });
}

module.exports = { unreadableSession };
