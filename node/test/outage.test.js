'use strict';

// What requests get while the store gives no answer: onStoreError, and what is told of it.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { test, describe } = require('node:test');
const express = require('express');
const v1 = require('../v1.js');
const { Browser, Redis, SECRET, serve, session } = require('./support.js');

function application(middleware) {
  const app = express().use(middleware);
  app.get('/add', (req, res) => {
    req.session.n = (req.session.n ?? 0) + 1;
    res.json(req.session.n);
  });
  app.get('/read', (req, res) => res.json(req.session.n ?? 0));
  app.get('/health', (_req, res) => res.json('ok'));
  app.get('/out', (req, res, next) => req.session.destroy((error) => (error ? next(error) : res.json('out'))));
  app.use((error, _req, res, _next) => res.status(error.status ?? 500).json(error.code ?? error.message));
  return app;
}

// The cookie for another id, with the signature of its own. The end of a value may stand in the middle of an escape.
const forged = (value) => value.replace(/^s%3A./, (start) => `s%3A${start.endsWith('A') ? 'B' : 'A'}`);

// A store of our own and one of another package's kind; each can be cut off, and brought back.
const PLACES = {
  async redis(t) {
    const redis = await Redis.start(t);
    return { store: `${redis.url}?timeout=1000`, cut: () => redis.kill(), mend: () => redis.run() };
  },
  async 'another package'() {
    class MapStore extends v1.Store {
      sessions = new Map();
      get(sid, done) {
        done(null, this.sessions.has(sid) ? JSON.parse(this.sessions.get(sid)) : undefined);
      }
      set(sid, own, done) {
        this.sessions.set(sid, JSON.stringify(own));
        done();
      }
      destroy(sid, done) {
        this.sessions.delete(sid);
        done();
      }
    }
    const store = new MapStore();
    const silent = () => {};
    return {
      store,
      cut: () => Object.assign(store, { get: silent, set: silent, destroy: silent }),
      mend() {
        for (const name of ['get', 'set', 'destroy']) delete store[name];
      },
      deadline: 50,
    };
  },
};

for (const [place, open] of Object.entries(PLACES)) {
  describe(`a store that gives no answer: ${place}`, () => {
    async function begin(t, options) {
      const { cut, mend, ...where } = await open(t);
      const middleware = session({ secret: SECRET, ...where, ...options });
      const browser = new Browser(await serve(t, application(middleware)));
      assert.equal(await browser.json('/add'), 1);
      assert.equal(await browser.json('/add'), 2);
      assert.equal(await browser.json('/read'), 2);
      return { browser, cut, mend, middleware };
    }

    test('closed: an error, and nothing is lost', async (t) => {
      const { browser, cut, mend, middleware } = await begin(t, {});
      const told = once(middleware, 'unknown');
      await cut();
      const answer = await browser.get('/read');
      assert.equal(answer.status, 503);
      assert.match((await told)[0].code, /^ERR_STORE_/);
      await mend();
      if (place !== 'redis') assert.equal(await browser.json('/add'), 3); // that redis keeps nothing
    });

    test('stale: what it said last, and nothing is stored', async (t) => {
      const { browser, cut, mend } = await begin(t, { onStoreError: 'stale' });
      await cut();
      for (let i = 0; i < 3; ++i) {
        assert.equal(await browser.json('/read'), 2);
        const added = await browser.get('/add');
        assert.deepEqual([added.status, added.body, added.setCookie], [200, '3', []]);
      }
      assert.equal((await new Browser(browser.url).get('/read')).status, 200); // nobody asks the store for it
      const stranger = browser.clone();
      const [name, value] = [...stranger.jar][0];
      stranger.jar.set(name, forged(value));
      assert.notEqual((await stranger.get('/read')).body, '2', 'a forged cookie shows nobody');
      assert.equal((await browser.get('/health')).status, 200);
      await mend();
    });

    test('stale: no longer than staleFor, and not after a logout here', async (t) => {
      const { browser, cut } = await begin(t, { onStoreError: 'stale', staleFor: 1 });
      const other = await begin(t, { onStoreError: 'stale' });
      const old = other.browser.clone();
      assert.equal(await other.browser.json('/out'), 'out');
      await Promise.all([cut(), other.cut()]);
      assert.equal((await browser.get('/read')).status, 503);
      assert.equal((await old.get('/read')).status, 503);
    });

    test('open: an empty session that is never saved', async (t) => {
      const { browser, cut } = await begin(t, { onStoreError: 'open' });
      await cut();
      assert.equal(await browser.json('/read'), 0);
      const added = await browser.get('/add');
      assert.deepEqual([added.status, added.body, added.setCookie], [200, '1', []]);
    });

    test('a hundred at once, all answered', async (t) => {
      const { browser, cut } = await begin(t, { onStoreError: 'stale' });
      await cut();
      const answers = await Promise.all(Array.from({ length: 100 }, () => browser.clone().get('/read')));
      assert.ok(answers.every(({ status, body }) => status === 200 && body === '2'));
    });

    test('a forged cookie is told to who listens', async (t) => {
      const { browser, middleware } = await begin(t, {});
      const told = once(middleware, 'tampered');
      const [name, value] = [...browser.jar][0];
      browser.jar.set(name, forged(value));
      assert.equal(await browser.json('/read'), 0);
      assert.equal((await told)[0].code, 'ERR_INVALID_COOKIE');
    });
  });
}

test('options', () => {
  const make = (options) => () => session({ secret: SECRET, store: 'memory:', ...options });
  assert.throws(make({ onStoreError: 'x' }), /onStoreError option must be/);
  assert.throws(make({ onStoreError: 'open', onUnknown: 'open' }), /one and the same/);
  assert.throws(make({ staleFor: 5 }), /staleFor option needs onStoreError "stale"/);
  assert.throws(make({ onStoreError: 'stale', staleFor: 0 }), /staleFor option must be/);
  make({ onUnknown: 'open' })();
});
