'use strict';

// `req.sessionStore`: sessions by id, with what express-session's stores have, on every store.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { test, describe, before, after } = require('node:test');
const expressSession = require('express-session');
const { Browser, FRAMEWORKS, Redis, SECRET, fileStore, memoryStore, serve, session, start } = require('./support.js');

const STORES = {
  memory: () => memoryStore(),
  file: (t) => fileStore(t),
  redis: async (t) => `${(await Redis.start(t)).url}?timeout=5000`,
};
const UNKNOWN = 'no-such-session-no-such-session-no-such';

// Runs `use(req, store)` in a request of the browser; answers what it does.
const ROUTES = {
  '/write': (req, res) => {
    req.session.n = Number(req.query.n ?? 1);
    res.json({ id: req.sessionID });
  },
  '/read': (req, res) =>
    res.json({ n: req.session.n, more: req.session.more, maxAge: req.session.cookie.originalMaxAge }),
};

async function open(t, store, options = {}) {
  let use;
  const browser = await start(
    t,
    {
      ...ROUTES,
      '/use': async (req, res, next) => {
        try {
          res.json({ value: (await use(req, req.sessionStore)) ?? null });
        } catch (error) {
          next(error);
        }
      },
    },
    { store, ...options },
  );
  const run = async (given, from = browser) => {
    use = given;
    const { status, body } = await from.get('/use');
    assert.equal(status, 200, body);
    return JSON.parse(body).value;
  };
  return { browser, run };
}

test('has all methods of express-session’s own store, for callbacks too', async (t) => {
  const peer = new expressSession.MemoryStore();
  const methods = new Set();
  for (let object = peer; object.constructor.name !== 'EventEmitter'; object = Object.getPrototypeOf(object))
    for (const name of Object.getOwnPropertyNames(object)) if (typeof peer[name] === 'function') methods.add(name);
  const { run } = await open(t, memoryStore());
  await run((_req, store) => {
    for (const name of methods)
      assert.equal(typeof store[name], name === 'constructor' ? 'function' : typeof peer[name], name);
  });
});

for (const [kind, makeStore] of Object.entries(STORES))
  describe(`req.sessionStore, ${kind}`, () => {
    let store;
    const cleanups = [];
    before(async () => {
      store = await makeStore({ after: (cleanup) => cleanups.push(cleanup) });
    });
    after(() => Promise.all(cleanups.map((cleanup) => cleanup())));

    test('get and set: another session’s data, with its cookie', async (t) => {
      const { browser, run } = await open(t, store);
      const { id } = await browser.json('/write?n=1');
      const other = browser.clone();
      other.jar.clear();
      await run(async (_req, sessions) => {
        const data = await sessions.get(id);
        assert.equal(data.n, 1);
        assert.equal(data.cookie.path, '/');
        assert.equal(data.cookie.httpOnly, true);
        data.more = [1, 2];
        data.cookie.maxAge = 90_000;
        await sessions.set(id, data);
        data.n = 2; // a second time, of the same data
        await sessions.set(id, data);
      }, other);
      assert.deepEqual(await browser.json('/read'), { n: 2, more: [1, 2], maxAge: 90_000 });
    });

    test('set merges with what another wrote since get', async (t) => {
      const { browser, run } = await open(t, store);
      const { id } = await browser.json('/write?n=1');
      await run(async (_req, sessions) => {
        const data = await sessions.get(id);
        await browser.clone().get('/write?n=7');
        data.more = true;
        await sessions.set(id, data);
      });
      assert.deepEqual(await browser.json('/read'), { n: 7, more: true, maxAge: null });
    });

    test('set does not bring a destroyed session back', async (t) => {
      const { browser, run } = await open(t, store);
      const { id } = await browser.json('/write');
      const code = await run(async (_req, sessions) => {
        const data = await sessions.get(id);
        await sessions.destroy(id);
        data.n = 2;
        return sessions.set(id, data).catch((error) => error.code);
      });
      assert.equal(code, 'ERR_SESSION_GONE');
      assert.equal(await run(async (_req, sessions) => (await sessions.get(id))?.n), null);
    });

    test('set of data of one’s own: takes the place of what is stored, or makes a session', async (t) => {
      const { browser, run } = await open(t, store);
      const { id } = await browser.json('/write');
      await run((_req, sessions) => sessions.set(id, { more: 'only', cookie: { originalMaxAge: 60_000 } }));
      assert.deepEqual(await browser.json('/read'), { more: 'only', maxAge: 60_000 });
      const fresh = `own-${kind}-${'x'.repeat(30)}`;
      const made = await run(async (_req, sessions) => {
        await sessions.set(fresh, { a: 1, cookie: { expires: new Date(Date.now() + 60_000) } });
        return sessions.get(fresh);
      });
      assert.equal(made.a, 1);
      assert.ok(Date.parse(made.cookie.expires) > Date.now() + 30_000);
    });

    test('set of req.session saves it', async (t) => {
      const { browser, run } = await open(t, store);
      await browser.get('/write');
      const stored = await run(async (req, sessions) => {
        req.session.more = 'x';
        await sessions.set(req.sessionID, req.session);
        return (await sessions.get(req.sessionID)).more;
      });
      assert.equal(stored, 'x');
    });

    test('what can’t be stored is refused with its path, and nothing is written', async (t) => {
      const { browser, run } = await open(t, store);
      const { id } = await browser.json('/write');
      const message = await run(async (_req, sessions) => {
        const data = await sessions.get(id);
        data.bad = new Map();
        return sessions.set(id, data).catch((error) => `${error.code}: ${error.message}`);
      });
      assert.match(message, /^ERR_NOT_SERIALISABLE: .*session\.bad/);
      assert.deepEqual(await browser.json('/read'), { n: 1, maxAge: null });
    });

    test('touch takes the cookie’s new age; of an unknown session it makes none', async (t) => {
      const { browser, run } = await open(t, store);
      const { id } = await browser.json('/write');
      const seen = await run(async (_req, sessions) => {
        const data = await sessions.get(id);
        data.cookie.maxAge = 120_000;
        await sessions.touch(id, data);
        await sessions.touch(id);
        await sessions.touch(UNKNOWN, data);
        return [(await sessions.get(id)).cookie.originalMaxAge, (await sessions.get(UNKNOWN)) ?? null];
      });
      assert.deepEqual(seen, [120_000, null]);
    });

    test('callbacks instead of promises', async (t) => {
      const { browser, run } = await open(t, store);
      const { id } = await browser.json('/write');
      const call = (sessions, name, ...args) =>
        new Promise((resolve, reject) => {
          const returned = sessions[name](...args, (error, value) => (error ? reject(error) : resolve(value ?? null)));
          assert.equal(returned, undefined);
        });
      await run(async (_req, sessions) => {
        const data = await call(sessions, 'get', id);
        assert.equal(data.n, 1);
        assert.equal(await call(sessions, 'set', id, { n: 3 }), null);
        assert.equal(await call(sessions, 'touch', id, data), null);
        assert.ok((await call(sessions, 'length')) >= 1);
        assert.ok((await call(sessions, 'all')).some(({ n }) => n === 3));
        assert.equal(await call(sessions, 'destroy', id), null);
        assert.equal(await call(sessions, 'get', id), null);
        await assert.rejects(call(sessions, 'set', id, { n: 1n }), { code: 'ERR_NOT_SERIALISABLE' });
      });
    });

    test('load and createSession give a session with methods, outside its request', async (t) => {
      const { browser, run } = await open(t, store);
      const { id } = await browser.json('/write');
      await run(async (_req, sessions) => {
        const load = (sid) =>
          new Promise((resolve, reject) => sessions.load(sid, (error, got) => (error ? reject(error) : resolve(got))));
        assert.equal(await load(UNKNOWN), undefined);
        const own = await load(id);
        assert.equal(own.id, id);
        assert.equal(own.n, 1);
        own.n = 5;
        own.cookie.maxAge = 50_000;
        await own.save();
      });
      assert.deepEqual(await browser.json('/read'), { n: 5, maxAge: 50_000 });
      await run(async (_req, sessions) => {
        const request = { sessionID: id };
        const own = sessions.createSession(request, await sessions.get(id));
        assert.equal(request.session, own);
        assert.equal(request.sessionID, id);
        await own.destroy();
        assert.equal(request.session, undefined);
      });
      assert.deepEqual(await browser.json('/read'), { maxAge: null });
    });

    test('generate and regenerate give a request another session', async (t) => {
      const { browser, run } = await open(t, store);
      const { id } = await browser.json('/write');
      const renewed = await run(async (req, sessions) => {
        await new Promise((resolve, reject) =>
          sessions.regenerate(req, (error) => (error ? reject(error) : resolve())),
        );
        assert.equal(req.session.n, undefined);
        req.session.n = 9;
        return req.sessionID;
      });
      assert.notEqual(renewed, id);
      assert.equal(await run(async (_req, sessions) => (await sessions.get(id)) ?? null), null);
      const kept = browser.clone();
      await run((req, sessions) => {
        sessions.generate(req);
        assert.notEqual(req.sessionID, renewed);
        req.session.n = 10;
      });
      assert.deepEqual(await browser.json('/read'), { n: 10, maxAge: null });
      assert.deepEqual(await kept.json('/read'), { n: 9, maxAge: null }); // generate alone ends nothing
    });

    test('all, length and clear', async (t) => {
      const { browser, run } = await open(t, store);
      await run((_req, sessions) => sessions.clear());
      assert.equal(await run((_req, sessions) => sessions.length()), 0);
      const browsers = [browser, browser.clone(), browser.clone()];
      for (const [i, one] of browsers.entries()) {
        one.jar.clear();
        await one.get(`/write?n=${i}`);
      }
      const all = await run((_req, sessions) => sessions.all());
      assert.deepEqual(all.map(({ n }) => n).sort(), [0, 1, 2]);
      assert.ok(all.every(({ cookie }) => cookie.path === '/'));
      assert.equal(await run((_req, sessions) => sessions.length()), 3);
      await run((_req, sessions) => sessions.clear());
      assert.deepEqual(await run((_req, sessions) => sessions.all()), []);
      assert.deepEqual(await browser.json('/read'), { maxAge: null });
    });

    for (const mode of ['jwe', 'jwt'])
      test(`mode ${mode}: the session is in its cookie, and every method that would read it says so`, async (t) => {
        const { browser, run } = await open(t, store, { mode });
        await browser.get('/write');
        const codes = await run(async (_req, sessions) => {
          const code = (promise) => promise.then(String, (error) => error.code);
          return [
            await code(sessions.get(UNKNOWN)),
            await code(sessions.set(UNKNOWN, { n: 1 })),
            await code(sessions.destroy(UNKNOWN)),
            await code(sessions.all()),
            await code(sessions.length()),
          ];
        });
        assert.deepEqual(new Set(codes), new Set(['ERR_INVALID_STATE']));
      });
  });

test('a record that can’t be read is left out of all(), and told', async (t) => {
  const url = memoryStore();
  const kept = new session.Store(url);
  t.after(() => kept.close());
  const middleware = session({ secret: SECRET, store: url });
  const told = [];
  middleware.on('damaged', (error) => told.push(error.code));
  const app = FRAMEWORKS.express5(middleware, {
    ...ROUTES,
    '/all': async (req, res) => res.json((await req.sessionStore.all()).map(({ n }) => n)),
  });
  const browser = new Browser(await serve(t, app));
  await browser.get('/write?n=4');
  const native = Object.getOwnPropertySymbols(kept)
    .map((symbol) => kept[symbol])
    .find((value) => typeof value?.put === 'function');
  native.put('k'.repeat(43), 'cc1 nonsense', Date.now() + 60_000, undefined, 0);
  native.put('rf_not-a-session', 'x', Date.now() + 60_000, undefined, 0);
  assert.deepEqual(await browser.json('/all'), [4]);
  assert.deepEqual(told, ['ERR_RECORD_DAMAGED']);
});

test("'disconnect' and 'connect' when Redis goes and comes back", async (t) => {
  const redis = await Redis.start(t);
  let store;
  const browser = await start(
    t,
    {
      ...ROUTES,
      '/store': (req, res) => {
        store = req.sessionStore;
        res.end();
      },
      '/look': (req, res) => res.json({ n: req.session.n }),
    },
    { store: `${redis.url}?timeout=1000` },
  );
  await browser.get('/write');
  await browser.get('/store');
  const events = [];
  store.on('connect', () => events.push('connect'));
  store.on('disconnect', () => events.push('disconnect'));
  await redis.kill();
  for (let i = 0; i < 3; ++i) assert.equal((await browser.get('/look')).status, 503);
  assert.deepEqual(events, ['disconnect']);
  const back = once(store, 'connect');
  await redis.run();
  while ((await browser.get('/look')).status !== 200);
  await back;
  assert.deepEqual(events, ['disconnect', 'connect']);
});
