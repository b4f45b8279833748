'use strict';

// A near-cache under Express: what a warm request costs the server, and what another process sees of a logout.

const assert = require('node:assert/strict');
const { execFileSync, spawn } = require('node:child_process');
const path = require('node:path');
const { test } = require('node:test');
const session = require('..');
const { COUNTER, Redis, SECRET, start } = require('./support.js');

const NEAR = '?timeout=10000&near_cache=1000000&max_stale=2000';
const ROUTES = {
  ...COUNTER,
  '/logout': (req, res, next) => req.session.destroy((error) => (error ? next(error) : res.end('out'))),
};

// How often the server ran a command, by its own count.
function calls(redis, command) {
  const all = execFileSync('redis-cli', ['-p', String(redis.port), 'INFO', 'commandstats'], { encoding: 'utf8' });
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(all)?.[1] ?? 0);
}

async function until(holds) {
  const end = Date.now() + 20_000;
  while (!(await holds())) assert.ok(Date.now() < end, 'it never came about');
}

async function warm(redis, browser, n) {
  await until(async () => {
    const before = calls(redis, 'get');
    const answer = await browser.get('/read');
    assert.equal(JSON.parse(answer.body).n, n);
    return calls(redis, 'get') === before;
  });
}

test('a warm read costs no round trip, a write one', async (t) => {
  const redis = await Redis.start(t);
  const browser = await start(t, ROUTES, { store: redis.url + NEAR });
  await browser.get('/write');
  await warm(redis, browser, 1);
  const gets = calls(redis, 'get');
  const scripts = calls(redis, 'evalsha');
  for (let i = 0; i < 50; i++) assert.equal(JSON.parse((await browser.get('/read')).body).n, 1);
  assert.equal(JSON.parse((await browser.get('/write')).body).n, 2);
  assert.equal(calls(redis, 'get'), gets);
  assert.equal(calls(redis, 'evalsha'), scripts + 1);
  assert.equal(JSON.parse((await browser.get('/read')).body).n, 2);
});

test('what one service writes or ends, another one that was warm sees', async (t) => {
  const redis = await Redis.start(t);
  const one = await start(t, ROUTES, { store: redis.url + NEAR });
  const other = await start(t, ROUTES, { store: redis.url + NEAR });
  await one.get('/write');
  other.jar = one.jar;
  await warm(redis, other, 1);
  await one.get('/write');
  await until(async () => JSON.parse((await other.get('/read')).body).n === 2);
  await warm(redis, other, 2);
  await one.get('/logout');
  await until(async () => JSON.parse((await other.get('/read')).body).n === undefined);
});

test('its options are an object, too, and its figures in stats()', async (t) => {
  const redis = await Redis.start(t);
  const store = new session.Store(`${redis.url}?timeout=10000`, {
    secret: SECRET,
    nearCache: { size: 1_000_000, maxStale: 20_000 },
  });
  t.after(() => store.close());
  const browser = await start(t, ROUTES, { store });
  await browser.get('/write');
  await warm(redis, browser, 1);
  await browser.get('/write');
  const { entries, bytes, nearCache } = await store.stats();
  assert.equal(entries, 1);
  assert.ok(bytes > 0);
  assert.ok(nearCache.hits > 0 && nearCache.misses > 0 && nearCache.entries === 1 && nearCache.bytes > 0);
  assert.equal(nearCache.maxBytes, 1_000_000);
  assert.equal(nearCache.trouble, '');
  for (const name of ['joined', 'leaseRefusals', 'invalidations', 'echoes', 'evictions', 'epochBumps']) {
    assert.ok(Number.isInteger(nearCache[name]), name);
  }
});

test('what is wrong with its options is said', () => {
  const open = (nearCache, url = 'redis://127.0.0.1:1') => new session.Store(url, { nearCache });
  assert.throws(() => open({ size: 1000 }), /size must be a whole number of bytes, from 65536 to 1 TiB/);
  assert.throws(() => open({ size: 100_000.5 }), /whole number of bytes/);
  assert.throws(() => open({ size: 1_000_000, maxStale: 10 }), /from 50 to 60000 whole milliseconds/);
  assert.throws(() => open({ size: '1MB' }), TypeError);
  assert.throws(() => open({ size: 1_000_000, max_stale: 100 }), TypeError);
  assert.throws(() => open({ size: 1_000_000 }, 'memory:'), /this store can't have one/);
  assert.throws(() => open({ size: 1_000_000 }, 'redis://127.0.0.1:1?near_cache=100000'), /given twice/);
  const store = new session.MemoryStore();
  assert.throws(() => session({ secret: SECRET, store, nearCache: { size: 1_000_000 } }), /give it to the Store/);
});

test('the middleware takes them beside what says where the store is', async (t) => {
  const redis = await Redis.start(t);
  const store = { url: `${redis.url}?timeout=10000` };
  const browser = await start(t, ROUTES, { store, nearCache: { size: 1_000_000, maxStale: 20_000 } });
  await browser.get('/write');
  await warm(redis, browser, 1);
});

test('its connection keeps no process alive', async (t) => {
  const redis = await Redis.start(t);
  const code = `
    const session = require(${JSON.stringify(path.join(__dirname, '..'))});
    const store = new session.Store(${JSON.stringify(redis.url + NEAR)}, { secret: ${JSON.stringify(SECRET)} });
    store.get('nobody', () => process.stdout.write('answered'));
  `;
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'], timeout: 30_000 });
  let out = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  const status = await new Promise((resolve) => child.on('exit', resolve));
  assert.equal(status, 0);
  assert.equal(out, 'answered');
});
