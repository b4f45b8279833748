'use strict';

// A Redis that may evict sessions is warned of once in a process, however many stores are on it.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { once } = require('node:events');
const { test } = require('node:test');
const { Redis, session } = require('./support.js');

test('a Redis that evicts sessions is a warning', async (t) => {
  const redis = await Redis.start(t);
  const set = (name, value) => execFileSync('redis-cli', ['-p', String(redis.port), 'CONFIG', 'SET', name, value]);
  set('maxmemory', '100mb');
  set('maxmemory-policy', 'volatile-lru');
  const seen = [];
  const listener = (warning) => seen.push(warning);
  process.on('warning', listener);
  t.after(() => process.off('warning', listener));
  const warned = once(process, 'warning');
  for (let i = 0; i < 2; i++) {
    const store = new session.Store(`${redis.url}?timeout=5000`);
    assert.equal(await store.get('abc'), undefined);
    store.close();
  }
  await warned;
  await new Promise(setImmediate);
  assert.equal(seen.length, 1);
  assert.equal(seen[0].name, 'CoatcheckWarning');
  assert.match(seen[0].message, /^Redis evicts sessions when its memory is full \(maxmemory-policy is volatile-lru\)/);
});
