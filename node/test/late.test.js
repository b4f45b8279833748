'use strict';

// What changes after the first byte of a response: stored at its end where the browser has the session's cookie,
// and where it hasn't, told.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { test, describe, before, after } = require('node:test');
const {
  Browser,
  FRAMEWORKS,
  Redis,
  SECRET,
  fileStore,
  gate,
  memoryStore,
  serve,
  session,
  start,
} = require('./support.js');

const STORES = {
  memory: () => memoryStore(),
  file: (t) => fileStore(t),
  redis: async (t) => `${(await Redis.start(t)).url}?timeout=5000`,
};

const BEGIN = {
  write: (res) => res.write('a'),
  flushHeaders: (res) => res.flushHeaders(),
  'writeHead(200)': (res) => res.writeHead(200, { 'X-A': 'b' }),
  'write twice': (res) => {
    res.write('a');
    res.write('b');
  },
};

const ROUTES = {
  '/write': (req, res) => {
    req.session.n = (req.session.n ?? 0) + 1;
    res.end();
  },
  '/read': (req, res) => res.end(JSON.stringify(req.session)),
};
const read = async (browser) => {
  const { cookie: _c, ...data } = await browser.json('/read');
  return data;
};

for (const [kind, makeStore] of Object.entries(STORES))
  describe(`after the first byte, ${kind}`, () => {
    let store;
    const cleanups = [];
    before(async () => {
      store = await makeStore({ after: (cleanup) => cleanups.push(cleanup) });
    });
    after(() => Promise.all(cleanups.map((cleanup) => cleanup())));

    for (const [framework, makeApp] of Object.entries(FRAMEWORKS)) {
      const serveRoutes = async (t, routes, options = {}) => {
        const middleware = session({ secret: SECRET, store, ...options });
        const app = makeApp(middleware, { ...ROUTES, ...routes });
        return { middleware, browser: new Browser(await serve(t, app)) };
      };

      for (const [style, begin] of Object.entries(BEGIN)) {
        test(`${framework}: ${style}, then a change, then end`, async (t) => {
          const { browser } = await serveRoutes(t, {
            '/now': (req, res) => {
              req.session.at = 1;
              begin(res);
              req.session.cursor = 42;
              delete req.session.at;
              res.end('z');
            },
            '/later': async (req, res) => {
              begin(res);
              await new Promise(setImmediate);
              req.session.cursor = 43;
              res.end('z');
            },
          });
          await browser.get('/write');
          assert.match((await browser.get('/now')).body, /z$/);
          assert.deepEqual(await read(browser), { n: 1, cursor: 42 });
          assert.match((await browser.get('/later')).body, /z$/);
          assert.deepEqual(await read(browser), { n: 1, cursor: 43 });
        });
      }

      test(`${framework}: a session that its first byte has stored takes more`, async (t) => {
        const { browser } = await serveRoutes(t, {
          '/begin': (req, res) => {
            req.session.a = 1;
            res.write('x');
            req.session.b = 2;
            res.end();
          },
        });
        await browser.get('/begin');
        assert.deepEqual(await read(browser), { a: 1, b: 2 });
      });

      // Before the first commit, which then merges: what it merged is not taken for removed by the second.
      for (const [when, begun] of Object.entries({ 'after the first byte': true, 'before it': false }))
        test(`${framework}: what another request wrote ${when} stays`, async (t) => {
          const [reached, go] = [gate(), gate()];
          const { browser } = await serveRoutes(t, {
            '/slow': async (req, res) => {
              req.session.before = 1;
              if (begun) res.write('x');
              reached.open();
              await go.opened;
              if (!begun) res.write('x');
              req.session.after = 2;
              res.end();
            },
          });
          await browser.get('/write');
          const slow = browser.get('/slow');
          await reached.opened;
          await browser.get('/write');
          go.open();
          await slow;
          assert.deepEqual(await read(browser), { n: 2, before: 1, after: 2 });
        });

      test(`${framework}: a hundred responses at once, of one session and of many`, async (t) => {
        const { browser } = await serveRoutes(t, {
          '/late': async (req, res) => {
            const { name } = req.headers;
            res.write('x');
            await new Promise(setImmediate);
            req.session[name] = 1;
            res.end('y');
          },
        });
        await browser.get('/write');
        const others = Array.from({ length: 50 }, () => new Browser(browser.url));
        await Promise.all(others.map((other) => other.get('/write')));
        const late = (from, name) => from.get('/late', { headers: { name } });
        const names = others.map((_other, i) => `k${i}`);
        await Promise.all([...names.map((name) => late(browser, name)), ...others.map((other) => late(other, 'own'))]);
        assert.deepEqual(await read(browser), { n: 1, ...Object.fromEntries(names.map((name) => [name, 1])) });
        for (const other of others) assert.deepEqual(await read(other), { n: 1, own: 1 });
      });

      test(`${framework}: a session that was destroyed meanwhile stays destroyed, and the application is told`, async (t) => {
        const [reached, go] = [gate(), gate()];
        const { browser, middleware } = await serveRoutes(t, {
          '/slow': async (req, res) => {
            res.write('x');
            reached.open();
            await go.opened;
            req.session.after = 2;
            res.end();
          },
          '/logout': async (req, res) => {
            await req.session.destroy();
            res.end();
          },
        });
        const told = [];
        middleware.on('gone', (error) => told.push(error.code));
        await browser.get('/write');
        const slow = browser.clone().get('/slow');
        await reached.opened;
        const other = browser.clone();
        await other.get('/logout');
        go.open();
        await slow;
        assert.deepEqual(told, ['ERR_SESSION_GONE']);
        assert.deepEqual(await read(browser), {});
      });

      test(`${framework}: destroy() and unset after the first byte end the session`, async (t) => {
        const { browser } = await serveRoutes(
          t,
          {
            '/destroy': async (req, res) => {
              res.write('x');
              await req.session.destroy();
              res.end();
            },
            '/unset': (req, res) => {
              res.write('x');
              req.session = null;
              res.end();
            },
          },
          { unset: 'destroy' },
        );
        for (const path of ['/destroy', '/unset']) {
          await browser.get('/write');
          await browser.get(path);
          assert.deepEqual(await read(browser), {}, path);
        }
      });

      test(`${framework}: a new session can't be stored: one warning, an event each time`, async (t) => {
        const { browser, middleware } = await serveRoutes(t, {
          '/new': (req, res) => {
            res.write('x');
            req.session.n = 1;
            res.end('y');
          },
          '/renewed': async (req, res) => {
            res.write('x');
            await req.session.regenerate({ keep: true });
            res.end('y');
          },
        });
        const warned = [];
        const listen = (warning) => warning.name === 'CoatcheckWarning' && warned.push(warning);
        process.on('warning', listen);
        t.after(() => process.off('warning', listen));
        for (let i = 0; i < 2; ++i) assert.equal((await browser.get('/new')).body, 'xy');
        await new Promise(setImmediate);
        assert.equal(warned.length, 1);
        assert.equal(warned[0].code, 'ERR_HEADERS_SENT');
        assert.equal(
          warned[0].message,
          "a new session changed after the response's headers went out and is not stored: its cookie can't be sent now",
        );
        const told = [];
        middleware.on('late', (error, req) => told.push([error.code, req.url]));
        await browser.get('/new');
        await browser.get('/write');
        await browser.get('/renewed');
        assert.deepEqual(told, [
          ['ERR_HEADERS_SENT', '/new'],
          ['ERR_HEADERS_SENT', '/renewed'],
        ]);
      });

      for (const mode of ['jwe', 'jwt']) {
        test(`${framework}: nor a session in its cookie, mode ${mode}`, async (t) => {
          const routes = {
            '/change': (req, res) => {
              req.session.a = 1;
              res.write('x');
              req.session.b = 2;
              res.end();
            },
            '/same': (req, res) => {
              req.session.a = 3;
              res.write('x');
              res.end();
            },
          };
          const { browser, middleware } = await serveRoutes(t, routes, { mode });
          const told = [];
          middleware.on('late', (error) => told.push(error.message));
          await browser.get('/write');
          await browser.get('/same');
          assert.deepEqual(told, []);
          await browser.get('/change');
          assert.deepEqual(told, [
            "a session in its cookie changed after the response's headers went out and is not stored: its cookie can't be sent now",
          ]);
          assert.deepEqual(await read(browser), { n: 1, a: 1 });
        });
      }

      test(`${framework}: data that can't be stored reaches the error handler, and the response ends`, async (t) => {
        const faults = [];
        const middleware = session({ secret: SECRET, store });
        const routes = {
          ...ROUTES,
          '/bad': (req, res) => {
            res.write('x');
            req.session.n = 1n;
            res.end('y');
          },
        };
        const browser = new Browser(await serve(t, quiet(makeApp)(middleware, routes, faults)));
        await browser.get('/write');
        assert.equal((await browser.get('/bad')).body, 'xy');
        assert.deepEqual(faults, ['ERR_NOT_SERIALISABLE']);
        assert.deepEqual(await read(browser), { n: 1 });
      });
    }
  });

// The framework's application with an error handler that leaves a response alone which has begun.
function quiet(makeApp) {
  return (middleware, routes, faults) => {
    const app = makeApp((_req, _res, next) => next(), routes);
    return (req, res) =>
      middleware(req, res, (error) => {
        if (error) faults.push(error.code);
        else app(req, res);
      });
  };
}

test('on a remote store the response ends after the session is stored, and all of it arrives', async (t) => {
  const redis = await Redis.start(t);
  const browser = await start(
    t,
    {
      ...ROUTES,
      '/stream': (req, res) => {
        res.write('a');
        req.session.cursor = 1;
        res.end('b', () => req.app.emit('finished'));
        assert.equal(res.writableEnded, true);
        res.end('c'); // after the end: nothing
        res.write('d');
      },
    },
    { store: `${redis.url}?timeout=5000` },
  );
  await browser.get('/write');
  for (let i = 0; i < 20; ++i) {
    assert.equal((await browser.get('/stream')).body, 'ab');
    assert.deepEqual(await read(browser), { n: 1, cursor: 1 });
  }
});

test('a store that is down at the end: the error handler is told, and the client not kept waiting', async (t) => {
  const redis = await Redis.start(t);
  const [reached, go] = [gate(), gate()];
  const faults = [];
  const routes = {
    ...ROUTES,
    '/stream': async (req, res) => {
      res.write('a');
      reached.open();
      await go.opened;
      req.session.cursor = 1;
      res.end('b');
    },
  };
  const middleware = session({ secret: SECRET, store: `${redis.url}?timeout=1000` });
  const browser = new Browser(await serve(t, quiet(FRAMEWORKS.http)(middleware, routes, faults)));
  await browser.get('/write');
  const stream = browser.get('/stream');
  await reached.opened;
  await redis.kill();
  go.open();
  assert.equal((await stream).body, 'ab');
  assert.deepEqual(faults, ['ERR_STORE_UNAVAILABLE']);
});

test('a client that has gone is nobody to wait for', async (t) => {
  const closed = gate();
  const browser = await start(t, {
    ...ROUTES,
    '/stream': async (req, res) => {
      res.write('a');
      await once(res, 'close');
      req.session.cursor = 1;
      res.end('b');
      closed.open();
    },
  });
  const { url } = browser;
  await browser.get('/write');
  const aborting = new AbortController();
  const answer = await fetch(`${url}/stream`, { headers: { cookie: browser.cookieHeader() }, signal: aborting.signal });
  assert.equal(answer.status, 200);
  aborting.abort();
  await closed.opened;
  assert.deepEqual(await read(browser), { n: 1, cursor: 1 });
});
