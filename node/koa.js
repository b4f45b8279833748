'use strict';

// `app.use(require('coatcheck/koa')(options))`: `ctx.session`, with coatcheck's options.

const { session } = require('./lib/middleware.js');
const { commit, noteSecure, open, speakFor } = require('./lib/host.js');

const ofRequest = (name) => ({
  configurable: true,
  enumerable: true,
  get() {
    return this.req[name];
  },
  set(value) {
    this.req[name] = value;
  },
});
const SESSION = ofRequest('session');
const SESSION_ID = ofRequest('sessionID');

function koaSession(options) {
  const middleware = session(options);

  return speakFor(middleware, async function coatcheck(ctx, next) {
    noteSecure(ctx.req, ctx.secure);
    await open(middleware, ctx.req, ctx.res);
    Object.defineProperty(ctx, 'session', SESSION);
    Object.defineProperty(ctx, 'sessionID', SESSION_ID);
    await next();
    if (ctx.respond !== false) await commit(ctx.res);
  });
}

module.exports = koaSession;
