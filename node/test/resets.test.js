'use strict';

// A load balancer that forgot an idle connection answers its next bytes with a reset; CLIENT KILL ends one between two
// requests. Nobody's request fails of it: a read is asked again on a fresh connection, within its deadline.

const assert = require('node:assert/strict');
const net = require('node:net');
const { once } = require('node:events');
const { test } = require('node:test');
const { COUNTER, Redis, start } = require('./support.js');

// Between the middleware and Redis. forget(): the connections there are get a reset for whatever they send next.
async function proxyTo(t, port) {
  const forgotten = new WeakSet();
  const clients = new Set();
  const server = net.createServer((client) => {
    clients.add(client);
    const redis = net.connect(port, '127.0.0.1');
    client.on('data', (bytes) => {
      if (!forgotten.has(client)) return redis.write(bytes);
      proxy.resets += 1;
      return client.resetAndDestroy();
    });
    redis.on('data', (bytes) => client.write(bytes));
    for (const [one, other] of [
      [client, redis],
      [redis, client],
    ]) {
      one.on('error', () => {});
      one.on('close', () => {
        clients.delete(client);
        other.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const client of clients) client.destroy();
    server.close();
  });
  const proxy = {
    url: `redis://127.0.0.1:${server.address().port}?timeout=2000`,
    resets: 0,
    forget() {
      for (const client of clients) forgotten.add(client);
    },
  };
  return proxy;
}

test('a read on a connection that was forgotten is asked again', async (t) => {
  const redis = await Redis.start(t);
  const proxy = await proxyTo(t, redis.port);
  const browser = await start(t, COUNTER, { store: proxy.url });
  assert.equal((await browser.get('/write')).status, 200);
  for (let round = 1; round <= 3; ++round) {
    proxy.forget();
    const answer = await browser.get('/read');
    assert.equal(answer.status, 200, answer.body);
    assert.deepEqual(JSON.parse(answer.body), { n: 1 });
    assert.equal(proxy.resets, round);
  }
});

test('ten reads that share the connection', async (t) => {
  const redis = await Redis.start(t);
  const proxy = await proxyTo(t, redis.port);
  const browser = await start(t, COUNTER, { store: proxy.url });
  await browser.get('/write');
  proxy.forget();
  const answers = await Promise.all(Array.from({ length: 10 }, () => browser.clone().get('/read')));
  assert.deepEqual(
    answers.map(({ status, body }) => `${status} ${body}`),
    Array(10).fill('200 {"n":1}'),
  );
  assert.ok(proxy.resets >= 1);
});

test('a request that reads and writes', async (t) => {
  const redis = await Redis.start(t);
  const proxy = await proxyTo(t, redis.port);
  const browser = await start(t, COUNTER, { store: proxy.url });
  await browser.get('/write');
  proxy.forget();
  const answer = await browser.get('/write');
  assert.deepEqual([answer.status, answer.body], [200, '{"n":2}']);
});

test('CLIENT KILL and a read at once', async (t) => {
  const redis = await Redis.start(t);
  const browser = await start(t, COUNTER, { store: `${redis.url}?timeout=2000` });
  await browser.get('/write');
  const admin = net.connect(redis.port, '127.0.0.1');
  t.after(() => admin.destroy());
  for (let round = 0; round < 10; ++round) {
    admin.write('CLIENT KILL TYPE normal SKIPME yes\r\n');
    const [answer] = await Promise.all([browser.get('/read'), once(admin, 'data')]);
    assert.deepEqual([answer.status, answer.body], [200, '{"n":1}']);
  }
});
