'use strict';

// What a request costs in Redis, by the server's own account: the commands that it is sent (MONITOR, without what its
// scripts do), and how often it reads from its clients (total_reads_processed): commands that leave together are read
// once.

const assert = require('node:assert/strict');
const net = require('node:net');
const { once } = require('node:events');
const { test, describe } = require('node:test');
const { RedisStore } = require('connect-redis');
const express = require('express');
const expressSession = require('express-session');
const { createClient } = require('redis');
const { Browser, Redis, SECRET, serve, session } = require('./support.js');

// A connection that shows what every other one sends.
class Monitor {
  static async start(t, port) {
    const self = new Monitor();
    self.seen = '';
    self.socket = net.connect(port, '127.0.0.1');
    t.after(() => self.socket.destroy());
    self.socket.on('data', (chunk) => {
      self.seen += chunk;
      self.socket.emit('seen');
    });
    self.socket.write('MONITOR\r\n');
    await once(self.socket, 'seen');
    self.seen = '';
    return self;
  }

  // The names of the commands until the one that carries `word`.
  async until(word) {
    while (!this.seen.includes(word)) await once(this.socket, 'seen');
    const names = [];
    for (const line of this.seen.split('\r\n')) {
      const found = /^\+[\d.]+ \[\d+ ([^\]]+)\] "([^"]+)"/.exec(line);
      if (found && found[1] !== 'lua') names.push(found[2].toUpperCase());
    }
    this.seen = '';
    return names;
  }
}

const ROUTES = {
  '/untouched': (_req, res) => res.end(),
  '/read': (req, res) => res.end(String(req.session.n)),
  '/write': (req, res) => {
    req.session.n = (req.session.n ?? 0) + 1;
    res.end();
  },
  '/login': (req, res, next) =>
    req.session.regenerate((error) => {
      if (error) return next(error);
      req.session.user = 'ann';
      res.end();
    }),
  '/keep': (req, res, next) =>
    req.session.regenerate({ keep: true }, (error) => {
      if (error) return next(error);
      req.session.level = 2;
      res.end();
    }),
  '/logout': (req, res, next) => req.session.destroy((error) => (error ? next(error) : res.end())),
};

async function measure(t, redis, middleware, keeps = true) {
  const app = express();
  app.use(middleware);
  for (const [path, handler] of Object.entries(ROUTES)) app.get(path, handler);
  const browser = new Browser(await serve(t, app));
  const control = createClient({ url: redis.url });
  control.on('error', () => {}); // the server is stopped first
  await control.connect();
  t.after(() => control.destroy());
  const monitor = await Monitor.start(t, redis.port);
  const reads = async () => Number(/total_reads_processed:(\d+)/.exec(await control.info('stats'))[1]);
  // Connected, and the scripts known.
  await browser.get('/write');
  await browser.get('/write');
  await browser.get('/login');
  await browser.get('/logout');
  browser.jar.clear(); // express-session's stays

  const cost = {};
  let marks = 0;
  // What the monitor still has to tell of all that must not be counted for the first request.
  await control.echo('mark 0');
  await monitor.until('mark 0');
  const ask = async (name, path) => {
    const before = await reads();
    monitor.seen = '';
    const answer = await browser.get(path);
    assert.equal(answer.status, 200, answer.body);
    const after = await reads();
    await control.echo(`mark ${++marks}`);
    const names = (await monitor.until(`mark ${marks}`)).filter((one) => one !== 'INFO' && one !== 'ECHO');
    cost[name] = `${names.join(' ')} / ${after - before - 1}`;
  };
  await ask('no cookie', '/untouched');
  await ask('first write', '/write');
  await ask('untouched', '/untouched');
  await ask('read', '/read');
  await ask('write', '/write');
  await ask('login', '/login');
  if (keeps) await ask('login that keeps', '/keep');
  await ask('logout', '/logout');
  return cost;
}

describe('commands and round trips of a request in Express', () => {
  test('our own records', async (t) => {
    const redis = await Redis.start(t);
    const cost = await measure(t, redis, session({ secret: SECRET, store: `${redis.url}?timeout=20000` }));
    assert.deepEqual(cost, {
      'no cookie': ' / 0',
      'first write': 'EVALSHA / 1',
      untouched: 'GET / 1',
      read: 'GET / 1',
      write: 'GET EVALSHA / 2',
      login: 'GET EVALSHA EVALSHA / 3',
      'login that keeps': 'GET EVALSHA EVALSHA EVALSHA EVALSHA / 3',
      logout: 'GET EVALSHA / 2',
    });
  });

  test('our own records, with an owner', async (t) => {
    const redis = await Redis.start(t);
    const owner = ({ user }) => user;
    const cost = await measure(t, redis, session({ secret: SECRET, store: `${redis.url}?timeout=20000`, owner }));
    assert.deepEqual(cost, {
      'no cookie': ' / 0',
      'first write': 'EVALSHA / 1',
      untouched: 'GET / 1',
      read: 'GET / 1',
      write: 'GET EVALSHA / 2',
      login: 'GET EVALSHA EVALSHA EVALSHA / 3',
      'login that keeps': 'GET EVALSHA EVALSHA EVALSHA EVALSHA EVALSHA / 3',
      logout: 'GET EVALSHA ZREM / 3',
    });
  });

  test('in the layout of connect-redis', async (t) => {
    const redis = await Redis.start(t);
    const store = `${redis.url}?layout=connect-redis&timeout=20000`;
    assert.deepEqual(await measure(t, redis, session({ secret: SECRET, store })), {
      'no cookie': ' / 0',
      'first write': 'EVALSHA / 1',
      untouched: 'GET PTTL / 1',
      read: 'GET PTTL / 1',
      write: 'GET PTTL EVALSHA / 2',
      login: 'GET PTTL DEL EVALSHA / 3',
      'login that keeps': 'GET PTTL DEL EVALSHA / 3',
      logout: 'GET PTTL DEL / 2',
    });
  });

  // What it is measured against.
  test('express-session with connect-redis', async (t) => {
    const redis = await Redis.start(t);
    const client = createClient({ url: redis.url });
    client.on('error', () => {});
    await client.connect();
    t.after(() => client.destroy());
    const store = new RedisStore({ client });
    const options = { secret: SECRET, resave: false, saveUninitialized: false, store };
    assert.deepEqual(await measure(t, redis, expressSession(options), false), {
      'no cookie': ' / 0',
      'first write': 'SET / 1',
      untouched: 'GET EXPIRE / 2',
      read: 'GET EXPIRE / 2',
      write: 'GET SET / 2',
      login: 'GET DEL SET / 3',
      logout: 'GET DEL / 2',
    });
  });
});
