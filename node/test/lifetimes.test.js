'use strict';

// Whatever is written can be read: sessions with lifetimes at every extreme that JavaScript can name.

const assert = require('node:assert/strict');
const { test, describe } = require('node:test');
const { SECRET, Redis, fileStore, memoryStore, session, start } = require('./support.js');

const SPANS = [3_600_000, 34_560_000_000, 8e12, 1e13, 1e14, Number.MAX_SAFE_INTEGER, 1e18, Number.MAX_VALUE];
const routes = {
  '/count': (req, res) => {
    req.session.n = (req.session.n ?? 0) + 1;
    res.end(String(req.session.n));
  },
  '/own': (req, res) => {
    req.session.n = 1;
    req.session.cookie.maxAge = Number(req.query.maxAge);
    res.end('1');
  },
  '/until': (req, res) => {
    req.session.n = 1;
    req.session.cookie.expires = new Date(Number(req.query.at));
    res.end('1');
  },
};

async function counts(browser, first = '/count') {
  for (const [n, path] of [first, '/count', '/count'].entries()) {
    const answer = await browser.get(path);
    assert.equal(answer.status, 200, answer.body);
    assert.equal(answer.body, String(n + 1), path);
  }
}

const STORES = {
  memory: () => memoryStore(),
  file: (t) => fileStore(t),
  redis: async (t) => (await Redis.start(t)).url,
};
for (const [kind, makeStore] of Object.entries(STORES)) {
  describe(`on ${kind}`, () => {
    test('options', async (t) => {
      const store = await makeStore(t);
      for (const span of SPANS) {
        for (const options of [
          { idleTimeout: span },
          { idleTimeout: span, absoluteTimeout: 0 },
          { absoluteTimeout: span },
          { idleTimeout: span, absoluteTimeout: span },
          { cookie: { maxAge: span } },
          { cookie: { maxAge: span }, mode: 'jwt' },
          { idleTimeout: span, absoluteTimeout: span, mode: 'jwe' },
        ]) {
          await counts(await start(t, routes, { ...options, store }));
        }
      }
      for (const expires of [new Date(9_999_999_999_999), new Date(253_402_300_799_999), new Date(8.64e15)]) {
        await counts(await start(t, routes, { cookie: { expires }, store }));
      }
    });

    test("a session's own cookie", async (t) => {
      const store = await makeStore(t);
      for (const mode of ['store', 'jwt', 'jwe']) {
        const browser = await start(t, routes, { store, mode });
        for (const span of SPANS) {
          browser.jar.clear();
          await counts(browser, `/own?maxAge=${encodeURIComponent(span)}`);
        }
        for (const at of [9_999_999_999_999, 253_402_300_799_999, 8.64e15]) {
          browser.jar.clear();
          await counts(browser, `/until?at=${at}`);
        }
      }
    });

    test('Store inside express-session', async (t) => {
      const store = new session.Store(await makeStore(t), { secret: SECRET, ttl: Number.MAX_VALUE });
      t.after(() => store.close());
      for (const cookie of [{}, { originalMaxAge: Number.MAX_SAFE_INTEGER }, { expires: new Date(8.64e15) }]) {
        await store.set('one', { n: 1, cookie });
        assert.equal((await store.get('one')).n, 1);
        await store.touch('one', { n: 1, cookie });
        assert.equal((await store.get('one')).n, 1);
      }
    });
  });
}

test('what is no time is refused by name, when it is set', async (t) => {
  const set = (change) => (req, res) => {
    req.session.n = 1;
    assert.throws(() => change(req.session.cookie), /maxAge must be a finite number|expires must be a valid Date/);
    res.end('ok');
  };
  const browser = await start(t, {
    '/nan': set((cookie) => {
      cookie.maxAge = Number.NaN;
    }),
    '/infinity': set((cookie) => {
      cookie.maxAge = Number.POSITIVE_INFINITY;
    }),
    '/date': set((cookie) => {
      cookie.expires = new Date('never');
    }),
  });
  for (const path of ['/nan', '/infinity', '/date']) assert.equal((await browser.get(path)).body, 'ok');
  for (const ttl of [Number.NaN, Number.POSITIVE_INFINITY, 0, -1])
    assert.throws(() => new session.Store(memoryStore(), { ttl }), /ttl option must be milliseconds above 0/);
  const store = new session.Store(memoryStore());
  await assert.rejects(store.set('one', { cookie: { expires: 'never' } }), /no valid expires/);
});

test('a session whose toJSON gives no object is refused, not stored for ever unreadable', async (t) => {
  const browser = await start(t, {
    '/spoil': (req, res) => {
      req.session.n = 1;
      Object.defineProperty(req.session, 'toJSON', { value: () => 'text', configurable: true });
      res.end();
    },
    '/count': routes['/count'],
  });
  assert.equal((await browser.get('/count')).body, '1');
  const refused = await browser.get('/spoil');
  assert.equal(refused.status, 500);
  assert.match(refused.body, /ERR_NOT_SERIALISABLE/);
  assert.equal((await browser.get('/count')).body, '2');
});
