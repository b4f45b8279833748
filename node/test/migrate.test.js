'use strict';

// migrateFrom: sessions of other packages go on here. The records are made by express-session and connect-redis, the
// cookies by Flask (tests/vectors/peer_cookies.json).

const assert = require('node:assert/strict');
const { test, describe } = require('node:test');
const { RedisStore } = require('connect-redis');
const express = require('express');
const expressSession = require('express-session');
const { createClient } = require('redis');
const { cookies } = require('../../tests/vectors/peer_cookies.json').cases.reduce(
  (all, one) => {
    all.cookies[one.format] ??= { cookie: one.cookie, payload: JSON.parse(one.payload) };
    return all;
  },
  { cookies: {} },
);
const { Redis, SECRET, fileStore, memoryStore, serve, session } = require('./support.js');

const FLASK = { format: 'flask', secrets: 'dev-secret-key', maxAge: 1e12 };

function site(t, options, more = () => {}) {
  const app = express();
  const middleware = session({ secret: SECRET, ...options });
  app.use(middleware);
  app.get('/nothing', (_req, res) => res.end());
  app.get('/all', (req, res) => {
    const { cookie, ...data } = req.session;
    res.json(data);
  });
  app.get('/logout', (req, res, next) => req.session.destroy((error) => (error ? next(error) : res.end())));
  app.get('/null', (req, res) => {
    req.session = null;
    res.end();
  });
  app.get('/empty', (req, res) => {
    for (const name of Object.keys(req.session)) if (name !== 'cookie') delete req.session[name];
    res.end();
  });
  app.get('/login', (req, res, next) =>
    req.session.regenerate((error) => {
      if (error) return next(error);
      req.session.user = 'ann';
      res.end();
    }),
  );
  app.get('/save', (req, res, next) => req.session.save((error) => (error ? next(error) : res.json(req.session.id))));
  more(app);
  return serve(t, app).then((base) => ({ base, middleware }));
}

async function get(base, path, cookie) {
  const answer = await fetch(base + path, { headers: cookie ? { cookie } : {} });
  return { status: answer.status, text: await answer.text(), cookies: answer.headers.getSetCookie() };
}

const pairOf = (line) => line.split(';')[0];

for (const kind of ['memory', 'file', 'redis']) {
  describe(`on ${kind}`, () => {
    test('a session in its cookie', async (t) => {
      const { base } = await site(t, { store: await storeOf(t, kind), migrateFrom: [FLASK] });
      const before = `session=${cookies.flask.cookie}`;
      assert.deepEqual((await get(base, '/nothing', before)).cookies, []);
      const first = await get(base, '/all', before);
      assert.deepEqual(JSON.parse(first.text), cookies.flask.payload);
      const ours = pairOf(first.cookies.at(-1));
      assert.match(ours, /^session=s%3A/);
      assert.deepEqual(JSON.parse((await get(base, '/all', ours)).text), cookies.flask.payload);
      assert.deepEqual((await get(base, '/all', ours)).cookies, []);
    });

    for (const path of ['/logout', '/empty', '/login', '/save']) {
      test(`${path} at first sight`, async (t) => {
        const { base } = await site(t, { store: await storeOf(t, kind), migrateFrom: [FLASK] });
        const got = await get(base, path, `session=${cookies.flask.cookie}`);
        assert.equal(got.status, 200);
        assert.match(got.cookies.at(-1), path === '/logout' ? /^session=;/ : /^session=s%3A/);
        const data = { '/logout': {}, '/empty': {}, '/login': { user: 'ann' }, '/save': cookies.flask.payload }[path];
        const next = path === '/logout' ? undefined : pairOf(got.cookies.at(-1));
        assert.deepEqual(JSON.parse((await get(base, '/all', next)).text), data);
      });
    }

    test('a hundred at once', async (t) => {
      const { base } = await site(t, { store: await storeOf(t, kind), migrateFrom: [FLASK] });
      const all = Array.from({ length: 100 }, async () => {
        const first = await get(base, '/all', `session=${cookies.flask.cookie}`);
        return (await get(base, '/all', pairOf(first.cookies.at(-1)))).text;
      });
      for (const text of await Promise.all(all)) assert.deepEqual(JSON.parse(text), cookies.flask.payload);
    });
  });
}

async function storeOf(t, kind) {
  if (kind === 'redis') return `${(await Redis.start(t)).url}?timeout=5000`;
  return kind === 'memory' ? memoryStore() : fileStore(t);
}

test('unset: destroy, by null', async (t) => {
  const { base } = await site(t, { store: memoryStore(), migrateFrom: [FLASK], unset: 'destroy' });
  const got = await get(base, '/null', `session=${cookies.flask.cookie}`);
  assert.match(got.cookies.at(-1), /^session=;/);
});

test("express-session's records under connect-redis", async (t) => {
  const redis = await Redis.start(t);
  const client = createClient({ url: redis.url });
  client.on('error', () => {}); // the server is stopped first
  await client.connect();
  t.after(() => client.destroy());
  const old = express();
  old.use(
    expressSession({ secret: SECRET, store: new RedisStore({ client }), resave: false, saveUninitialized: false }),
  );
  old.get('/login', (req, res) => {
    req.session.user = { name: 'ann', roles: ['a'] };
    res.end();
  });
  const before = pairOf((await get(await serve(t, old), '/login')).cookies[0]);
  assert.match(before, /^connect\.sid=s%3A/);

  const source = { format: 'express-session', url: `${redis.url}?layout=connect-redis&timeout=5000` };
  const { base } = await site(t, { store: `${redis.url}?timeout=5000`, migrateFrom: [source] });
  const first = await get(base, '/all', before);
  assert.deepEqual(JSON.parse(first.text), { user: { name: 'ann', roles: ['a'] } });
  assert.deepEqual(
    first.cookies.map((line) => line.split('=')[0]),
    ['connect.sid', 'session'],
  );
  assert.match(first.cookies[0], /^connect\.sid=; /);
  assert.deepEqual(await client.keys('sess:*'), []);
  const again = await get(base, '/all', pairOf(first.cookies[1]));
  assert.deepEqual(JSON.parse(again.text), { user: { name: 'ann', roles: ['a'] } });
  assert.deepEqual(JSON.parse((await get(base, '/all', before)).text), {});
});

test("what can't be read is told of, and is no session", async (t) => {
  const redis = await Redis.start(t);
  const client = createClient({ url: redis.url });
  client.on('error', () => {});
  await client.connect();
  t.after(() => client.destroy());
  await client.set(`session:${'p'.repeat(43)}`, Buffer.from([0x80, 0x04, 0x95]));
  const source = { format: 'flask-session', url: `${redis.url}?layout=flask-session&timeout=5000` };
  const { base, middleware } = await site(t, { store: `${redis.url}?timeout=5000`, migrateFrom: [source] });
  const told = [];
  middleware.on('damaged', (error) => told.push(error.message));
  const cookie = `session=${'p'.repeat(43)}`;
  assert.deepEqual((await get(base, '/nothing', cookie)).cookies, []);
  assert.deepEqual(told, []);
  assert.equal((await get(base, '/all', cookie)).text, '{}');
  assert.equal(told.length, 1);
  assert.match(told[0], /migrateFrom/);
});

test('a server that does not answer is not an absent session', async (t) => {
  const redis = await Redis.start(t);
  const other = await Redis.start(t);
  const source = { format: 'flask-session', url: `${other.url}?layout=flask-session&timeout=1000` };
  const { base } = await site(t, { store: `${redis.url}?timeout=5000`, migrateFrom: [source] });
  other.freeze();
  const got = await get(base, '/all', `session=${'a'.repeat(43)}`);
  other.thaw();
  assert.equal(got.status, 503);
});

describe('what cannot work is refused', () => {
  const wrong = [
    ['flask', /array of formats/],
    [['nobody'], /must be one of "flask"/],
    [[{ format: 'flask-session' }], /needs a url/],
    [[{ format: 'flask', misspelt: 1 }], /misspelt/],
    [[{ format: 'flask', maxAge: 'x' }], /maxAge/],
    [[{ format: 'flask-session', url: 'redis://h?layout=own' }], /layout must be/],
    [[{ format: 'flask-session', url: 'redis://h?layout=flask-session' }], /remote store alone/],
  ];
  for (const [migrateFrom, message] of wrong) {
    test(JSON.stringify(migrateFrom), () => {
      assert.throws(() => session({ secret: SECRET, store: memoryStore(), migrateFrom }), message);
    });
  }
});
