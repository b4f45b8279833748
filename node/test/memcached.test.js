'use strict';

// Sessions on real memcached servers: an Express application on two of them, one of which is killed and started again.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const net = require('node:net');
const { once } = require('node:events');
const { test } = require('node:test');
const { COUNTER, SECRET, freePort, session, start } = require('./support.js');

const ROUTES = {
  ...COUNTER,
  '/logout': (req, res, next) => req.session.destroy((error) => (error ? next(error) : res.end('out'))),
  '/large': (req, res) => {
    req.session.large = 'x'.repeat(600_000);
    res.end('large');
  },
  '/each/:name': (req, res) => {
    req.session[req.params.name] = true;
    res.end();
  },
};

class Memcached {
  static async start(t, ...more) {
    const server = new Memcached();
    server.port = await freePort();
    server.more = more;
    await server.run();
    t.after(() => server.kill());
    return server;
  }

  async run() {
    const words = ['-l', '127.0.0.1', '-p', String(this.port), '-U', '0', '-u', 'nobody', '-m', '16', ...this.more];
    this.child = spawn('memcached', words, { stdio: 'ignore' });
    const answers = () =>
      new Promise((resolve) => {
        const socket = net.connect(this.port, '127.0.0.1', () => resolve(socket.destroy()));
        socket.on('error', () => resolve(null));
      });
    while (!(await answers())) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  async kill() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }
}

const urlOf = (nodes, parameters = '') => `memcached://${nodes.map((one) => `127.0.0.1:${one.port}`)}${parameters}`;

test('a session lives on memcached: written, merged, destroyed', async (t) => {
  const node = await Memcached.start(t);
  const browser = await start(t, ROUTES, { store: urlOf([node], '?timeout=5000') });
  for (let n = 1; n <= 3; ++n) assert.deepEqual(await browser.json('/write'), { n });
  await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => browser.clone().get(`/each/${name}`)));
  assert.deepEqual(await browser.json('/read'), { n: 3 });
  const stale = browser.clone();
  assert.equal((await browser.get('/logout')).body, 'out');
  assert.deepEqual(await stale.json('/read'), {});
});

test('one of two nodes is killed: 503 for its sessions, the others go on; it comes back empty', async (t) => {
  const nodes = [await Memcached.start(t), await Memcached.start(t)];
  const url = urlOf(nodes, '?timeout=2000');
  const browsers = await Promise.all(Array.from({ length: 24 }, () => start(t, ROUTES, { store: url })));
  const statuses = async () => Promise.all(browsers.map(async (one) => (await one.get('/read')).status));
  for (const one of browsers) assert.deepEqual(await one.json('/write'), { n: 1 });
  await nodes[1].kill();
  const down = await statuses();
  assert.ok(down.includes(200) && down.includes(503), `${down}`);
  for (const [i, one] of browsers.entries()) {
    if (down[i] === 200) assert.deepEqual(await one.json('/read'), { n: 1 });
  }
  await nodes[1].run();
  const until = Date.now() + 10_000;
  while ((await statuses()).includes(503)) assert.ok(Date.now() < until, 'it does not come back');
  for (const [i, one] of browsers.entries()) {
    assert.deepEqual(await one.json('/write'), { n: down[i] === 200 ? 2 : 1 });
  }
});

test('with failover=move the sessions of a dead node are new ones at the other', async (t) => {
  const nodes = [await Memcached.start(t), await Memcached.start(t)];
  const url = urlOf(nodes, '?timeout=2000&failover=move');
  const store = new session.Store(url);
  t.after(() => store.close());
  const browsers = await Promise.all(Array.from({ length: 24 }, () => start(t, ROUTES, { store })));
  for (const one of browsers) assert.deepEqual(await one.json('/write'), { n: 1 });
  await nodes[0].kill();
  const until = Date.now() + 10_000;
  const settled = async () => {
    const answers = await Promise.all(browsers.map((one) => one.clone().get('/read')));
    return answers.every(({ status }) => status === 200);
  };
  while (!(await settled())) assert.ok(Date.now() < until, 'its names do not move');
  const counts = await Promise.all(browsers.map(async (one) => (await one.json('/write')).n));
  assert.ok(counts.includes(1) && counts.includes(2), `${counts}`);
});

test('what memcached does not take or can not do has a code of its own', async (t) => {
  const node = await Memcached.start(t, '-I', '512k');
  const browser = await start(t, ROUTES, { store: urlOf([node], '?timeout=5000') });
  assert.deepEqual(await browser.json('/write'), { n: 1 });
  const large = await browser.get('/large');
  assert.match(large.body, /ERR_PAYLOAD_TOO_LARGE/);
  assert.deepEqual(await browser.json('/read'), { n: 1 });

  const store = new session.Store(urlOf([node]));
  t.after(() => store.close());
  await assert.rejects(store.clear(), { code: 'ERR_STORE_UNSUPPORTED' });
  const tokens = new session.RefreshTokens(urlOf([node]), { secret: SECRET });
  t.after(() => tokens.close());
  const { token } = await tokens.issue('ann');
  assert.ok((await tokens.refresh(token)).token);
  await assert.rejects(tokens.list('ann'), { code: 'ERR_STORE_UNSUPPORTED' });

  assert.throws(
    () => new session.Store('memcached://user:top%20secret@127.0.0.1'),
    (error) => {
      assert.equal(error.code, 'ERR_INVALID_URL');
      return !error.message.includes('secret');
    },
  );
});
