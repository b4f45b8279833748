'use strict';

// A session's life in Express 5, Express 4 and plain http, on each kind of store: what an application relies on.

const assert = require('node:assert/strict');
const { test, describe } = require('node:test');
const { Browser, FRAMEWORKS, Redis, SECRET, fileStore, memoryStore, serve, session } = require('./support.js');

const json = (res, value) => {
  res.setHeader('Content-Type', 'application/json');
  res.end(JSON.stringify(value ?? null));
};

const ROUTES = {
  '/untouched': (_req, res) => res.end('ok'),
  '/read': (req, res) => json(res, { user: req.session.user, id: req.sessionID }),
  '/write': (req, res) => {
    req.session.user = { name: 'ann', tags: ['a', 'ü', '🍪'], n: 1.5, none: null };
    json(res, { id: req.session.id });
  },
  '/same': (req, res) => {
    req.session.user = { ...req.session.user };
    res.end();
  },
  '/remove': (req, res) => {
    delete req.session.user;
    res.end();
  },
  '/destroy': (req, res) => {
    req.session.destroy((error) => json(res, { error, session: typeof req.session }));
  },
  '/regenerate': (req, res) => {
    const before = req.session;
    req.session.regenerate((error) => {
      req.session.login = true;
      json(res, { error, empty: req.session.user === undefined, other: req.session !== before });
    });
  },
  '/regenerate-keep': async (req, res) => {
    await req.session.regenerate({ keep: true });
    json(res, { user: req.session.user });
  },
  '/save': async (req, res) => {
    req.session.saved = 1;
    await req.session.save();
    const { cookie: _cookie, ...again } = await req.sessionStore.get(req.sessionID);
    json(res, again);
  },
  '/reload': async (req, res) => {
    const before = req.session;
    before.user = 'unsaved';
    await req.session.reload();
    json(res, { user: req.session.user, other: before !== req.session });
  },
  '/keys': (req, res) => json(res, { keys: Object.keys(req.session), same: req.session.req === req, all: req.session }),
  '/null': (req, res) => {
    req.session = null;
    res.end();
  },
  '/replace': (req, res) => {
    req.session = { user: 'replaced' };
    res.end();
  },
};

const STORES = {
  memory: () => memoryStore(),
  file: (t) => fileStore(t),
  redis: async (t) => (await Redis.start(t)).url,
};

for (const [framework, makeApp] of Object.entries(FRAMEWORKS)) {
  for (const [kind, makeStore] of Object.entries(STORES)) {
    describe(`${framework} on ${kind}`, () => {
      const app = async (t, options = {}) => {
        const middleware = session({ secret: SECRET, store: await makeStore(t), ...options });
        return new Browser(await serve(t, makeApp(middleware, ROUTES)));
      };

      test('a session nobody changes is not stored and sets no cookie', async (t) => {
        const browser = await app(t);
        for (const path of ['/untouched', '/read', '/keys']) {
          assert.deepEqual((await browser.get(path)).setCookie, [], path);
        }
      });

      test('what was written is read by the next request, under the same id, and the cookie is set once', async (t) => {
        const browser = await app(t);
        const written = await browser.get('/write');
        assert.equal(written.setCookie.length, 1);
        assert.match(written.setCookie[0], /^session=s%3A[\w-]{43}\.[^;]+; Path=\/; HttpOnly; SameSite=Lax$/);
        const read = await browser.get('/read');
        assert.deepEqual(JSON.parse(read.body), {
          user: { name: 'ann', tags: ['a', 'ü', '🍪'], n: 1.5, none: null },
          id: JSON.parse(written.body).id,
        });
        assert.deepEqual(read.setCookie, []);
        assert.deepEqual((await browser.get('/same')).setCookie, []);
      });

      test('a removed key is gone', async (t) => {
        const browser = await app(t);
        await browser.get('/write');
        await browser.get('/remove');
        assert.equal((await browser.json('/read')).user, undefined);
      });

      test('destroy ends the session in the store and in the browser', async (t) => {
        const browser = await app(t);
        await browser.get('/write');
        const stolen = browser.clone();
        const ended = await browser.get('/destroy');
        assert.deepEqual(JSON.parse(ended.body), { session: 'undefined' });
        assert.match(ended.setCookie[0], /^session=; Path=\/; Expires=Thu, 01 Jan 1970 00:00:00 GMT/);
        assert.equal(browser.jar.size, 0);
        assert.equal((await stolen.json('/read')).user, undefined);
      });

      test('regenerate gives an empty session under a new id and ends the old one', async (t) => {
        const browser = await app(t);
        await browser.get('/write');
        const old = browser.clone();
        const before = browser.cookieHeader();
        assert.deepEqual(await browser.json('/regenerate'), { empty: true, other: true });
        assert.notEqual(browser.cookieHeader(), before);
        assert.equal((await browser.json('/read')).user, undefined);
        assert.equal((await browser.json('/keys')).all.login, true);
        assert.equal((await old.json('/read')).user, undefined);
      });

      test('regenerate({ keep: true }) takes the data along', async (t) => {
        const browser = await app(t);
        await browser.get('/write');
        const old = browser.clone();
        assert.equal((await browser.json('/regenerate-keep')).user.name, 'ann');
        assert.equal((await browser.json('/read')).user.name, 'ann');
        assert.equal((await old.json('/read')).user, undefined);
      });

      test('save stores before the response; reload reads again into a new object', async (t) => {
        const browser = await app(t);
        assert.deepEqual(await browser.json('/save'), { saved: 1 });
        await browser.get('/write');
        assert.deepEqual(await browser.json('/reload'), {
          user: { name: 'ann', tags: ['a', 'ü', '🍪'], n: 1.5, none: null },
          other: true,
        });
      });

      test('only data and cookie are enumerable', async (t) => {
        const browser = await app(t);
        await browser.get('/write');
        const { keys, same, all } = await browser.json('/keys');
        assert.deepEqual(keys, ['cookie', 'user']);
        assert.equal(same, true);
        assert.deepEqual(all.cookie, {
          originalMaxAge: null,
          expires: null,
          secure: false,
          httpOnly: true,
          path: '/',
          sameSite: 'lax',
        });
      });

      test("req.session = null keeps the stored session, or ends it with unset: 'destroy'", async (t) => {
        const keeps = await app(t);
        await keeps.get('/write');
        await keeps.get('/null');
        assert.equal((await keeps.json('/read')).user.name, 'ann');
        const destroys = await app(t, { unset: 'destroy' });
        await destroys.get('/write');
        const stolen = destroys.clone();
        assert.match((await destroys.get('/null')).setCookie[0], /^session=;/);
        assert.equal((await stolen.json('/read')).user, undefined);
      });

      test('an object assigned to req.session replaces the data', async (t) => {
        const browser = await app(t);
        await browser.get('/write');
        await browser.get('/replace');
        const read = await browser.json('/read');
        assert.equal(read.user, 'replaced');
      });
    });
  }
}

describe('the shared prototypes of Express', () => {
  const express = require('express');
  const middleware = () => session({ secret: SECRET, store: memoryStore() });

  test('a session made in a mounted application is committed also when the outer one answers', async (t) => {
    const inner = express().use(middleware());
    inner.get('/', (req, _res, next) => {
      req.session.n = (req.session.n ?? 0) + 1;
      next();
    });
    const outer = express().use('/inner', inner);
    outer.get('/inner', (req, res) => json(res, { n: req.session.n }));
    const browser = new Browser(await serve(t, outer));
    assert.equal((await browser.get('/inner')).setCookie.length, 1);
    assert.deepEqual(await browser.json('/inner'), { n: 2 });
  });

  test('an application without a session, and one with express-session, in the same process are as ever', async (t) => {
    const ours = express().use(middleware());
    ours.get('/', (req, res) => json(res, { id: req.sessionID }));
    await new Browser(await serve(t, ours)).get('/');

    const plain = express();
    plain.get('/', (req, res) => {
      const before = [typeof req.session, typeof req.sessionID, typeof req.sessionStore];
      req.sessionID = 'own';
      json(res, [...before, req.sessionID]);
    });
    assert.deepEqual(await new Browser(await serve(t, plain)).json('/'), [
      'undefined',
      'undefined',
      'undefined',
      'own',
    ]);

    const theirs = express().use(
      require('express-session')({ secret: SECRET, resave: false, saveUninitialized: true }),
    );
    theirs.get('/', (req, res) => json(res, { same: req.sessionID === req.session.id }));
    const answer = await new Browser(await serve(t, theirs)).get('/');
    assert.deepEqual(JSON.parse(answer.body), { same: true });
    assert.match(answer.setCookie[0], /^connect\.sid=/);
  });

  test('delete req.session is the same as setting it to null', async (t) => {
    const app = express().use(session({ secret: SECRET, store: memoryStore(), unset: 'destroy' }));
    app.get('/write', (req, res) => {
      req.session.n = 1;
      res.end();
    });
    app.get('/delete', (req, res) => {
      delete req.session;
      res.end(typeof req.session);
    });
    const browser = new Browser(await serve(t, app));
    await browser.get('/write');
    const answer = await browser.get('/delete');
    assert.equal(answer.body, 'undefined');
    assert.match(answer.setCookie[0], /^session=;/);
  });
});
