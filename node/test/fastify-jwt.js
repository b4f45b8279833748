'use strict';

// @fastify/jwt on an implementation of fast-jwt: in a process of its own, where `require('fast-jwt')` is that.

const { execFile } = require('node:child_process');
const { promisify } = require('node:util');

async function program(implementation) {
  const Module = require('node:module');
  const resolve = Module._resolveFilename;
  Module._resolveFilename = (request, ...rest) =>
    request === 'fast-jwt' ? implementation : resolve.call(Module, request, ...rest);
  const app = require('fastify')();
  await app.register(require('@fastify/jwt'), { secret: 'a secret of the tests', sign: { expiresIn: '1h' } });
  app.get('/token', (_request, reply) => reply.jwtSign({ user: 'u' }));
  app.get('/me', async (request) => {
    await request.jwtVerify();
    return { user: request.user.user };
  });
  const token = (await app.inject('/token')).body;
  const ask = async (authorization) => {
    const answer = await app.inject({ url: '/me', headers: authorization === undefined ? {} : { authorization } });
    return [answer.statusCode, answer.json()];
  };
  const expired = app.jwt.sign({ user: 'u', iat: 1 });
  const seen = [token.split('.').length, app.jwt.decode(token).user, app.jwt.verify(token).user];
  for (const header of [undefined, `Bearer ${token}`, `Bearer ${token}x`, `Bearer ${expired}`, 'Bearer x', 'Basic x']) {
    seen.push(await ask(header));
  }
  return seen;
}

async function serveFastify(implementation) {
  const { stdout } = await promisify(execFile)(process.execPath, [__filename, implementation]);
  return JSON.parse(stdout);
}

if (require.main === module) program(process.argv[2]).then((seen) => process.stdout.write(JSON.stringify(seen)));

module.exports = { serveFastify };
