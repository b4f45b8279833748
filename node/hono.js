'use strict';

// `app.use(require('coatcheck/hono')(options))`: `c.get('session')`, with coatcheck's options.

const { openFetch } = require('./lib/fetch-messages.js');
const { speakFor } = require('./lib/host.js');
const { session } = require('./lib/middleware.js');

function honoSession(options) {
  const middleware = session(options);

  return speakFor(middleware, async function coatcheck(c, next) {
    const opened = await openFetch(middleware, c.req.raw);
    c.set('session', opened.session);
    await next();
    const answer = await opened.finish(c.res);
    if (answer === c.res) return;
    c.res = undefined; // else Hono joins the headers of both
    c.res = answer;
  });
}

module.exports = honoSession;
