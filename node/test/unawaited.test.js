'use strict';

// What a program does right after an operation that it does not wait for means the same on every store: one that
// answers within the call, and one that answers later.

const assert = require('node:assert/strict');
const { after, before, describe, test } = require('node:test');
const { Redis, fileStore, memoryStore, start } = require('./support.js');

let redis;
before(async () => {
  const stopped = [];
  redis = await Redis.start({ after: (stop) => stopped.push(stop) });
  redis.over = () => Promise.all(stopped.map((stop) => stop()));
});
after(() => redis.over());

let made = 0;
const STORES = {
  memory: () => memoryStore(),
  file: (t) => fileStore(t),
  redis: () => `${redis.url}?timeout=5000&prefix=unawaited-${++made}:`,
};

const state = (req, res) => {
  const { cookie: _, ...data } = req.session;
  res.json({ data, id: req.sessionID, age: req.session.cookie.originalMaxAge });
};

// Each `act` runs on a session that holds { n: 1, list: ['a'] }, and awaits nothing.
const CASES = {
  'regenerate, then a change': {
    act: (req) => {
      req.session.regenerate();
      req.session.user = 'ada';
    },
    data: { user: 'ada' },
    renewed: true,
  },
  'regenerate by callback, then a change': {
    act: (req) => {
      req.session.regenerate(() => {});
      req.session.user = 'ada';
    },
    data: { user: 'ada' },
    renewed: true,
  },
  'regenerate({ keep: true }), then a change': {
    act: (req) => {
      req.session.regenerate({ keep: true });
      req.session.user = 'ada';
    },
    data: { n: 1, list: ['a'], user: 'ada' },
    renewed: true,
  },
  'save, then regenerate, then a change': {
    act: (req) => {
      req.session.n = 2;
      req.session.save();
      req.session.regenerate();
      req.session.user = 'ada';
    },
    data: { user: 'ada' },
    renewed: true,
  },
  'two saves, then regenerate({ keep: true })': {
    act: (req) => {
      req.session.n = 2;
      req.session.save();
      req.session.save();
      req.session.regenerate({ keep: true });
      req.session.n = 3;
    },
    data: { n: 3, list: ['a'] },
    renewed: true,
  },
  'transact, then regenerate, then a change': {
    act: (req) => {
      req.session.transact((data) => {
        data.n += 1;
      });
      req.session.regenerate();
      req.session.user = 'ada';
    },
    data: { user: 'ada' },
    renewed: true,
  },
  'reload, then regenerate, then a change': {
    act: (req) => {
      req.session.reload();
      req.session.regenerate();
      req.session.user = 'ada';
    },
    data: { user: 'ada' },
    renewed: true,
  },
  'regenerate twice, then save': {
    act: (req) => {
      req.session.regenerate();
      req.session.lost = true;
      req.session.regenerate();
      req.session.user = 'ada';
      req.session.save();
    },
    data: { user: 'ada' },
    renewed: true,
  },
  'destroy, then another session': {
    act: (req) => {
      req.session.destroy();
      req.session = { user: 'ada' };
    },
    data: { user: 'ada' },
    renewed: true,
  },
  'reload, then a change': {
    act: (req) => {
      req.session.n = 99;
      req.session.reload();
      req.session.user = 'ada';
    },
    data: { n: 1, list: ['a'], user: 'ada' },
  },
  'save, then a change': {
    act: (req) => {
      req.session.n = 2;
      req.session.save();
      req.session.list.push('b');
    },
    data: { n: 2, list: ['a', 'b'] },
  },
  "save, then a change of the cookie's age": {
    act: (req) => {
      req.session.cookie.maxAge = 50_000;
      req.session.save();
      req.session.cookie.maxAge = 70_000;
    },
    data: { n: 1, list: ['a'] },
    age: 70_000,
  },
};

for (const [kind, url] of Object.entries(STORES)) {
  describe(`not awaited, on ${kind}`, () => {
    for (const [name, { act, data, renewed, age }] of Object.entries(CASES)) {
      test(name, async (t) => {
        let shown;
        const browser = await start(
          t,
          {
            '/begin': (req, res) => {
              Object.assign(req.session, { n: 1, list: ['a'] });
              res.end();
            },
            '/act': (req, res) => {
              act(req);
              shown = req.sessionID;
              res.end();
            },
            '/state': state,
          },
          { store: url(t) },
        );
        await browser.get('/begin');
        const old = browser.clone();
        const before = await browser.json('/state');
        const answer = await browser.get('/act');
        assert.equal(answer.status, 200, answer.body);
        const now = await browser.json('/state');
        assert.deepEqual(now.data, data);
        assert.equal(now.id, shown, 'the id that was seen right after');
        assert.equal(now.id !== before.id, renewed === true);
        if (age !== undefined) assert.equal(now.age, age);
        if (renewed) assert.deepEqual((await old.json('/state')).data, {});
      });
    }

    test('a new session: the id right after its save is the one that it is stored under', async (t) => {
      let shown;
      const browser = await start(
        t,
        {
          '/begin': (req, res) => {
            req.session.n = 1;
            req.session.save();
            shown = req.sessionID;
            res.end();
          },
          '/state': state,
        },
        { store: url(t) },
      );
      await browser.get('/begin');
      assert.equal((await browser.json('/state')).id, shown);
    });

    test('destroy: there is no session right after', async (t) => {
      let shown;
      const browser = await start(
        t,
        {
          '/begin': (req, res) => {
            req.session.n = 1;
            res.end();
          },
          '/out': (req, res) => {
            req.session.save();
            req.session.destroy();
            shown = req.session;
            res.end();
          },
          '/state': state,
        },
        { store: url(t) },
      );
      await browser.get('/begin');
      const old = browser.clone();
      await browser.get('/out');
      assert.equal(shown, undefined);
      assert.deepEqual((await old.json('/state')).data, {});
    });

    test('a reload that finds nothing leaves the request its session', async (t) => {
      const browser = await start(
        t,
        {
          '/': (req, res) => {
            req.session.n = 1;
            const { session } = req;
            const failed = session.reload();
            req.session.m = 2;
            failed.catch((error) => {
              res.json({ same: req.session === session, n: session.n, m: session.m, error: error.message });
            });
          },
          '/state': state,
        },
        { store: url(t) },
      );
      const { error, ...rest } = await browser.json('/');
      assert.equal(error, 'failed to load session');
      assert.equal(rest.n, 1);
      assert.equal(rest.same, true);
      assert.deepEqual((await browser.json('/state')).data, { n: 1, m: 2 });
    });
  });
}

test('on a store that does not answer, a regenerate that failed leaves the request its session', async (t) => {
  const own = await Redis.start(t);
  const browser = await start(
    t,
    {
      '/begin': (req, res) => {
        req.session.n = 1;
        res.end();
      },
      '/act': async (req, res) => {
        const { n } = req.session;
        const { session, sessionID } = req;
        own.freeze();
        const asked = req.query.keep ? session.regenerate({ keep: true }) : session.regenerate();
        const other = req.sessionID !== sessionID;
        const error = await asked.catch((error) => error);
        own.thaw();
        req.session.after = true;
        res.json({ n, code: error.code, other, back: req.session === session && req.sessionID === sessionID });
      },
      '/state': state,
    },
    { store: `${own.url}?timeout=1000` },
  );
  for (const query of ['', '?keep=1']) {
    await browser.get('/begin');
    const answer = await browser.json(`/act${query}`);
    assert.match(answer.code, /^ERR_STORE_/);
    assert.deepEqual([answer.n, answer.other, answer.back], [1, true, true]);
  }
});
