'use strict';

// Pruning on time, by one of several middlewares, and what the application hears of sessions that begin and end.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { test, describe } = require('node:test');
const { Browser, FRAMEWORKS, Redis, SECRET, fileStore, memoryStore, serve, session } = require('./support.js');
const { native, operate } = require('../lib/native.js');

const ROUTES = {
  '/write': (req, res) => {
    req.session.n = (req.session.n ?? 0) + 1;
    res.end(req.sessionID);
  },
  '/read': (req, res) => res.end(String(req.session.n)),
  '/logout': async (req, res) => {
    await req.session.destroy();
    res.end('out');
  },
  '/login': async (req, res) => {
    await req.session.regenerate({ keep: true });
    res.end('in');
  },
};

// `count` entries that have expired, put where writes have nothing to drop yet.
async function expired(url, count) {
  const store = native.openStore(url);
  const until = Date.now() + 300;
  for (let i = 0; i < count; ++i) await operate((slot) => store.put(`k${i}`, 'x', until, undefined, slot));
  while (Date.now() <= until) await new Promise((resolve) => setTimeout(resolve, 10));
  return store;
}

for (const [name, makeUrl] of [
  ['memory', memoryStore],
  ['file', fileStore],
]) {
  test(`on ${name} one of two drops what has expired, all of it`, async (t) => {
    const url = makeUrl(t);
    const store = await expired(url, 1300);
    const told = [];
    const awake = setInterval(() => {}, 1000); // the middlewares' timers keep no process alive
    t.after(() => clearInterval(awake));
    const middlewares = [0, 1].map((which) => {
      const middleware = session({ secret: SECRET, store: url, pruneInterval: 1000 });
      middleware.on('expired', (count) => told.push([which, count]));
      return middleware;
    });
    await Promise.race(middlewares.map((one) => once(one, 'expired')));
    assert.equal(told.length, 1);
    assert.ok(told[0][1] > 1200, `${told[0][1]}`);
    assert.equal(await operate((slot) => store.prune(2000, slot)), 0);
  });
}

test('a Store drops what has expired when it is asked', async (t) => {
  const url = fileStore(t);
  await expired(url, 1300);
  const store = new session.Store(url);
  t.after(() => store.close());
  assert.ok((await store.prune()) > 1200);
  assert.equal(await new Promise((resolve) => store.prune((_error, count) => resolve(count))), 0);
});

test('Redis is not asked', async (t) => {
  const redis = await Redis.start(t);
  const store = native.openStore(redis.url);
  t.after(() => store.close());
  assert.equal(store.expiresItself, true);
  assert.equal(await operate((slot) => store.pruneInTurn(1000, slot)), false);
});

test('the timer keeps no process alive', () => {
  const home = path.join(__dirname, '..');
  const program = `require(${JSON.stringify(home)})({ secret: '${SECRET}', store: 'memory:', pruneInterval: 60000 })`;
  const { status } = spawnSync(process.execPath, ['-e', program], { timeout: 20_000 });
  assert.equal(status, 0);
});

describe('events', () => {
  for (const [name, makeUrl] of [
    ['memory', memoryStore],
    ['redis', async (t) => (await Redis.start(t)).url],
  ]) {
    test(`created and destroyed, on ${name}`, async (t) => {
      const middleware = session({ secret: SECRET, store: await makeUrl(t) });
      const told = [];
      for (const event of ['created', 'destroyed']) middleware.on(event, (req) => told.push(`${event} ${req.url}`));
      const browser = new Browser(await serve(t, FRAMEWORKS.express5(middleware, ROUTES)));
      await browser.get('/read');
      assert.deepEqual(told, []);
      await browser.get('/write');
      await browser.get('/write');
      assert.deepEqual(told, ['created /write']);
      await browser.get('/login');
      assert.deepEqual(told.splice(0), ['created /write', 'destroyed /login', 'created /login']);
      await browser.get('/logout');
      await browser.get('/logout');
      assert.deepEqual(told, ['destroyed /logout']);
    });
  }
});

test('pruneInterval is refused where it is none', () => {
  for (const pruneInterval of [999, 86_400_001, -1, '1000', Number.NaN]) {
    assert.throws(
      () => session({ secret: SECRET, store: memoryStore(), pruneInterval }),
      /pruneInterval option must be/,
    );
  }
  session({ secret: SECRET, store: memoryStore(), pruneInterval: 0 });
});
