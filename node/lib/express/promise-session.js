'use strict';

// express-session's Session with promises beside callbacks: a method that is given no callback answers a promise.

const { CoatcheckError } = require('../errors.js');
const { OperationPromise } = require('../operation-promise.js');
const { stateOf } = require('../states.js');
const { Session } = require('./session.js');

// `start(callback)` begins the operation. The response waits for it; a failure that nobody would hear of goes to the
// error handler.
function answer(session, callback, start) {
  if (typeof callback === 'function') {
    start(callback);
    return session;
  }
  const state = stateOf(session.req);
  const pending = new OperationPromise((resolve, reject) => {
    start((error) => (error ? reject(error) : resolve()));
  });
  state?.follow(pending);
  pending.ignore();
  return pending;
}

class PromiseSession extends Session {
  save(callback) {
    return answer(this, callback, (done) => super.save(done));
  }

  reload(callback) {
    return answer(this, callback, (done) => super.reload(done));
  }

  destroy(callback) {
    return answer(this, callback, (done) => super.destroy(done));
  }

  // With `{ keep: true }` the data goes on under the new id.
  regenerate(options, callback) {
    if (typeof options === 'function') return this.regenerate({}, options);
    const { req } = this;
    const { cookie, ...data } = options?.keep === true ? this : {};
    return answer(this, callback, (done) =>
      super.regenerate((error, ...more) => {
        if (!error) Object.assign(req.session, data);
        done(error, ...more);
      }),
    );
  }

  transact() {
    throw new CoatcheckError(
      'ERR_STORE_UNSUPPORTED',
      "transact needs one of coatcheck's own stores: this one has no compare-and-set",
    );
  }
}

module.exports = { PromiseSession };
