'use strict';

// Sessions of upgrade requests (WebSockets): save() says what became of the data, in every mode. Such a request has
// no response that could carry a cookie.

const assert = require('node:assert/strict');
const http = require('node:http');
const { once } = require('node:events');
const { test, describe, before, after } = require('node:test');
const { Browser, FRAMEWORKS, Redis, SECRET, fileStore, memoryStore, session } = require('./support.js');

const STORES = {
  memory: () => memoryStore(),
  file: (t) => fileStore(t),
  redis: async (t) => `${(await Redis.start(t)).url}?timeout=5000`,
};

// What applications hand to the middleware in place of a response.
const RESPONSES = {
  'an empty object': () => ({}),
  'a response without a socket': (req) => new http.ServerResponse(req),
};

const ROUTES = {
  '/write': (req, res) => {
    req.session.n = (req.session.n ?? 0) + 1;
    res.end();
  },
  '/logout': async (req, res) => {
    await req.session.destroy();
    res.end();
  },
  '/read': (req, res) => res.end(JSON.stringify({ n: req.session.n })),
  '/save-after-destroy': async (req, res) => {
    const { session: own } = req;
    await own.destroy();
    const error = await own.save().catch((error) => error);
    res.end(JSON.stringify({ code: error?.code }));
  },
};

// A server whose upgrade requests run `onSocket(req, message)` and send what it answers as a line of JSON.
async function serveUpgrades(t, options, makeResponse, onSocket) {
  const middleware = session({ secret: SECRET, ...options });
  const server = http.createServer(FRAMEWORKS.http(middleware, ROUTES));
  server.on('upgrade', (req, socket) => {
    const failed = (error) => socket.end(`HTTP/1.1 500 ${error.code}\r\n\r\n`);
    middleware(req, makeResponse(req), (error) => {
      if (error) return failed(error);
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: lines\r\nConnection: Upgrade\r\n\r\n');
      socket.on('data', async () => socket.write(`${JSON.stringify(await onSocket(req))}\n`));
      return undefined;
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets = [];
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${server.address().port}`;
  const connect = async (cookie) => {
    const request = http.request(url, { headers: { cookie, connection: 'Upgrade', upgrade: 'lines' } });
    request.end();
    const [, socket] = await once(request, 'upgrade');
    sockets.push(socket);
    return async () => {
      socket.write('now\n');
      const [line] = await once(socket, 'data');
      return JSON.parse(line.toString());
    };
  };
  return { browser: new Browser(url), connect };
}

const change = async (req) => {
  try {
    req.session.n += 1;
    await req.session.save();
    return { saved: req.session.n };
  } catch (error) {
    return { code: error.code };
  }
};

for (const [kind, makeStore] of Object.entries(STORES))
  describe(`an upgrade request, ${kind}`, () => {
    let store;
    const cleanups = [];
    before(async () => {
      store = await makeStore({ after: (cleanup) => cleanups.push(cleanup) });
    });
    after(() => Promise.all(cleanups.map((cleanup) => cleanup())));

    for (const [what, makeResponse] of Object.entries(RESPONSES)) {
      test(`${what}: save() stores, and after a logout says that it does not`, async (t) => {
        const { browser, connect } = await serveUpgrades(t, { store }, makeResponse, change);
        await browser.get('/write');
        const send = await connect(browser.cookieHeader());
        assert.deepEqual(await send(), { saved: 2 });
        assert.deepEqual(await browser.json('/read'), { n: 2 });
        assert.deepEqual(await send(), { saved: 3 });
        await browser.get('/logout');
        assert.deepEqual(await send(), { code: 'ERR_SESSION_GONE' });
      });

      for (const mode of ['jwe', 'jwt']) {
        test(`${what}, mode ${mode}: save() says that nothing is kept, before a logout and after`, async (t) => {
          const { browser, connect } = await serveUpgrades(t, { store, mode }, makeResponse, change);
          await browser.get('/write');
          const send = await connect(browser.cookieHeader());
          assert.deepEqual(await send(), { code: 'ERR_HEADERS_SENT' });
          await browser.get('/logout');
          assert.deepEqual(await send(), { code: 'ERR_HEADERS_SENT' });
        });
      }

      for (const mode of ['store', 'jwe', 'jwt']) {
        test(`${what}, mode ${mode}: destroy() ends the session, save() after it is an error`, async (t) => {
          const { browser, connect } = await serveUpgrades(t, { store, mode }, makeResponse, async (req) => {
            const { session: own } = req;
            await own.destroy();
            return { code: (await own.save().catch((error) => error))?.code };
          });
          await browser.get('/write');
          const send = await connect(browser.cookieHeader());
          assert.deepEqual(await send(), { code: 'ERR_INVALID_STATE' });
          if (mode !== 'jwt' && mode !== 'jwe') assert.deepEqual(await browser.json('/read'), {});
        });
      }
    }

    for (const mode of ['store', 'jwe', 'jwt']) {
      test(`an ordinary request, mode ${mode}: save() after destroy() is an error`, async (t) => {
        const { browser } = await serveUpgrades(t, { store, mode }, RESPONSES['an empty object'], change);
        await browser.get('/write');
        assert.deepEqual(await browser.json('/save-after-destroy'), { code: 'ERR_INVALID_STATE' });
      });
    }
  });
