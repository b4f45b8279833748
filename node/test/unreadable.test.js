'use strict';

// A record that is in the store and can't be read: it is no data and is not overwritten, but its browser is not locked
// out: a logout ends it, a login gives a new session, and an error handler may do either.

const assert = require('node:assert/strict');
const { test, describe } = require('node:test');
const expressSession = require('express-session');
const express = require('express');
const { Browser, FRAMEWORKS, Redis, SECRET, fileStore, memoryStore, serve, session } = require('./support.js');
const { native, operate } = require('../lib/native.js');

const ROUTES = {
  '/write': (req, res) => {
    req.session.n = (req.session.n ?? 0) + 1;
    res.end(String(req.session.n));
  },
  '/read': (req, res) => res.end(String(req.session.n)),
  '/print': (req, res) => res.end(JSON.stringify(req.session)),
  '/has': (req, res) => res.end(String('n' in req.session)),
  '/keys': (req, res) => res.end(Object.keys(req.session).join()),
  '/untouched': (_req, res) => res.end('ok'),
  '/logout': (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.end('out')));
  },
  '/login': (req, res, next) => {
    req.session.regenerate((error) => {
      if (error) return next(error);
      req.session.n = 100;
      res.end('in');
    });
  },
  '/keep': async (req, res) => {
    await req.session.regenerate({ keep: true });
    req.session.n = 200;
    res.end('in');
  },
  '/null': (req, res) => {
    req.session = null;
    res.end('out');
  },
};

const DAMAGES = {
  'no record': () => 'x',
  'of a newer version': (bytes) => `cc9${bytes.slice(3)}`,
  cut: (bytes) => bytes.slice(0, -1),
  'no JSON': (bytes) => bytes.replace('{"n":1}', '{secre}'),
};

const STORES = {
  memory: () => memoryStore(),
  file: (t) => fileStore(t),
  redis: async (t) => (await Redis.start(t)).url,
};

async function damage(url, change) {
  const store = native.openStore(url);
  const run = (start) => operate(start);
  const [, key] = await run((slot) => store.scan('', 10, slot));
  const bytes = change(await run((slot) => store.get(key, slot)));
  await run((slot) => store.put(key, bytes, Date.now() + 60_000, undefined, slot));
  return { entry: () => run((slot) => store.get(key, slot)), bytes, close: () => store.close() };
}

async function site(t, url, options, framework = 'express5', onError = undefined) {
  const middleware = session({ secret: SECRET, store: url, ...options });
  const told = [];
  middleware.on('damaged', (error) => told.push(error.code));
  return { told, browser: new Browser(await serve(t, FRAMEWORKS[framework](middleware, ROUTES, onError))) };
}

for (const [name, makeUrl] of Object.entries(STORES)) {
  describe(`on ${name}`, () => {
    for (const [kind, change] of Object.entries(DAMAGES)) {
      test(`${kind}: nobody reads or overwrites it; logout and login end it`, async (t) => {
        const url = await makeUrl(t);
        for (const [way, body, after] of [
          ['/logout', 'out', 'undefined'],
          ['/login', 'in', '100'],
          ['/keep', 'in', '200'],
        ]) {
          const errors = [];
          const { browser, told } = await site(t, url, {}, 'express5', (error) => errors.push(error));
          await browser.get('/write');
          const damaged = await damage(url, change);
          for (const page of ['/write', '/read', '/print', '/has', '/keys']) {
            const answer = await browser.get(page);
            assert.equal(answer.status, 503, page);
            assert.match(answer.body, /ERR_RECORD_DAMAGED/);
            assert.deepEqual(answer.setCookie, []);
          }
          assert.deepEqual(told, Array(5).fill('ERR_RECORD_DAMAGED'));
          for (const error of errors) assert.doesNotMatch(error.message, /secre/);
          assert.equal((await browser.get('/untouched')).status, 200);
          assert.equal(await damaged.entry(), damaged.bytes);
          const answer = await browser.get(way);
          assert.equal(answer.body, body);
          assert.equal(answer.setCookie.length, 1);
          assert.equal(await damaged.entry(), undefined);
          assert.equal((await browser.get('/read')).body, after);
          damaged.close();
          if (way !== '/logout') await browser.get('/logout'); // leaves the store empty
        }
      });
    }
  });
}

for (const framework of Object.keys(FRAMEWORKS)) {
  test(`an error handler may log out whoever looks at the session on each request (${framework})`, async (t) => {
    const url = memoryStore();
    const { browser } = await site(t, url, {}, framework, (error, req, res) => {
      if (error.code === 'ERR_RECORD_DAMAGED') req.session.destroy(() => res.end('log in again'));
    });
    await browser.get('/write');
    const damaged = await damage(url, DAMAGES.cut);
    const answer = await browser.get('/read');
    assert.equal(answer.setCookie.length, 1);
    assert.equal(await damaged.entry(), undefined);
    assert.equal((await browser.get('/read')).body, 'undefined');
    damaged.close();
  });
}

test("onUnknown 'open' goes on with an empty session that is never saved, until a login", async (t) => {
  for (const change of Object.values(DAMAGES)) {
    const url = memoryStore();
    const { browser, told } = await site(t, url, { onUnknown: 'open' });
    await browser.get('/write');
    const damaged = await damage(url, change);
    const answer = await browser.get('/write');
    assert.equal(answer.body, '1');
    assert.deepEqual(answer.setCookie, []);
    assert.deepEqual(told, ['ERR_RECORD_DAMAGED']);
    assert.equal(await damaged.entry(), damaged.bytes);
    assert.equal((await browser.get('/login')).setCookie.length, 1);
    assert.equal((await browser.get('/read')).body, '100');
    damaged.close();
  }
});

test("`req.session = null` ends it with `unset: 'destroy'`, and leaves it alone otherwise", async (t) => {
  for (const [unset, left] of [
    ['destroy', false],
    ['keep', true],
  ]) {
    const url = memoryStore();
    const { browser } = await site(t, url, { unset });
    await browser.get('/write');
    const damaged = await damage(url, DAMAGES.cut);
    assert.equal((await browser.get('/null')).body, 'out');
    assert.equal((await damaged.entry()) !== undefined, left);
    damaged.close();
  }
});

test('a logout that the store does not hear of is no logout', async (t) => {
  const redis = await Redis.start(t);
  const middleware = session({ secret: SECRET, store: redis.url });
  const routes = {
    ...ROUTES,
    '/late': async (req, res) => {
      const mine = req.session;
      await redis.stop();
      await mine.destroy();
      res.end('out');
    },
  };
  const browser = new Browser(await serve(t, FRAMEWORKS.express5(middleware, routes)));
  middleware.on('damaged', () => {});
  await browser.get('/write');
  const damaged = await damage(redis.url, DAMAGES.cut);
  damaged.close();
  const answer = await browser.get('/late');
  assert.equal(answer.status, 503);
  assert.deepEqual(answer.setCookie, []);
});

test('req.sessionStore and Store end what they can not read, and quote nothing of it', async (t) => {
  const url = memoryStore();
  const store = new session.Store(url);
  const app = express();
  app.use(expressSession({ store, secret: SECRET, resave: false, saveUninitialized: false }));
  app.get('/write', ROUTES['/write']);
  app.get('/read', ROUTES['/read']);
  const errors = [];
  app.use((error, req, res, _next) => {
    errors.push(error);
    req.sessionStore.destroy(req.sessionID, () => res.clearCookie('connect.sid').status(503).end());
  });
  const browser = new Browser(await serve(t, app));
  await browser.get('/write');
  const damaged = await damage(url, () => '{secre}');
  assert.equal((await browser.get('/read')).status, 503);
  assert.equal(errors[0].code, 'ERR_RECORD_DAMAGED');
  assert.doesNotMatch(errors[0].message, /secre/);
  assert.equal(await damaged.entry(), undefined);
  assert.equal((await browser.get('/read')).body, 'undefined');
  damaged.close();
});

// With a domain the cookie has two forms, and a logout clears both.
for (const [path, unset] of [
  ['/logout', 'keep'],
  ['/login', 'keep'],
  ['/null', 'destroy'],
]) {
  test(`${path}, unset ${unset}, of a cookie with a domain`, async (t) => {
    const url = memoryStore();
    const { browser } = await site(t, url, { cookie: { domain: 'shop.example' }, unset });
    await browser.get('/write');
    const { close } = await damage(url, DAMAGES['no record']);
    const answer = await browser.get(path);
    assert.equal(answer.status, 200, answer.body);
    assert.match(answer.setCookie.at(-1), path === '/login' ? /^session=s%3A/ : /^session=; Domain=shop\.example;/);
    assert.match(answer.setCookie[0], /^session=; Path=\/; Expires=Thu, 01 Jan 1970/);
    close();
  });
}
