'use strict';

// express-session's Store (1.19.0, session/store.js): what a store's class derives from, by `extends` or by
// `Store.call(this)` and util.inherits.

const { EventEmitter } = require('node:events');
const { reviveCookie } = require('./cookie.js');
const { Session, regenerate } = require('./session.js');

function Store() {
  EventEmitter.call(this);
}
Object.setPrototypeOf(Store, EventEmitter);
Store.prototype = Object.create(EventEmitter.prototype, {
  constructor: { value: Store, writable: true, configurable: true },
});

Store.prototype.regenerate = regenerate;

// The session of an id, as an object with methods.
Store.prototype.load = function load(sid, callback) {
  this.get(sid, (error, found) => {
    if (error) return callback(error);
    if (!found) return callback();
    return callback(null, this.createSession({ sessionID: sid, sessionStore: this }, found));
  });
};

// `req.session` of what `get` gave.
Store.prototype.createSession = function createSession(req, found) {
  found.cookie = reviveCookie(found.cookie);
  req.session = new Session(req, found);
  return req.session;
};

module.exports = { Store };
