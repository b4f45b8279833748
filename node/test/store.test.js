'use strict';

// Store under express-session itself, on each kind of store.

const assert = require('node:assert/strict');
const { AsyncLocalStorage } = require('node:async_hooks');
const express = require('express');
const expressSession = require('express-session');
const { test, describe } = require('node:test');
const { Browser, Redis, SECRET, fileStore, gate, memoryStore, serve, session } = require('./support.js');

const STORES = {
  memory: () => memoryStore(),
  file: (t) => fileStore(t),
  redis: async (t) => (await Redis.start(t)).url,
};

for (const [kind, makeStore] of Object.entries(STORES)) {
  describe(`express-session on ${kind}`, () => {
    const start = async (t, routes, options = {}) => {
      const store = new session.Store(await makeStore(t), { secret: SECRET });
      const app = express();
      app.use(expressSession({ secret: SECRET, resave: false, saveUninitialized: false, store, ...options }));
      for (const [path, handler] of Object.entries(routes)) app.get(path, handler);
      return { store, browser: new Browser(await serve(t, app)) };
    };
    const ROUTES = {
      '/write': (req, res) => {
        req.session.user = 'ann';
        res.json({ id: req.sessionID });
      },
      '/read': (req, res) =>
        res.json({ user: req.session.user, cookie: req.session.cookie, kind: req.session.constructor.name }),
      '/out': (req, res, next) => req.session.destroy((error) => (error ? next(error) : res.end())),
      '/login': (req, res, next) =>
        req.session.regenerate((error) => {
          if (error) return next(error);
          req.session.login = true;
          return req.session.save((failed) => (failed ? next(failed) : res.end()));
        }),
      '/reload': (req, res, next) =>
        req.session.reload((error) => (error ? next(error) : res.json({ user: req.session.user }))),
    };

    test('write, read, regenerate, reload, destroy', async (t) => {
      const { browser } = await start(t, ROUTES, { cookie: { maxAge: 60_000 } });
      await browser.get('/write');
      const read = await browser.json('/read');
      assert.equal(read.user, 'ann');
      assert.equal(read.kind, 'Session');
      assert.ok(read.cookie.originalMaxAge > 59_000);
      assert.deepEqual(await browser.json('/reload'), { user: 'ann' });
      await browser.get('/login');
      assert.equal((await browser.json('/read')).user, undefined);
      await browser.get('/out');
      assert.equal((await browser.get('/read')).status, 200);
    });

    test('a cookie comes back as it does from MemoryStore, with every option', async (t) => {
      const COOKIES = [
        {},
        { maxAge: 60_000, sameSite: 'strict' },
        { maxAge: 60_000, secure: true, domain: 'example.org', path: '/', httpOnly: false, sameSite: 'none' },
        { expires: new Date(Date.now() + 60_000), priority: 'high', partitioned: true, secure: true },
        { secure: 'auto', sameSite: 'auto', maxAge: null, signed: true, overwrite: true },
        { sameSite: true },
        { sameSite: false, httpOnly: true },
      ];
      const seen = (cookie) => ({
        ...cookie.data,
        sameSite: cookie.sameSite === true ? 'strict' : cookie.sameSite || undefined, // the same header
        originalMaxAge: cookie.originalMaxAge && Math.round(cookie.originalMaxAge / 10_000),
        own: Object.keys(cookie).filter((name) => name !== 'sameSite' || cookie.sameSite),
        maxAge: typeof cookie.maxAge === 'number' ? Math.round(cookie.maxAge / 10_000) : cookie.maxAge,
        expires: cookie.expires instanceof Date ? 'a Date' : cookie.expires,
        header: cookie.serialize('sid', 'x').replace(/Expires=[^;]*/, 'Expires=…'),
      });
      for (const cookie of COOKIES) {
        const views = [];
        for (const store of [undefined, new session.Store(await makeStore(t), { secret: SECRET })]) {
          const app = express();
          app.set('trust proxy', true);
          app.use(
            expressSession({
              secret: SECRET,
              resave: false,
              saveUninitialized: false,
              cookie,
              ...(store === undefined ? {} : { store }),
            }),
          );
          const view = [];
          app.get('/count', (req, res) => {
            req.session.n = (req.session.n ?? 0) + 1;
            view.push(seen(req.session.cookie));
            res.end();
          });
          app.get('/look', (req, res, next) => {
            view.push(seen(req.session.cookie));
            req.session.reload((error) => {
              if (error) return next(error);
              view.push(seen(req.session.cookie));
              return res.end();
            });
          });
          const url = await serve(t, app);
          const headers = { 'x-forwarded-proto': 'https' };
          const set = [];
          let sent;
          for (const path of ['/count', '/count', '/look', '/look']) {
            const answer = await new Browser(url).get(path, { headers: sent ? { ...headers, cookie: sent } : headers });
            assert.equal(answer.status, 200);
            sent ??= answer.setCookie[0].split(';')[0];
            set.push(
              answer.setCookie.map((line) => line.replace(/=s[^;]*/, '=…').replace(/Expires=[^;]*/, 'Expires=…')),
            );
          }
          views.push({ view, set });
        }
        assert.deepEqual(views[1], views[0], JSON.stringify(cookie));
      }
    });

    test('a user who is active stays, past the age of the cookie', async (t) => {
      const store = new session.Store(await makeStore(t), { secret: SECRET });
      const data = (cookie) => ({ cookie, n: 1 });
      const middleware = expressSession({ secret: SECRET, resave: false, saveUninitialized: false, store });
      assert.equal(typeof middleware, 'function'); // gives the store its `generate`
      const first = Date.now() + 30_000; // half of its age has passed
      await store.set('one', data({ originalMaxAge: 60_000, expires: new Date(first).toISOString() }));
      const read = store.createSession({ sessionID: 'one', sessionStore: store }, await store.get('one'));
      read.touch();
      assert.ok(read.cookie.expires instanceof Date);
      assert.ok(read.cookie.expires.valueOf() >= first + 29_000);
      assert.equal(read.cookie.originalMaxAge, 60_000);
    });

    test('a destroyed session is not brought back by a request that is still under way', async (t) => {
      const entered = gate();
      const leave = gate();
      const { browser, store } = await start(t, {
        ...ROUTES,
        '/slow': async (req, res) => {
          entered.open();
          await leave.opened;
          req.session.slow = 1;
          res.end();
        },
      });
      await browser.get('/write');
      const stolen = browser.clone();
      const late = browser.clone().get('/slow');
      await entered.opened;
      await browser.get('/out');
      leave.open();
      await late;
      assert.equal((await stolen.json('/read')).user, undefined);
      assert.equal(await store.length(), 0);
    });

    test('overlapping writes to different keys are both kept', async (t) => {
      const entered = gate();
      const leave = gate();
      const { browser } = await start(t, {
        ...ROUTES,
        '/slow': async (req, res) => {
          entered.open();
          await leave.opened;
          req.session.slow = 1;
          res.end();
        },
        '/fast': (req, res) => {
          req.session.fast = 2;
          res.end();
        },
        '/all': (req, res) => res.json(req.session),
      });
      await browser.get('/write');
      const late = browser.clone().get('/slow');
      await entered.opened;
      await browser.get('/fast');
      leave.open();
      await late;
      const { user, slow, fast } = await browser.json('/all');
      assert.deepEqual({ user, slow, fast }, { user: 'ann', slow: 1, fast: 2 });
    });

    test('as a store by itself, with callbacks and promises', async (t) => {
      const store = new session.Store(await makeStore(t));
      const data = { cookie: { originalMaxAge: 60_000, expires: new Date(Date.now() + 60_000).toISOString() }, a: 1 };
      await store.set('one', data);
      await new Promise((resolve, reject) => store.set('two', data, (error) => (error ? reject(error) : resolve())));
      assert.deepEqual(await store.get('one'), data);
      assert.deepEqual(await new Promise((resolve) => store.get('two', (_error, got) => resolve(got))), data);
      assert.equal(await store.get('none'), undefined);
      assert.equal(await store.length(), 2);
      assert.equal((await store.ids()).length, 2);
      assert.deepEqual(await store.all(), [data, data]);
      await store.destroy('one');
      assert.equal(await store.get('one'), undefined);
      await store.touch('one', data);
      assert.equal(await store.get('one'), undefined);
      await store.clear();
      assert.equal(await store.length(), 0);
    });

    test('many sessions are counted, listed and cleared', async (t) => {
      const store = new session.Store(await makeStore(t));
      const count = 1500; // more than a page of a scan
      const data = { cookie: { originalMaxAge: 60_000 }, text: 'Zoë 🎩' };
      await Promise.all(Array.from({ length: count }, (_, i) => store.set(`id-${i}`, { ...data, i })));
      assert.equal(await store.length(), count);
      assert.equal(new Set(await store.ids()).size, count);
      const all = await store.all();
      assert.deepEqual(
        all.map(({ i }) => i).sort((a, b) => a - b),
        Array.from({ length: count }, (_, i) => i),
      );
      // What came by all() is as good as what came by get(): a compare-and-set.
      const [one, other] = [0, 1].map((i) => all.find((session) => session.i === i));
      await store.destroy('id-0');
      await store.set('id-0', one);
      assert.equal(await store.get('id-0'), undefined);
      other.more = true;
      await store.set('id-1', other);
      assert.deepEqual(await store.get('id-1'), { ...data, i: 1, more: true });
      await store.clear();
      assert.equal(await store.length(), 0);
      assert.deepEqual(await store.all(), []);
    });

    test('a session that is moved to another place, id or secret is stored there', async (t) => {
      const [url, elsewhere] = [await makeStore(t), await makeStore(t)];
      const from = new session.Store(url);
      await from.set('one', { cookie: {}, n: 1 });
      const read = await from.get('one');
      for (const [to, id] of [
        [new session.Store(elsewhere), 'one'],
        [new session.Store(url, { secret: SECRET }), 'one'],
        [from, 'two'],
      ]) {
        await to.set(id, read);
        assert.equal((await to.get(id)).n, 1);
      }
    });

    test('what a callback sees: an error alone, its own context, and no call before the return', async (t) => {
      const store = new session.Store(await makeStore(t));
      const context = new AsyncLocalStorage();
      const data = { cookie: {}, n: 1 };
      const calls = {
        set: (done) => store.set('one', data, done),
        get: (done) => store.get('one', done),
        touch: (done) => store.touch('one', data, done),
        length: (done) => store.length(done),
        ids: (done) => store.ids(done),
        all: (done) => store.all(done),
        destroy: (done) => store.destroy('one', done),
        clear: (done) => store.clear(done),
      };
      const run = (name) =>
        new Promise((resolve, reject) => {
          context.run(name, () => {
            let returned = false;
            const result = calls[name]((...args) => {
              if (!returned || context.getStore() !== name) reject(new Error(`${name}: called at the wrong time`));
              else resolve(args);
            });
            if (result !== undefined) reject(new Error(`${name}: a promise beside the callback`));
            returned = true;
          });
        });
      for (const name of Object.keys(calls)) assert.equal((await run(name))[0], null, name);
      assert.equal(
        (await new Promise((resolve) => store.set('x', { cookie: {}, n: NaN }, resolve))).code,
        'ERR_NOT_SERIALISABLE',
      );
      store.close();
      for (const name of Object.keys(calls)) assert.equal((await run(name))[0].code, 'ERR_STORE_CLOSED', name);
    });

    test('a session ends after its cookie, to the millisecond', async (t) => {
      const store = new session.Store(await makeStore(t));
      const until = (ms) => ({ cookie: { expires: new Date(Date.now() + ms) } });
      await store.set('short', until(40));
      assert.notEqual(await store.get('short'), undefined);
      const deadline = Date.now() + 60_000;
      while ((await store.get('short')) !== undefined) assert.ok(Date.now() < deadline);
      await store.set('gone', until(-1));
      assert.equal(await store.get('gone'), undefined);
      await store.set('touched', until(60));
      await store.touch('touched', until(60_000));
      const read = await store.get('touched');
      await new Promise((resolve) => setTimeout(resolve, 80));
      assert.deepEqual(await store.get('touched'), read);
    });

    test('the store never sees an id', async (t) => {
      const url = await makeStore(t);
      for (const options of [{}, { secret: SECRET }]) {
        const store = new session.Store(url, options);
        await store.set('the-session-id', { cookie: {} });
        assert.ok((await store.ids()).every((key) => !key.includes('the-session-id')));
      }
    });
  });
}

test('data that JSON would spoil is an error, not stored', async () => {
  const store = new session.Store(memoryStore());
  await assert.rejects(store.set('x', { cookie: {}, n: Number.NaN }), { code: 'ERR_NOT_SERIALISABLE' });
  assert.equal(await store.get('x'), undefined);
});

test('wrong options are refused', () => {
  assert.throws(() => new session.Store('nonsense:'), { code: 'ERR_INVALID_URL' });
  assert.throws(() => new session.Store('memory:', { tll: 1 }), /unknown Store option 'tll'/);
  assert.throws(() => new session.Store('memory:', { ttl: 'x' }), /ttl option/);
  assert.throws(() => new session.Store({}), TypeError);
});

for (const [kind, makeStore] of Object.entries(STORES)) {
  test(`express-session on a Store and coatcheck share their sessions, on ${kind}`, async (t) => {
    const url = await makeStore(t);
    const store = new session.Store(url, { secret: SECRET });
    const options = { secret: SECRET, name: 'sid', resave: false, saveUninitialized: false };
    const bases = [];
    for (const middleware of [
      expressSession({ ...options, store, cookie: { maxAge: 60_000 } }),
      session({ ...options, store: url }),
      require('../v1.js')({ ...options, store: new session.Store(url, { secret: SECRET }) }),
    ]) {
      const app = express().use(middleware);
      app.get('/', (req, res) => {
        req.session.n = (req.session.n ?? 0) + 1;
        res.json(req.session.n);
      });
      app.get('/out', (req, res, next) => req.session.destroy((error) => (error ? next(error) : res.json('out'))));
      bases.push(await serve(t, app));
    }
    const browser = new Browser(bases[0]);
    for (let n = 1; n <= 9; ++n) {
      browser.url = bases[n % 3];
      assert.equal(await browser.json('/'), n);
    }
    assert.equal(await store.length(), 1);
    assert.equal((await store.all())[0].n, 9);
    const old = browser.clone();
    browser.url = bases[1];
    await browser.get('/out');
    for (const base of bases) {
      old.url = base;
      assert.equal(await old.clone().json('/'), 1);
    }
  });
}

test('a Store that a middleware is given answers for its sessions', async (t) => {
  const store = new session.MemoryStore();
  const app = express().use(session({ secret: SECRET, store }));
  app.get('/', (req, res) => {
    req.session.n = (req.session.n ?? 0) + 1;
    res.json([req.session.n, req.sessionID]);
  });
  const browser = new Browser(await serve(t, app));
  const [, id] = await browser.json('/');
  assert.equal(await store.length(), 1);
  assert.equal((await store.get(id)).n, 1);
  await store.destroy(id);
  assert.equal((await browser.json('/'))[0], 1);
  await store.clear();
  assert.deepEqual(await store.all(), []);
});

test('MemoryStore is a Store', async () => {
  const store = new session.MemoryStore();
  assert.ok(store instanceof session.Store);
  await store.set('m', { cookie: {}, a: 1 });
  assert.equal((await store.get('m')).a, 1);
  await store.clear();
});

test('a named memory store is given back when all have closed it', async () => {
  const url = 'memory:given-back-in-node';
  const [one, two] = [new session.Store(url), new session.Store(url)];
  await one.set('m', { cookie: {}, a: 1 });
  one.close();
  assert.equal((await two.get('m')).a, 1);
  two.close();
  const three = new session.Store(url);
  assert.equal(await three.get('m'), undefined);
  three.close();
  await assert.rejects(two.get('m'), { code: 'ERR_STORE_CLOSED' });
});

test('thousands of named memory stores that were closed take no memory', async () => {
  let made = 0;
  const fill = async (count) => {
    for (; count > 0; --count) {
      const store = new session.Store(`memory:one-of-many-${++made}`);
      await store.set('m', { cookie: {}, text: 'x'.repeat(10_000) });
      store.close();
      // Handles are given back in a turn of the loop, after a collection.
      if (count % 100 === 0) await new Promise(setImmediate);
    }
    const { rss, heapTotal } = process.memoryUsage();
    return rss - heapTotal; // V8's own heap grows and shrinks as it likes
  };
  // What the runtime itself takes for such work levels off, when depends on how busy the machine is. What is not given
  // back grows by 250 MB in each round.
  const growth = [];
  let before = await fill(15_000);
  while (growth.length < 4 && !(growth.at(-1) < 100e6)) {
    const after = await fill(15_000);
    growth.push(after - before);
    before = after;
  }
  assert.ok(growth.at(-1) < 100e6, `${growth} bytes`);
});
