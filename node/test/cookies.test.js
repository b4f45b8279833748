'use strict';

// Cookies that are not ours to trust, and the attributes of those we set.

const assert = require('node:assert/strict');
const { createHmac } = require('node:crypto');
const http2 = require('node:http2');
const { once } = require('node:events');
const { test, describe } = require('node:test');
const { Browser, SECRET, memoryStore, serve, session, start } = require('./support.js');

const ROUTES = {
  '/write': (req, res) => {
    req.session.user = 'ann';
    res.end();
  },
  '/read': (req, res) => res.json({ user: req.session.user, id: req.sessionID }),
};

const sign = (value, secret = SECRET) =>
  `s:${value}.${createHmac('sha256', secret).update(value).digest('base64').replace(/=+$/, '')}`;

describe('a cookie that is not a live session gives a fresh one', () => {
  const cases = {
    'tampered id': (value) =>
      value.replace(/^s%3A./, (start) => start.slice(0, -1) + (start.at(-1) === 'A' ? 'B' : 'A')),
    'tampered signature': (value) => value.slice(0, -3) + (value.endsWith('AAA') ? 'BBB' : 'AAA'),
    truncated: (value) => value.slice(0, 30),
    unsigned: (value) => decodeURIComponent(value).slice(2).split('.')[0],
    empty: () => '',
    'another secret': () => encodeURIComponent(sign('x'.repeat(43), 'another secret of 32 bytes or more!')),
    'unknown id, well signed': () => encodeURIComponent(sign('x'.repeat(43))),
    oversized: () => 'a'.repeat(5000),
    'sealed, of another purpose': () => new session.KeyRing(SECRET).sign('user=ann').slice(2),
    'broken percent encoding': () => 's%3%zz',
    'not ASCII': () => 'é%C3',
  };
  for (const [name, spoil] of Object.entries(cases)) {
    test(name, async (t) => {
      const browser = await start(t, ROUTES);
      await browser.get('/write');
      const { user: before, id } = await browser.json('/read');
      assert.equal(before, 'ann');
      const spoilt = await browser.get('/read', {
        headers: { cookie: `session=${spoil(browser.jar.get('session'))}` },
      });
      assert.equal(spoilt.status, 200);
      const answer = JSON.parse(spoilt.body);
      assert.equal(answer.user, undefined);
      assert.notEqual(answer.id, id);
      assert.deepEqual(spoilt.setCookie, []);
      assert.equal((await browser.json('/read')).user, 'ann');
    });
  }

  test('an id that a client made up is never adopted', async (t) => {
    const browser = await start(t, ROUTES);
    browser.jar.set('session', encodeURIComponent(sign('x'.repeat(43))));
    const written = await browser.get('/write');
    assert.doesNotMatch(written.setCookie[0], /xxxx/);
    assert.equal((await browser.json('/read')).user, 'ann');
  });

  test('after the idle timeout', async (t) => {
    const browser = await start(t, ROUTES, { idleTimeout: 30 });
    await browser.get('/write');
    const deadline = Date.now() + 60_000;
    while ((await browser.json('/read')).user === 'ann') {
      assert.ok(Date.now() < deadline, 'the session never ended');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });

  test('after the absolute timeout, however busy', async (t) => {
    const browser = await start(t, ROUTES, { idleTimeout: 10_000, absoluteTimeout: 100, touchShare: 0 });
    await browser.get('/write');
    const begun = Date.now();
    while ((await browser.json('/read')).user === 'ann')
      assert.ok(Date.now() < begun + 5000, 'the session never ended');
    assert.ok(Date.now() >= begun + 90);
  });
});

test('a bad duplicate does not lock the user out, whichever comes first', async (t) => {
  const browser = await start(t, ROUTES);
  await browser.get('/write');
  const good = browser.jar.get('session');
  for (const cookie of [`session=s%3Abad.bad; session=${good}`, `session=${good}; session=s%3Abad.bad`]) {
    const { body } = await browser.get('/read', { headers: { cookie } });
    assert.equal(JSON.parse(body).user, 'ann');
  }
});

test('two different live sessions in one request: neither is trusted', async (t) => {
  const browser = await start(t, ROUTES);
  const other = new Browser(browser.url);
  await browser.get('/write');
  await other.get('/write');
  const cookie = `session=${browser.jar.get('session')}; session=${other.jar.get('session')}`;
  assert.equal(JSON.parse((await browser.get('/read', { headers: { cookie } })).body).user, undefined);
});

test('secrets rotate: the first signs, all verify', async (t) => {
  const store = memoryStore();
  const older = await start(t, ROUTES, { store, secret: 'old secret with 32 bytes or more!' });
  await older.get('/write');
  const newer = await start(t, ROUTES, {
    store,
    secret: [Buffer.from('new secret with 32 bytes or more!'), 'old secret with 32 bytes or more!'],
  });
  newer.jar = older.jar;
  assert.equal((await newer.json('/read')).user, 'ann');
  const fresh = new Browser(newer.url);
  await fresh.get('/write');
  const ring = new session.KeyRing('new secret with 32 bytes or more!');
  assert.notEqual(ring.unsign(decodeURIComponent(fresh.jar.get('session'))), false);
});

describe('what the application and the options say of the cookie', () => {
  const attributes = async (t, cookie, options = {}, headers = {}) => {
    const browser = await start(t, ROUTES, { cookie, ...options });
    return (await browser.get('/write', { headers })).setCookie[0]?.split('; ').slice(1);
  };

  test('attributes', async (t) => {
    const before = Date.now();
    const [domain, path, expires, ...rest] = await attributes(t, {
      domain: 'example.org',
      path: '/',
      maxAge: 60_000,
      httpOnly: false,
      sameSite: true,
      priority: 'high',
    });
    assert.equal(domain, 'Domain=example.org');
    assert.equal(path, 'Path=/');
    const at = new Date(expires.slice('Expires='.length)).valueOf();
    assert.ok(at >= before + 58_000 && at <= Date.now() + 60_000, expires);
    assert.deepEqual(rest, ['Priority=High', 'SameSite=Strict']);
  });

  test('secure "auto" and sameSite "auto" follow the request', async (t) => {
    const cookie = { secure: 'auto', sameSite: 'auto' };
    assert.deepEqual(await attributes(t, cookie), ['Path=/', 'HttpOnly', 'SameSite=Lax']);
    const forwarded = { 'x-forwarded-proto': 'https, http' };
    assert.deepEqual(await attributes(t, cookie, { proxy: true }, forwarded), [
      'Path=/',
      'HttpOnly',
      'Secure',
      'SameSite=None',
    ]);
    assert.deepEqual(await attributes(t, cookie, { proxy: false }, forwarded), ['Path=/', 'HttpOnly', 'SameSite=Lax']);
  });

  test('on TLS the default name has the prefix __Host-', async (t) => {
    const browser = await start(t, ROUTES, { proxy: true });
    const { setCookie } = await browser.get('/write', { headers: { 'x-forwarded-proto': 'https' } });
    assert.match(setCookie[0], /^__Host-session=.*; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
  });

  test('a secure cookie is not sent on an insecure request, and one warning names the fix', async (t) => {
    const warnings = [];
    const listen = (warning) => warnings.push(warning.message);
    process.on('warning', listen);
    t.after(() => process.off('warning', listen));
    const browser = await start(t, ROUTES, { cookie: { secure: true } });
    for (let i = 0; i < 3; ++i) assert.deepEqual((await browser.get('/write')).setCookie, []);
    await new Promise(setImmediate);
    assert.equal(warnings.filter((message) => /trust proxy/.test(message)).length, 1, warnings.join('\n'));
  });

  test('a function gives the cookie of each request', async (t) => {
    const cookie = (req) => ({
      secure: 'auto',
      sameSite: 'auto',
      domain: req.hostname === 'a.org' ? 'a.org' : undefined,
    });
    assert.deepEqual(await attributes(t, cookie, {}, { host: 'a.org' }), [
      'Domain=a.org',
      'Path=/',
      'HttpOnly',
      'SameSite=Lax',
    ]);
    assert.deepEqual(await attributes(t, cookie, {}, { host: 'b.org' }), ['Path=/', 'HttpOnly', 'SameSite=Lax']);
  });

  test('what is set on req.session.cookie is in the record: later requests answer with it', async (t) => {
    const store = memoryStore();
    const routes = {
      ...ROUTES,
      '/remember': (req, res) => {
        req.session.user = 'ann';
        req.session.cookie.maxAge = 86_400_000;
        req.session.cookie.sameSite = 'strict';
        res.end();
      },
      '/cookie': (req, res) => {
        const { originalMaxAge, maxAge, sameSite } = req.session.cookie;
        res.json({ originalMaxAge, maxAge, sameSite });
      },
      '/forget': (req, res) => {
        req.session.cookie.maxAge = null;
        res.end();
      },
    };
    const browser = await start(t, routes, { store });
    assert.match((await browser.get('/remember')).setCookie[0], /Expires=.*; HttpOnly; SameSite=Strict$/);
    const seen = await browser.json('/cookie');
    assert.equal(seen.originalMaxAge, 86_400_000);
    assert.equal(seen.sameSite, 'strict');
    assert.ok(seen.maxAge > 86_300_000 && seen.maxAge <= 86_400_000);
    const elsewhere = await start(t, routes, { store });
    elsewhere.jar = browser.jar;
    const again = await elsewhere.get('/write');
    assert.deepEqual(again.setCookie, []);
    assert.match((await elsewhere.get('/forget')).setCookie[0], /; Path=\/; HttpOnly; SameSite=Strict$/);
  });

  test('path: the middleware works where the browser sends the cookie, at path boundaries', async (t) => {
    const has = (req, res) => res.json(req.session !== undefined);
    const browser = await start(
      t,
      { '/admin': has, '/admin/x': has, '/administrator': has, '/': has },
      { cookie: { path: '/admin' } },
    );
    assert.equal(await browser.json('/admin'), true);
    assert.equal(await browser.json('/admin/x?y=1'), true);
    assert.equal(await browser.json('/administrator'), false);
    assert.equal(await browser.json('/'), false);
  });

  test('rolling sends the cookie with every response, resave and touch do not', async (t) => {
    const rolling = await start(t, ROUTES, { rolling: true });
    await rolling.get('/write');
    assert.equal((await rolling.get('/read')).setCookie.length, 1);
    const resave = await start(t, ROUTES, { resave: true });
    await resave.get('/write');
    assert.equal((await resave.get('/read')).setCookie.length, 0);
  });

  test('saveUninitialized stores and sends a session that nobody looked at', async (t) => {
    const browser = await start(t, { ...ROUTES, '/untouched': (_req, res) => res.end() }, { saveUninitialized: true });
    assert.equal((await browser.get('/untouched')).setCookie.length, 1);
    const { id } = await browser.json('/read');
    assert.equal((await browser.json('/read')).id, id);
  });

  test('genid makes the id', async (t) => {
    const browser = await start(t, ROUTES, { genid: (req) => `id-of ${req.path}` });
    assert.match((await browser.get('/write')).setCookie[0], /^session=s%3Aid-of%20%2Fwrite\./);
    assert.equal((await browser.json('/read')).id, 'id-of /write');
  });
});

test('Cookie is usable by itself, as in express-session', () => {
  const cookie = new session.Cookie({ maxAge: 5000, path: '/x', data: 1 });
  assert.equal(cookie.originalMaxAge, 5000);
  assert.ok(cookie.expires instanceof Date);
  assert.equal(new session.Cookie().serialize('previous', 'cookieValue'), 'previous=cookieValue; Path=/; HttpOnly');
  assert.throws(() => new session.Cookie({ maxAge: '5' }), /maxAge must be a number or Date/);
  assert.throws(() => new session.Cookie('x'), /argument options/);
});

test('HTTP/2 works like HTTP/1', async (t) => {
  const middleware = session({ secret: SECRET, store: memoryStore() });
  const server = http2.createServer((req, res) =>
    middleware(req, res, (error) => {
      if (error) throw error;
      req.session.n = (req.session.n ?? 0) + 1;
      res.end(String(req.session.n));
    }),
  );
  server.listen(0);
  await once(server, 'listening');
  const client = http2.connect(`http://127.0.0.1:${server.address().port}`);
  t.after(() => {
    client.close();
    server.close();
  });
  const get = async (headers) => {
    const stream = client.request({ ':path': '/', ...headers });
    const [response] = await once(stream, 'response');
    let body = '';
    for await (const chunk of stream) body += chunk;
    return { cookie: response['set-cookie']?.[0].split(';')[0], body };
  };
  const first = await get({});
  assert.equal(first.body, '1');
  assert.equal((await get({ cookie: first.cookie })).body, '2');
});

test('the middleware twice on one request is one session', async (t) => {
  const options = { secret: SECRET, store: memoryStore() };
  const express = require('express');
  const app = express().use(session(options), session(options));
  app.get('/', (req, res) => {
    req.session.n = (req.session.n ?? 0) + 1;
    res.json(req.session.n);
  });
  const browser = new Browser(await serve(t, app));
  assert.equal((await browser.get('/')).setCookie.length, 1);
  assert.equal(await browser.json('/'), 2);
});
