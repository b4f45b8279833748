'use strict';

// A read whose deadline can't be moved is a read all the same: Redis that is full, or read-only after a failover.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { test } = require('node:test');
const { stopClock } = require('./clock.js');
const { Browser, FRAMEWORKS, Redis, SECRET, serve, session } = require('./support.js');

const MINUTE = 60_000;
const ROUTES = {
  '/login': (req, res) => {
    req.session.user = 1;
    res.end('in');
  },
  '/read': (req, res) => res.end(String(req.session.user)),
  '/untouched': (_req, res) => res.end('ok'),
  '/write': (req, res) => {
    req.session.user = 2;
    res.end('written');
  },
};
const REFUSALS = {
  OOM: ['CONFIG', 'SET', 'maxmemory', '1'],
  READONLY: ['REPLICAOF', '127.0.0.1', '1'],
};

async function site(t, framework, options, listen) {
  const redis = await Redis.start(t);
  const middleware = session({
    secret: SECRET,
    store: `${redis.url}?timeout=5000`,
    idleTimeout: 60 * MINUTE,
    ...options,
  });
  if (listen) middleware.on('untouched', listen);
  const browser = new Browser(await serve(t, FRAMEWORKS[framework](middleware, ROUTES)));
  const command = (words) => execFileSync('redis-cli', ['-p', String(redis.port), ...words], { encoding: 'utf8' });
  return { browser, command };
}

for (const framework of Object.keys(FRAMEWORKS)) {
  for (const [word, refuse] of Object.entries(REFUSALS)) {
    for (const mode of ['store', 'jwt']) {
      test(`${framework}, ${mode}, ${word}: a read is answered, and told`, async (t) => {
        const told = [];
        const { browser, command } = await site(t, framework, { mode }, (error, req) => told.push([error, req.url]));
        const move = stopClock(t, Date.now());
        await browser.get('/login');
        command(refuse);
        move(10 * MINUTE);
        for (const [route, body] of [
          ['/read', '1'],
          ['/untouched', 'ok'],
          ['/read', '1'],
        ]) {
          const answer = await browser.get(route);
          assert.deepEqual([answer.status, answer.body, answer.setCookie], [200, body, []]);
        }
        assert.deepEqual(
          told.map(([error, url]) => [error.code, error.message.includes(word), url]),
          ['/read', '/untouched', '/read'].map((url) => ['ERR_STORE_REFUSED', true, url]),
        );
        assert.equal((await browser.get('/write')).status, 503);
      });
    }
  }
}

test('where nobody listens there is one warning a minute, with a count', async (t) => {
  const warnings = [];
  const onWarning = (warning) => warnings.push(warning.message);
  process.on('warning', onWarning);
  t.after(() => process.off('warning', onWarning));
  const { browser, command } = await site(t, 'express5', {});
  const move = stopClock(t, Date.now());
  await browser.get('/login');
  command(REFUSALS.OOM);
  move(10 * MINUTE);
  for (let i = 0; i < 5; ++i) assert.equal((await browser.get('/read')).status, 200);
  await new Promise(setImmediate);
  const mine = warnings.filter((message) => message.includes('could not be moved'));
  assert.equal(mine.length, 1);
  assert.match(mine[0], /\(1 since the start\).*OOM/);
});

test('afterwards the deadline moves again', async (t) => {
  const { browser, command } = await site(t, 'express5', {}, () => {});
  const move = stopClock(t, Date.now());
  await browser.get('/login');
  command(REFUSALS.OOM);
  move(50 * MINUTE);
  assert.equal((await browser.get('/read')).status, 200);
  command(['CONFIG', 'SET', 'maxmemory', '0']);
  assert.equal((await browser.get('/read')).status, 200);
  move(50 * MINUTE);
  assert.equal((await browser.get('/read')).body, '1');
});
