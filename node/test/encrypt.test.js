'use strict';

// Encryption at rest: what the store's place holds, and what becomes of a record that does not open.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { test, describe } = require('node:test');
const expressSession = require('express-session');
const express = require('express');
const { Browser, FRAMEWORKS, Redis, SECRET, fileStore, memoryStore, serve, session } = require('./support.js');

const MARKER = 'a text that nobody is to find';
const OLD = 'an older secret of thirty-two bytes';
const ROUTES = {
  '/write': (req, res) => {
    req.session.text = MARKER;
    req.session.user = 'ann@example.com';
    res.end('written');
  },
  '/read': (req, res) => res.end(String(req.session.text)),
  '/logout': async (req, res) => {
    await req.session.destroy();
    res.end('out');
  },
};

async function site(t, store, options) {
  const middleware = session({ secret: SECRET, store, owner: (data) => data.user, ...options });
  const told = [];
  middleware.on('damaged', (error) => told.push(`${error.code}: ${error.message}`));
  return { told, browser: new Browser(await serve(t, FRAMEWORKS.express5(middleware, ROUTES))) };
}

test('a file holds no text of a session, no owner and no device of a refresh token', async (t) => {
  for (const encrypt of [false, true]) {
    const url = fileStore(t);
    const { browser } = await site(t, url, { encrypt });
    await browser.get('/write');
    assert.equal((await browser.get('/read')).body, MARKER);
    const tokens = new session.RefreshTokens(url, { secret: SECRET, encrypt });
    const { token } = await tokens.issue('ann@example.com', { device: 'a device of hers' });
    await tokens.refresh(token);
    assert.equal((await tokens.list('ann@example.com')).length, 1);
    const all = fs.readFileSync(url.slice('file:'.length), 'latin1');
    for (const text of [MARKER, 'ann@example.com', 'a device of hers'])
      assert.equal(all.includes(text), !encrypt, text);
    assert.equal(all.includes('ccs1.'), encrypt);
  }
});

test('on Redis, too', async (t) => {
  const redis = await Redis.start(t);
  const { browser } = await site(t, redis.url, { encrypt: true });
  await browser.get('/write');
  assert.equal((await browser.get('/read')).body, MARKER);
});

test('a service that does not encrypt reads nothing, overwrites nothing, and says so', async (t) => {
  const url = memoryStore();
  const { browser } = await site(t, url, { encrypt: true });
  await browser.get('/write');
  const other = await site(t, url, {});
  other.browser.jar = browser.jar;
  assert.equal((await other.browser.get('/read')).status, 503);
  assert.equal((await other.browser.get('/write')).status, 503);
  assert.match(other.told[0], /ERR_RECORD_DAMAGED/);
  assert.equal((await browser.get('/read')).body, MARKER);
  // A logout ends it all the same.
  assert.equal((await other.browser.get('/logout')).body, 'out');
  assert.equal((await browser.get('/read')).body, 'undefined');
});

test('what was stored before is read under "migrate" alone, and sealed when it is written', async (t) => {
  const url = fileStore(t);
  const plain = await site(t, url, {});
  await plain.browser.get('/write');
  const strict = await site(t, url, { encrypt: true });
  strict.browser.jar = plain.browser.jar;
  assert.equal((await strict.browser.get('/read')).status, 503);
  assert.match(strict.told[0], /ERR_RECORD_DAMAGED: .*not encrypted/);
  const moving = await site(t, url, { encrypt: 'migrate' });
  moving.browser.jar = plain.browser.jar;
  assert.equal((await moving.browser.get('/read')).body, MARKER);
  const prepared = await site(t, url, { encrypt: 'prepare' });
  await prepared.browser.get('/write');
  moving.browser.jar = prepared.browser.jar;
  assert.equal((await moving.browser.get('/read')).body, MARKER);
});

test('a newer secret seals, the older one opens', async (t) => {
  const url = memoryStore();
  const before = await site(t, url, { secret: OLD, encrypt: true });
  await before.browser.get('/write');
  const after = await site(t, url, { secret: [SECRET, OLD], encrypt: true });
  after.browser.jar = before.browser.jar;
  assert.equal((await after.browser.get('/read')).body, MARKER);
});

test("express-session's sessions in a Store are sealed", async (t) => {
  const url = fileStore(t);
  const store = new session.Store(url, { secret: SECRET, encrypt: true });
  const app = express();
  app.use(expressSession({ secret: SECRET, resave: false, saveUninitialized: false, store }));
  for (const [path, handler] of Object.entries(ROUTES)) app.get(path, handler);
  const browser = new Browser(await serve(t, app));
  await browser.get('/write');
  assert.equal((await browser.get('/read')).body, MARKER);
  assert.ok(!fs.readFileSync(url.slice('file:'.length), 'latin1').includes(MARKER));
});

describe('the option', () => {
  test('is refused where it would do nothing, or where two would', () => {
    const url = memoryStore();
    const secret = SECRET;
    assert.throws(() => session({ secret, store: url, encrypt: 'yes' }), /encrypt option must be/);
    assert.throws(() => session({ secret, store: new session.Store(url), encrypt: true }), /give it to the Store/);
    assert.throws(() => new session.RefreshTokens(new session.Store(url), { secret, encrypt: true }), /to the Store/);
    assert.throws(() => new session.Store(url, { encrypt: true }), /needs the service's secret/);
    assert.throws(() => new session.Store(`encrypted:${url}`), /needs the service's secret/);
    assert.throws(() => new session.Store(url, { secret, encrypt: 'Migrate' }), /encrypt option must be/);
    assert.throws(() => session({ secret, store: `encrypted:${url}`, encrypt: 'migrate' }), /two kinds/);
    session({ secret, store: `encrypted:${url}`, encrypt: true });
  });
});
