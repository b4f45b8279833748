'use strict';

// Requests of one session that overlap: nothing is lost, and a session that was ended stays ended.

const assert = require('node:assert/strict');
const { test, describe } = require('node:test');
const { Redis, fileStore, gate, memoryStore, start } = require('./support.js');

const STORES = {
  memory: () => memoryStore(),
  file: (t) => fileStore(t),
  redis: async (t) => (await Redis.start(t)).url,
};

for (const [kind, makeStore] of Object.entries(STORES)) {
  describe(`overlapping requests on ${kind}`, () => {
    // One slow request, which has read its session and waits, with whatever the test does meanwhile.
    const withSlow = async (t, slow, routes, options = {}) => {
      const entered = gate();
      const leave = gate();
      const errors = [];
      const browser = await start(
        t,
        {
          '/begin': (req, res) => {
            req.session.user = 'ann';
            res.end();
          },
          '/slow': async (req, res) => {
            const before = req.session.user;
            entered.open();
            await leave.opened;
            slow(req, res, before);
          },
          '/read': (req, res) => res.json(req.session),
          ...routes,
        },
        { store: await makeStore(t), ...options },
        (error) => errors.push(error),
      );
      await browser.get('/begin');
      const answer = browser.clone().get('/slow');
      await entered.opened;
      return { browser, leave: leave.open, answer, errors };
    };

    test('writes to different keys are both kept', async (t) => {
      const { browser, leave, answer } = await withSlow(
        t,
        (req, res) => {
          req.session.slow = 1;
          res.end();
        },
        {
          '/fast': (req, res) => {
            req.session.fast = 2;
            res.end();
          },
        },
      );
      await browser.get('/fast');
      leave();
      await answer;
      const { user, slow, fast } = await browser.json('/read');
      assert.deepEqual({ user, slow, fast }, { user: 'ann', slow: 1, fast: 2 });
    });

    test('a logout is not undone by a slow request that writes', async (t) => {
      const { browser, leave, answer } = await withSlow(
        t,
        (req, res) => {
          req.session.slow = 1;
          res.end('done');
        },
        { '/logout': async (req, res) => res.end(String(await req.session.destroy())) },
      );
      const stolen = browser.clone();
      await browser.get('/logout');
      leave();
      const late = await answer;
      assert.equal(late.status, 200);
      assert.equal(late.body, 'done');
      assert.deepEqual(late.setCookie, []);
      assert.equal((await stolen.json('/read')).user, undefined);
    });

    test('a login under a new id is not undone by a slow request under the old one', async (t) => {
      const { browser, leave, answer } = await withSlow(
        t,
        (req, res) => {
          req.session.slow = 1;
          res.end();
        },
        {
          '/login': async (req, res) => {
            await req.session.regenerate();
            req.session.login = true;
            res.end();
          },
        },
      );
      await browser.get('/login');
      leave();
      const late = await answer;
      assert.deepEqual(late.setCookie, []);
      const { login, slow, user } = await browser.json('/read');
      assert.deepEqual({ login, slow, user }, { login: true, slow: undefined, user: undefined });
    });

    test('an explicit save of a session that was ended says so', async (t) => {
      const { browser, leave, answer } = await withSlow(
        t,
        async (req, res) => {
          req.session.slow = 1;
          await assert.rejects(req.session.save(), { code: 'ERR_SESSION_GONE', status: 409 });
          res.end('told');
        },
        { '/logout': async (req, res) => res.end(String(await req.session.destroy())) },
      );
      await browser.get('/logout');
      leave();
      assert.equal((await answer).body, 'told');
    });

    test('regenerate({ keep: true }) does not carry a session on that was ended meanwhile', async (t) => {
      const { browser, leave, answer } = await withSlow(
        t,
        async (req, res) => {
          await req.session.regenerate({ keep: true });
          res.json({ user: req.session.user });
        },
        { '/logout': async (req, res) => res.end(String(await req.session.destroy())) },
      );
      await browser.get('/logout');
      leave();
      assert.deepEqual(JSON.parse((await answer).body), {});
    });

    test('a cart that is a list keeps what five requests push at once', async (t) => {
      const entered = gate();
      let inside = 0;
      const browser = await start(
        t,
        {
          '/push': async (req, res) => {
            const { searchParams } = new URL(req.url, 'http://localhost');
            // biome-ignore lint/suspicious/noAssignInExpressions: as every tutorial has it
            const list = req.session.items ?? (req.session.items = []);
            if (searchParams.has('together')) {
              inside += 1;
              if (inside === 5) entered.open();
              await entered.opened;
            }
            list.push(Number(searchParams.get('item')));
            req.session.visits = (req.session.visits ?? 0) + 1;
            res.end();
          },
          '/read': (req, res) => res.json(req.session),
        },
        { store: await makeStore(t), merge: { visits: 'sum' } },
      );
      await browser.get('/push?item=0');
      await Promise.all([1, 2, 3, 4, 5].map((item) => browser.clone().get(`/push?together&item=${item}`)));
      const { items, visits } = await browser.json('/read');
      assert.equal(items[0], 0);
      assert.deepEqual(items.toSorted(), [0, 1, 2, 3, 4, 5]);
      assert.equal(visits, 6);
    });

    test("one key changed by both: the policy 'mine', 'theirs' or 'reject'", async (t) => {
      for (const [onConflict, expected] of [
        ['mine', 'slow'],
        ['theirs', 'fast'],
        ['reject', 'fast'],
      ]) {
        const { browser, leave, answer, errors } = await withSlow(
          t,
          (req, res) => {
            req.session.key = 'slow';
            res.end();
          },
          {
            '/fast': (req, res) => {
              req.session.key = 'fast';
              res.end();
            },
          },
          { onConflict },
        );
        await browser.get('/fast');
        leave();
        const late = await answer;
        assert.equal(late.status, onConflict === 'reject' ? 409 : 200, onConflict);
        assert.deepEqual(
          errors.map((error) => error.code),
          onConflict === 'reject' ? ['ERR_SESSION_CONFLICT'] : [],
        );
        assert.equal((await browser.json('/read')).key, expected, onConflict);
      }
    });

    test("after save, another request's changes are visible and survive the end of the request", async (t) => {
      const { browser, leave, answer } = await withSlow(
        t,
        async (req, res) => {
          req.session.slow = 1;
          await req.session.save();
          const seen = req.session.fast;
          req.session.later = 3;
          res.json({ seen });
        },
        {
          '/fast': (req, res) => {
            req.session.fast = 2;
            delete req.session.user;
            res.end();
          },
        },
      );
      await browser.get('/fast');
      leave();
      assert.deepEqual(JSON.parse((await answer).body), { seen: 2 });
      const { user, slow, fast, later } = await browser.json('/read');
      assert.deepEqual({ user, slow, fast, later }, { user: undefined, slow: 1, fast: 2, later: 3 });
    });

    test('many clients that keep writing one session: every one of them gets through', async (t) => {
      const browser = await start(
        t,
        {
          '/add': (req, res) => {
            req.session.last = req.query.n;
            req.session[`k${req.query.n}`] = 1;
            res.end();
          },
          '/read': (req, res) => res.json(Object.keys(req.session).filter((key) => key.startsWith('k')).length),
        },
        { store: await makeStore(t) },
      );
      await browser.get('/add?n=begin');
      const client = async (name) => {
        for (let i = 0; i < 30; ++i) assert.equal((await browser.clone().get(`/add?n=${name}-${i}`)).status, 200);
      };
      await Promise.all(Array.from({ length: 16 }, (_, name) => client(name)));
      assert.equal(await browser.json('/read'), 16 * 30 + 1);
    });

    test('a hundred requests at once that each add a key: none is lost', async (t) => {
      const browser = await start(
        t,
        {
          '/begin': (req, res) => {
            req.session.begun = true;
            res.end();
          },
          '/add': async (req, res) => {
            const session = req.session;
            await new Promise(setImmediate);
            session[`k${req.query.n}`] = 1;
            res.end();
          },
          '/read': (req, res) => res.json(Object.keys(req.session).length),
        },
        { store: await makeStore(t) },
      );
      await browser.get('/begin');
      const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => browser.get(`/add?n=${n}`)));
      const stored = answers.filter((answer) => answer.status === 200).length;
      // A hundred compare-and-sets race, and each round lets one of them through.
      assert.equal(stored, 100);
      assert.equal(await browser.json('/read'), 102); // begun, cookie and the hundred
    });
  });
}
