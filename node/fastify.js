'use strict';

// `fastify.register(require('coatcheck/fastify'), options)`: `request.session`, with coatcheck's options.

const { session } = require('./lib/middleware.js');
const { commit, noteSecure, open } = require('./lib/host.js');

// What is the raw request's shows on Fastify's own.
const ofRaw = (name) => ({
  getter() {
    return this.raw[name];
  },
  setter(value) {
    this.raw[name] = value;
  },
});

async function coatcheck(fastify, options) {
  const middleware = session(options);
  for (const name of ['session', 'sessionID', 'sessionStore']) fastify.decorateRequest(name, ofRaw(name));
  fastify.decorate('sessionMiddleware', middleware);

  fastify.addHook('onRequest', async (request, reply) => {
    noteSecure(request.raw, request.protocol === 'https');
    await open(middleware, request.raw, reply.raw);
  });
  fastify.addHook('onSend', async (_request, reply, payload) => {
    await commit(reply.raw);
    return payload;
  });
}

// Not encapsulated (fastify-plugin's marks): the session is there for the whole application.
coatcheck[Symbol.for('skip-override')] = true;
coatcheck[Symbol.for('fastify.display-name')] = 'coatcheck';
coatcheck[Symbol.for('plugin-meta')] = { name: 'coatcheck', fastify: '>=4' };

module.exports = coatcheck;
