'use strict';

// A real redis-server that is killed, frozen and started again: every request ends by its deadline with an
// answer, none is served as if its user had no session, and nothing hangs.

const assert = require('node:assert/strict');
const { test, describe } = require('node:test');
const { Browser, COUNTER, Redis, SECRET, freePort, serve, session, start } = require('./support.js');

const ROUTES = {
  ...COUNTER,
  '/untouched': (_req, res) => res.end('ok'),
  '/logout': (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.end('out')));
  },
  '/careless': (req, res) => {
    req.session.destroy();
    res.end('out');
  },
};
// Generous: the machine may be busy. A hang is a minute.
const SOON = 20_000;

const within = async (limit, promise) => {
  const began = Date.now();
  const value = await promise;
  const took = Date.now() - began;
  assert.ok(took < limit, `took ${took} ms`);
  return value;
};

async function recovers(browser, n) {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const answer = await browser.get('/read');
    if (answer.status === 200) return assert.equal(JSON.parse(answer.body).n, n);
    assert.ok(Date.now() < deadline, `still ${answer.status} ${answer.body}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('a host name is looked up without holding the loop; one that is not found is a 503', async (t) => {
  const redis = await Redis.start(t);
  const browser = await start(t, ROUTES, { store: `redis://localhost:${redis.port}` });
  assert.equal((await browser.get('/write')).status, 200);
  assert.equal((await browser.get('/read')).status, 200);
  await redis.kill();
  await redis.run();
  assert.equal((await browser.get('/write')).status, 200);

  const lost = await start(t, ROUTES, { store: 'redis://no-such-host.invalid?timeout=2000' });
  const answers = await within(SOON, Promise.all(Array.from({ length: 100 }, () => lost.get('/write'))));
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [503]);
});

test('not there from the start: 503, and it works once it is there', async (t) => {
  const port = await freePort();
  const browser = await start(t, ROUTES, { store: `redis://127.0.0.1:${port}` });
  const answer = await within(SOON, browser.get('/write'));
  assert.equal(answer.status, 503);
  assert.match(answer.body, /ERR_STORE_(UNAVAILABLE|TIMEOUT)/);
  assert.deepEqual(answer.setCookie, []);
});

test('killed: 503 for whoever has a session, then all is as before on a new server', async (t) => {
  const redis = await Redis.start(t);
  const errors = [];
  const browser = await start(t, ROUTES, { store: redis.url }, (error) => errors.push(error));
  await browser.get('/write');
  await redis.kill();
  // A health check, or whatever never looks at its session, does not fail with the store.
  const untouched = await within(SOON, browser.get('/untouched'));
  assert.equal(untouched.status, 200);
  assert.deepEqual(untouched.setCookie, []);
  for (const path of ['/read', '/write', '/logout']) {
    const answer = await within(SOON, browser.get(path));
    assert.equal(answer.status, 503, path);
    assert.deepEqual(answer.setCookie, [], path);
  }
  assert.ok(errors.every((error) => error.status === 503 && error.code.startsWith('ERR_STORE_')));
  await redis.run();
  await recovers(browser, undefined); // that server kept nothing: absent, not unknown
  assert.equal((await browser.json('/write')).n, 1);
});

test('frozen: 503 by the deadline, and the same sessions when it goes on', async (t) => {
  const redis = await Redis.start(t);
  const browser = await start(t, ROUTES, { store: `${redis.url}?timeout=1000` });
  await browser.get('/write');
  redis.freeze();
  const answers = await within(SOON, Promise.all(Array.from({ length: 20 }, () => browser.get('/read'))));
  assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [503]);
  redis.thaw();
  await recovers(browser, 1);
});

test('frozen between the start of a request and its commit: no 200 for what was not stored', async (t) => {
  const redis = await Redis.start(t);
  const routes = {
    ...ROUTES,
    '/late': (req, res) => {
      req.session.late = true;
      redis.freeze();
      res.json({ stored: true });
    },
    '/careless-late': (req, res) => {
      redis.freeze();
      req.session.destroy();
      res.end('out');
    },
    '/save-late': async (req, res) => {
      req.session.late = true;
      redis.freeze();
      await assert.rejects(req.session.save(), { status: 503 });
      redis.thaw();
      res.end('told');
    },
  };
  const browser = await start(t, routes, { store: `${redis.url}?timeout=1000` });
  await browser.get('/write');
  for (const path of ['/late', '/careless-late']) {
    const answer = await within(SOON, browser.get(path));
    assert.equal(answer.status, 503, path);
    assert.deepEqual(answer.setCookie, []);
    redis.thaw();
    await browser.get('/read');
  }
});

test('on plain http the error of a look goes to next, and no process ends', async (t) => {
  const redis = await Redis.start(t);
  const middleware = session({ secret: SECRET, store: `${redis.url}?timeout=1000` });
  const url = await serve(t, (req, res) =>
    middleware(req, res, (error) => {
      if (error) {
        res.statusCode = error.status;
        return res.end(error.code);
      }
      return res.end(String(req.session.n));
    }),
  );
  const browser = new Browser(url);
  const stored = await start(t, ROUTES, { store: redis.url });
  await stored.get('/write');
  await redis.kill();
  browser.jar = stored.jar;
  const answer = await within(SOON, browser.get('/'));
  assert.equal(answer.status, 503);
  assert.match(answer.body, /^ERR_STORE_/);
});

describe('onUnknown', () => {
  test("'open': the request goes on with an empty session that is never saved, and the cookie stays", async (t) => {
    const redis = await Redis.start(t);
    const browser = await start(t, ROUTES, { store: `${redis.url}?timeout=1000`, onUnknown: 'open' });
    await browser.get('/write');
    redis.freeze();
    const answer = await within(SOON, browser.get('/write'));
    assert.equal(answer.status, 200);
    assert.deepEqual(JSON.parse(answer.body), { n: 1 });
    assert.deepEqual(answer.setCookie, []);
    redis.thaw();
    await recovers(browser, 1);
  });
});

test('a damaged record is 503, never a fresh session and never data', async (t) => {
  const redis = await Redis.start(t);
  const browser = await start(t, ROUTES, { store: redis.url });
  await browser.get('/write');
  const raw = require('../lib/native.js');
  const store = raw.native.openStore(redis.url);
  const [, key] = await raw.operate((slot) => store.scan('', 10, slot));
  const bytes = await raw.operate((slot) => store.get(key, slot));
  for (const damaged of [bytes.slice(0, -1), bytes.slice(0, 20), `cc9${bytes.slice(3)}`, 'x', `${bytes}x`]) {
    await raw.operate((slot) => store.put(key, damaged, Date.now() + 60_000, undefined, slot));
    const answer = await browser.get('/write');
    assert.equal(answer.status, 503);
    assert.match(answer.body, /ERR_RECORD_(DAMAGED|MISMATCH)/);
    assert.deepEqual(answer.setCookie, []);
    assert.equal(await raw.operate((slot) => store.get(key, slot)), damaged);
  }
  store.close();
});

test('a payload that is no JSON is 503, and its text is in no message', async (t) => {
  const redis = await Redis.start(t);
  const errors = [];
  const browser = await start(t, ROUTES, { store: redis.url }, (error) => errors.push(error));
  await browser.get('/write');
  const { native, operate } = require('../lib/native.js');
  const store = native.openStore(redis.url);
  const [, key] = await operate((slot) => store.scan('', 10, slot));
  const bytes = await operate((slot) => store.get(key, slot));
  const damaged = bytes.replace('{"n":1}', '{secre}');
  await operate((slot) => store.put(key, damaged, Date.now() + 60_000, undefined, slot));
  const answer = await browser.get('/read');
  assert.equal(answer.status, 503);
  assert.equal(errors[0].code, 'ERR_RECORD_DAMAGED');
  assert.doesNotMatch(errors[0].message, /secre/);
  store.close();
});

test('an AsyncLocalStorage of an earlier middleware reaches the handler and its callbacks', async (t) => {
  const { AsyncLocalStorage } = require('node:async_hooks');
  const express = require('express');
  const redis = await Redis.start(t);
  const storage = new AsyncLocalStorage();
  const app = express();
  app.use((req, _res, next) => storage.run(req.query.n, next));
  app.use(session({ secret: SECRET, store: redis.url }));
  app.get('/', (req, res) => {
    const seen = [storage.getStore()];
    req.session.n = 1;
    req.session.save(() => {
      seen.push(storage.getStore());
      res.json(seen);
    });
  });
  const browser = new Browser(await serve(t, app));
  await browser.get('/?n=first');
  const answers = await Promise.all(['a', 'b', 'c'].map((n) => browser.json(`/?n=${n}`)));
  assert.deepEqual(answers, [
    ['a', 'a'],
    ['b', 'b'],
    ['c', 'c'],
  ]);
});

test("another session's record under this key is an alarm, never data", async (t) => {
  const redis = await Redis.start(t);
  const ann = await start(t, ROUTES, { store: redis.url });
  await ann.get('/write');
  const raw = require('../lib/native.js');
  const store = raw.native.openStore(redis.url);
  const [, annKey] = await raw.operate((slot) => store.scan('', 10, slot));
  const bob = ann.clone();
  bob.jar.clear();
  await bob.get('/write');
  const keys = (await raw.operate((slot) => store.scan('', 10, slot))).slice(1);
  const bobKey = keys.find((key) => key !== annKey);
  const annRecord = await raw.operate((slot) => store.get(annKey, slot));
  await raw.operate((slot) => store.put(bobKey, annRecord, Date.now() + 60_000, undefined, slot));
  const answer = await bob.get('/read');
  assert.equal(answer.status, 503);
  assert.equal(answer.body, 'error: ERR_RECORD_MISMATCH');
  store.close();
});

test('replies never shift: each value carries its own key, also when callers gave up', async (t) => {
  const redis = await Redis.start(t);
  const { native, operate } = require('../lib/native.js');
  const store = native.openStore(`${redis.url}?timeout=100`);
  const keys = Array.from({ length: 500 }, (_, i) => `key-${i}`);
  const expiresAt = Date.now() + 60_000;
  await Promise.all(
    keys.map((key) => operate((slot) => store.put(key, `value of ${key}`, expiresAt, undefined, slot))),
  );
  let unknown = 0;
  for (let round = 0; round < 40; ++round) {
    if (round % 8 === 3) {
      redis.freeze();
      setTimeout(() => redis.thaw(), 150);
    }
    const values = await Promise.all(keys.map((key) => operate((slot) => store.get(key, slot))));
    for (const [i, value] of values.entries()) {
      if (value instanceof Error) ++unknown;
      else assert.equal(value, `value of ${keys[i]}`);
    }
  }
  assert.ok(unknown > 0, 'no operation was given up: the test shows nothing');
  store.close();
  const late = await operate((slot) => store.get('key-1', slot));
  assert.equal(late.code, 'ERR_STORE_CLOSED');
});

test('the loop goes on while an operation waits', async (t) => {
  const redis = await Redis.start(t);
  const store = new session.Store(`${redis.url}?timeout=1000`, { secret: SECRET });
  await store.get('x');
  redis.freeze();
  let turns = 0;
  let waiting = true;
  const turn = () => {
    ++turns;
    if (waiting) setImmediate(turn);
  };
  turn();
  await assert.rejects(store.get('x'), { status: 503 });
  waiting = false;
  assert.ok(turns > 100, `${turns} turns`);
});
