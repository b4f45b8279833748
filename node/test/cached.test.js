'use strict';

// A cache before a durable store, by URL, under Express: with the real servers, and with each of the two killed.

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { COUNTER, Redis, fileStore, memoryStore, session, start } = require('./support.js');

const ROUTES = {
  ...COUNTER,
  '/logout': (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.end('out')));
  },
};

async function until(status, ask) {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const answer = await ask();
    if (answer.status === status) return answer;
    assert.ok(Date.now() < deadline, `still ${answer.status} ${answer.body}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('Redis before a file: shared by two services, and the file is enough', async (t) => {
  const redis = await Redis.start(t);
  const file = fileStore(t);
  const store = `cached(timeout=2000):${redis.url}?timeout=2000|${file}`;
  const one = await start(t, ROUTES, { store });
  const two = await start(t, ROUTES, { store });
  assert.deepEqual(await one.json('/write'), { n: 1 });
  two.jar = one.jar;
  assert.deepEqual(await two.json('/read'), { n: 1 });
  assert.deepEqual(await two.json('/write'), { n: 2 });
  assert.deepEqual(await one.json('/read'), { n: 2 });

  await redis.kill();
  assert.deepEqual(await one.json('/write'), { n: 3 });
  assert.deepEqual(await two.json('/read'), { n: 3 });
  const left = one.clone();
  const refused = await left.get('/logout');
  assert.equal(refused.status, 503, 'another service might still read the copy');
  assert.match(refused.body, /ERR_STORE_(UNAVAILABLE|TIMEOUT)/);
  await redis.run();
  await until(200, () => left.get('/logout'));
  assert.deepEqual(await two.json('/read'), {});
});

test('memory before Redis: what was read is served while Redis is away, and nothing is written', async (t) => {
  const redis = await Redis.start(t);
  const browser = await start(t, ROUTES, { store: `cached(ttl=600000):${memoryStore()}|${redis.url}?timeout=2000` });
  assert.deepEqual(await browser.json('/write'), { n: 1 });
  await redis.kill();
  assert.deepEqual(await browser.json('/read'), { n: 1 });
  assert.equal((await browser.get('/write')).status, 503);
});

test('a URL that is not understood is refused, and not shown', () => {
  for (const store of ['cached:memory:', 'cached(ttl=x):memory:|memory:secret', 'cached:memory:|secret:x|file:y']) {
    assert.throws(
      () => session({ secret: 'a secret of the tests, 32 bytes or more', store }),
      (error) => error.code === 'ERR_INVALID_URL' && !error.message.includes('secret'),
    );
  }
});

test('as an object: the URL of it, which the core understands or refuses', async (t) => {
  const { cached } = session;
  assert.equal(cached({ cache: 'memory:a', origin: 'file:b' }), 'cached:memory:a|file:b');
  assert.equal(
    cached({
      cache: 'redis://u:a|b@h',
      origin: 'cached:memory:c|file:d',
      ttl: 30_000,
      absentTtl: 0,
      removal: 'origin',
    }),
    'cached(ttl=30000,absent_ttl=0,removal=origin):redis://u:a%7Cb@h|cached:memory:c|file:d',
  );
  for (const wrong of [undefined, {}, { cache: 'memory:a' }, { cache: 'memory:a', origin: 3 }]) {
    assert.throws(() => cached(wrong), TypeError);
  }
  const two = { cache: 'memory:a', origin: 'memory:b' };
  for (const wrong of [{ tll: 1 }, { ttl: 1.5 }, { ttl: '1,stale=2' }, { removal: 'no):' }]) {
    assert.throws(() => cached({ ...two, ...wrong }), TypeError);
  }
  assert.throws(() => new session.Store(cached({ ...two, ttl: 0 })), /ttl/);
  const app = await start(t, ROUTES, { store: cached({ cache: memoryStore(), origin: fileStore(t), stale: 1000 }) });
  assert.deepEqual(await app.json('/write'), { n: 1 });
  assert.deepEqual(await app.json('/read'), { n: 1 });
});
