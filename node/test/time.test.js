'use strict';

// Expiry in an application's own tests: what moves Date.now moves the sessions' time.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { test, describe } = require('node:test');
const { Worker } = require('node:worker_threads');
const { Browser, FRAMEWORKS, Redis, SECRET, fileStore, memoryStore, serve, session } = require('./support.js');

const MINUTE = 60_000;
const ROUTES = {
  '/login': (req, res) => {
    req.session.user = 1;
    res.end(String(req.session.cookie.expires?.toISOString()));
  },
  '/user': (req, res) => res.end(String(req.session.user)),
};

const STORES = {
  memory: () => memoryStore(),
  file: (t) => fileStore(t),
  redis: async (t) => `${(await Redis.start(t)).url}?timeout=5000`,
};

// How people move the time. Each answers what moves it on.
const CLOCKS = {
  'mock.timers of node:test': (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
    return (by) => t.mock.timers.setTime(Date.now() + by);
  },
  'a mock of Date.now': (t) => {
    let now = Date.now();
    t.mock.method(Date, 'now', () => now);
    return (by) => {
      now += by;
    };
  },
  // As sinon, jest and vitest do it.
  'another Date': (t) => {
    const Real = Date;
    let now = Real.now();
    globalThis.Date = class extends Real {
      constructor(...given) {
        super(...(given.length === 0 ? [now] : given));
      }
      static now() {
        return now;
      }
    };
    t.after(() => {
      globalThis.Date = Real;
    });
    return (by) => {
      now += by;
    };
  },
};

for (const [kind, makeStore] of Object.entries(STORES)) {
  describe(`on ${kind}`, () => {
    for (const [name, stop] of Object.entries(CLOCKS)) {
      test(`a session ages with ${name}`, async (t) => {
        const store = await makeStore(t);
        const middleware = session({ secret: SECRET, store, idleTimeout: 60 * MINUTE });
        const browser = new Browser(await serve(t, FRAMEWORKS.express5(middleware, ROUTES)));
        const move = stop(t);
        await browser.get('/login');
        move(50 * MINUTE);
        assert.equal((await browser.get('/user')).body, '1');
        move(61 * MINUTE);
        assert.equal((await browser.get('/user')).body, 'undefined');
      });
    }
  });
}

test('afterwards the time is the machine’s again', async (t) => {
  const browser = new Browser(
    await serve(t, FRAMEWORKS.http(session({ secret: SECRET, store: memoryStore(), idleTimeout: MINUTE }), ROUTES)),
  );
  const later = t.mock.method(Date, 'now', () => 2_000_000_000_000);
  await browser.get('/login');
  later.mock.restore();
  assert.equal((await browser.get('/user')).body, '1', 'it ends in the year 2033');
});

test('Store and refresh tokens go by it, too', async (t) => {
  const store = new session.Store(memoryStore(), { ttl: MINUTE });
  const tokens = new session.RefreshTokens(store, { secret: SECRET, idleTimeout: MINUTE });
  let now = Date.now();
  t.mock.method(Date, 'now', () => now);
  await store.set('id', { cookie: {}, user: 1 });
  const { token } = await tokens.issue('ann');
  now += 2 * MINUTE;
  assert.equal(await store.get('id'), undefined);
  await assert.rejects(tokens.refresh(token));
});

test('a worker has a time of its own', async (t) => {
  t.mock.method(Date, 'now', () => 2_000_000_000_000);
  const keeper = new session.Store(memoryStore(), { ttl: MINUTE });
  await keeper.set('id', { cookie: {}, user: 1 });
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
     const { Store } = require(workerData);
     const store = new Store('memory:of-the-worker', { ttl: 60_000 });
     store.set('id', { cookie: {}, user: 1 }).then(() => store.get('id')).then((got) => parentPort.postMessage(got.user));`,
    { eval: true, workerData: require.resolve('..') },
  );
  assert.deepEqual(await once(worker, 'message'), [1]);
  assert.equal((await keeper.get('id')).user, 1);
});
