'use strict';

// The middleware inside a framework that has its own ways: opened before the application's turn, committed before the
// response is sent, so that what fails is the framework's to answer.

const { commit } = require('./response.js');

// Opens the session of a request. Rejects with what the framework is to answer.
function open(middleware, req, res) {
  return new Promise((resolve, reject) => {
    let opened = false;
    middleware(req, res, (error) => {
      // A response that the application sends past its framework, and whose session could not be stored.
      if (opened && error) res.destroy?.(error);
      opened = true;
      if (error) reject(error);
      else resolve();
    });
  });
}

// Gives what stands for the middleware its `on`, `once` and `off`.
function speakFor(middleware, own) {
  for (const name of ['on', 'once', 'off']) {
    own[name] = (...args) => {
      middleware[name](...args);
      return own;
    };
  }
  return own;
}

// What says that a request came over TLS is the framework's own: "trust proxy" by its name there.
function noteSecure(req, secure) {
  if (secure && req.secure === undefined) req.secure = true;
}

module.exports = { commit, noteSecure, open, speakFor };
