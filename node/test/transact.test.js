'use strict';

// req.session.transact, and what is told of commits that stored nothing.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { test, describe } = require('node:test');
const { Browser, FRAMEWORKS, Redis, SECRET, fileStore, gate, memoryStore, serve, session } = require('./support.js');

const STORES = {
  memory: () => memoryStore(),
  file: (t) => fileStore(t),
  redis: async (t) => (await Redis.start(t)).url,
};

for (const [kind, makeStore] of Object.entries(STORES)) {
  describe(`transactions on ${kind}`, () => {
    const add = (data) => {
      data.n = (data.n ?? 0) + 1;
      return data.n;
    };
    const ROUTES = {
      '/begin': (req, res) => {
        req.session.n = 0;
        res.end();
      },
      '/read': (req, res) => res.json(req.session),
      '/add': async (req, res) => res.json(await req.session.transact(add)),
      '/out': async (req, res) => res.end(String(await req.session.destroy())),
    };
    const begin = async (t, routes = {}, options = {}) => {
      const middleware = session({ secret: SECRET, store: await makeStore(t), ...options });
      const errors = [];
      const app = FRAMEWORKS.express5(middleware, { ...ROUTES, ...routes }, (error) => errors.push(error));
      const browser = new Browser(await serve(t, app));
      await browser.get('/begin');
      return { browser, middleware, errors };
    };
    const data = async (browser) => {
      const { cookie: _, ...rest } = await browser.json('/read');
      return rest;
    };

    test('300 at once all count', async (t) => {
      const { browser } = await begin(t);
      const answers = await Promise.all(Array.from({ length: 300 }, () => browser.clone().json('/add')));
      assert.deepEqual(
        answers.toSorted((a, b) => a - b),
        Array.from({ length: 300 }, (_, i) => i + 1),
      );
      assert.deepEqual(await data(browser), { n: 300 });
    });

    test('sees what is stored now, keeps what the request changed, runs again on conflict', async (t) => {
      const entered = gate();
      const leave = gate();
      const seen = [];
      const { browser } = await begin(t, {
        '/slow': async (req, res) => {
          req.session.mine = 1;
          const value = await req.session.transact(async (stored) => {
            seen.push({ ...stored });
            if (seen.length === 1) {
              entered.open();
              await leave.opened;
            }
            stored.n += 1;
            return 'done';
          });
          res.json({ value, n: req.session.n, mine: req.session.mine, other: req.session.other });
        },
        '/other': (req, res) => {
          req.session.n = 10;
          req.session.other = 2;
          res.end();
        },
      });
      const late = browser.clone().json('/slow');
      await entered.opened;
      await browser.get('/other');
      leave.open();
      assert.deepEqual(await late, { value: 'done', n: 11, mine: 1, other: 2 });
      assert.deepEqual(seen, [{ n: 0 }, { n: 10, other: 2 }]);
      assert.deepEqual(await data(browser), { n: 11, mine: 1, other: 2 });
    });

    test('a new session, a callback, a function that fails, what is no function', async (t) => {
      const { browser } = await begin(t, {
        '/callback': (req, res) => req.session.transact(add, (error, value) => res.json({ error, value })),
        '/fails': async (req, res) => {
          await assert.rejects(
            req.session.transact((stored) => {
              stored.n = 100;
              throw new RangeError('not today');
            }),
            RangeError,
          );
          await assert.rejects(req.session.transact(), TypeError);
          res.json({ n: req.session.n });
        },
      });
      const fresh = new Browser(browser.url);
      assert.equal(await fresh.json('/add'), 1);
      assert.deepEqual(await data(fresh), { n: 1 });
      assert.deepEqual(await fresh.json('/callback'), { error: null, value: 2 });
      assert.deepEqual(await fresh.json('/fails'), { n: 2 });
      assert.deepEqual(await data(fresh), { n: 2 });
    });

    test('a session that was ended: the transaction, and an automatic commit, say so', async (t) => {
      const entered = [gate(), gate()];
      const leave = gate();
      const { browser, middleware } = await begin(t, {
        '/transact': async (req, res) => {
          assert.equal(req.session.n, 0);
          entered[0].open();
          await leave.opened;
          await assert.rejects(req.session.transact(add), { code: 'ERR_SESSION_GONE' });
          res.end('told');
        },
        '/write': async (req, res) => {
          req.session.n = 7;
          entered[1].open();
          await leave.opened;
          res.end('done');
        },
      });
      const told = once(middleware, 'gone');
      const answers = ['/transact', '/write'].map((path) => browser.clone().get(path));
      await Promise.all(entered.map((one) => one.opened));
      await browser.get('/out');
      leave.open();
      assert.deepEqual(
        (await Promise.all(answers)).map(({ body }) => body),
        ['told', 'done'],
      );
      const [error, req] = await told;
      assert.equal(error.code, 'ERR_SESSION_GONE');
      assert.equal(req.url, '/write');
    });

    test('a write beside a login is kept in the session that follows, and the old id gives nothing', async (t) => {
      for (const genid of [undefined, () => `own-${Math.random()}-${'x'.repeat(40)}`]) {
        const entered = gate();
        const leave = gate();
        const { browser } = await begin(
          t,
          {
            '/slow': async (req, res) => {
              req.session.n += 1;
              req.session.item = 1;
              entered.open();
              await leave.opened;
              res.end();
            },
            '/login': async (req, res) => {
              await req.session.regenerate({ keep: true });
              req.session.n = 100;
              res.end();
            },
          },
          genid && { genid },
        );
        const old = browser.clone();
        const late = old.clone().get('/slow');
        await entered.opened;
        await browser.get('/login');
        leave.open();
        const answer = await late;
        assert.equal(answer.status, 200);
        assert.deepEqual(answer.setCookie, []);
        assert.deepEqual(await data(browser), { n: 100, item: 1 });
        assert.deepEqual(await data(old), {});
      }
    });

    test('what was written before a login that had read already is kept', async (t) => {
      const entered = gate();
      const leave = gate();
      const { browser } = await begin(t, {
        '/login': async (req, res) => {
          req.session.user = 'ann';
          entered.open();
          await leave.opened;
          await req.session.regenerate({ keep: true });
          res.json({ item: req.session.item, user: req.session.user });
        },
        '/write': (req, res) => {
          req.session.item = 1;
          res.end();
        },
      });
      const late = browser.json('/login');
      await entered.opened;
      await browser.clone().get('/write');
      leave.open();
      assert.deepEqual(await late, { item: 1, user: 'ann' });
      assert.deepEqual(await data(browser), { n: 0, item: 1, user: 'ann' });
    });

    test('regenerate of a session that another caller ended keeps nothing, empty or not', async (t) => {
      for (const stored of [{}, { a: 1 }]) {
        const entered = gate();
        const leave = gate();
        const { browser, middleware } = await begin(t, {
          '/set': async (req, res) => {
            req.session.n = undefined;
            Object.assign(req.session, stored);
            await req.session.save();
            res.end();
          },
          '/login': async (req, res) => {
            req.session.user = 'ann';
            entered.open();
            await leave.opened;
            await req.session.regenerate({ keep: true });
            res.json({ user: req.session.user });
          },
        });
        await browser.get('/set');
        const told = once(middleware, 'gone');
        const late = browser.clone().get('/login');
        await entered.opened;
        await browser.get('/out');
        leave.open();
        const { body, setCookie } = await late;
        assert.deepEqual(JSON.parse(body), {});
        assert.deepEqual(
          setCookie.filter((line) => !line.includes('Expires=Thu, 01 Jan 1970')),
          [],
        );
        await told;
      }
    });

    test('without a listener there is one warning, without data', async (t) => {
      const entered = gate();
      const leave = gate();
      const { browser } = await begin(t, {
        '/write': async (req, res) => {
          req.session.secret = 'hunter2';
          entered.open();
          await leave.opened;
          res.end();
        },
      });
      const warned = new Promise((resolve) => {
        const listen = (warning) => {
          if (warning.code !== 'ERR_SESSION_GONE') return;
          process.off('warning', listen);
          resolve(warning);
        };
        process.on('warning', listen);
      });
      const late = browser.clone().get('/write');
      await entered.opened;
      await browser.get('/out');
      leave.open();
      await late;
      assert.doesNotMatch((await warned).message, /hunter2/);
    });
  });
}
