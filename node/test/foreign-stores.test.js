'use strict';

// The stores that applications have today, as their packages are: under `coatcheck` and under `coatcheck/v1`, over real
// HTTP. And what none of express-session's faults is left of there (docs/express-session.md).

const assert = require('node:assert/strict');
const fs = require('node:fs');
const http2 = require('node:http2');
const { once } = require('node:events');
const os = require('node:os');
const path = require('node:path');
const { test, describe } = require('node:test');
const express = require('express');
const flash = require('connect-flash');
const v1 = require('../v1.js');
const { passportApp } = require('./passport-app.js');
const { Browser, Redis, SECRET, serve, session } = require('./support.js');

const ENTRIES = { coatcheck: session, 'coatcheck/v1': v1 };
const OPTIONS = { secret: SECRET, resave: false, saveUninitialized: false };

// Each opens a store of a package for one of our entries.
const STORES = {
  memorystore: (entry) => new (require('memorystore')(entry))({ checkPeriod: 86_400_000 }),
  'session-file-store': (entry, t) => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'coatcheck-'));
    t.after(() => fs.rmSync(directory, { recursive: true, force: true }));
    const Store = require('session-file-store')(entry);
    return new Store({ path: directory, logFn: () => {}, retries: 0, reapInterval: -1 });
  },
  'connect-redis': async (_entry, t) => {
    const { RedisStore } = require('connect-redis');
    return new RedisStore({ client: await redisClient(t) });
  },
  'connect-redis 6': async (entry, t) => {
    const client = await redisClient(t);
    const Store = require('connect-redis6')(entry);
    // Written for the client of its day, which takes callbacks.
    const old = {
      get: (key, done) => client.get(key).then((value) => done(null, value), done),
      set: ([key, value, , seconds], done) =>
        client.set(key, value, { EX: Number(seconds) }).then(() => done(null), done),
      del: (key, done) => client.del(key).then(() => done(null), done),
      expire: (key, seconds, done) => client.expire(key, seconds).then((found) => done(null, found), done),
    };
    return new Store({ client: old });
  },
};

async function redisClient(t) {
  const { createClient } = require('redis');
  const client = createClient({ url: (await Redis.start(t)).url });
  client.on('error', () => {}); // the server is stopped first
  await client.connect();
  t.after(() => client.destroy());
  return client;
}

// A browser that keeps its cookies.
function browser(base) {
  const own = new Browser(base);
  return async (url, init) => {
    const { body, ...answer } = await own.get(url, init);
    return { ...answer, text: body, jar: own.jar };
  };
}

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function cart(middleware) {
  const app = express();
  app.use(middleware);
  app.get('/add/:item', async (req, res) => {
    req.session.items ??= [];
    const { items } = req.session;
    await wait(10);
    items.push(req.params.item);
    res.send('added');
  });
  app.get('/items', (req, res) => res.json(req.session.items ?? []));
  app.get('/slow-write', async (req, res) => {
    await wait(100);
    req.session.late = true;
    res.send('written');
  });
  app.get('/login', (req, res, next) => {
    req.session.regenerate((error) => {
      if (error) return next(error);
      req.session.user = 'u';
      return res.send('in');
    });
  });
  app.get('/logout', (req, res, next) => req.session.destroy((error) => (error ? next(error) : res.send('out'))));
  app.get('/all', (req, res) => res.json({ ...req.session, cookie: undefined, __lastAccess: undefined }));
  app.use((error, _req, res, _next) => {
    res.status(error.status ?? 500).send(`error: ${error.message}`);
  });
  return app;
}

for (const [entryName, entry] of Object.entries(ENTRIES)) {
  for (const [storeName, open] of Object.entries(STORES)) {
    test(`${entryName} on ${storeName}`, async (t) => {
      const store = await open(entry, t);
      const base = await serve(t, cart(entry({ ...OPTIONS, store, cookie: { maxAge: 60_000 } })));
      const go = browser(base);
      await go('/add/0');
      await Promise.all([1, 2, 3, 4, 5].map((i) => go(`/add/${i}`)));
      const items = JSON.parse((await go('/items')).text);
      assert.deepEqual(items.sort(), ['0', '1', '2', '3', '4', '5']);

      const [{ jar }] = [await go('/items')];
      const old = jar.get('connect.sid');
      assert.equal((await go('/login')).text, 'in');
      assert.notEqual(jar.get('connect.sid'), old);
      assert.deepEqual(JSON.parse((await go('/all')).text), { user: 'u' });

      // A logout while another request is at work is not undone.
      const slow = go('/slow-write');
      await wait(30);
      await go('/logout');
      await slow;
      assert.deepEqual(JSON.parse((await go('/all')).text), {});
      const { text } = await go('/all', { headers: { cookie: `connect.sid=${old}` } });
      assert.deepEqual(JSON.parse(text), {});
    });
  }
}

// ---- express-session's faults

// A store that an application might have written: answers by callback, at once.
class MapStore extends v1.Store {
  sessions = new Map();
  sets = 0;
  get(sid, done) {
    done(null, this.sessions.has(sid) ? JSON.parse(this.sessions.get(sid)) : undefined);
  }
  set(sid, sess, done) {
    this.sets += 1;
    this.sessions.set(sid, JSON.stringify(sess));
    done();
  }
  destroy(sid, done) {
    this.sessions.delete(sid);
    done();
  }
}

const answers = (handler) => (middleware) => {
  const app = express();
  app.use(middleware);
  app.use(handler);
  app.use((error, _req, res, _next) => {
    res.status(error.status ?? 500).send(`error: ${error.code ?? error.message}`);
  });
  return app;
};

for (const [entryName, entry] of Object.entries(ENTRIES)) {
  describe(`none of express-session's faults: ${entryName}`, () => {
    const serveWith = (t, store, handler, options) =>
      serve(t, answers(handler)(entry({ ...OPTIONS, store, ...options })));

    test('a value that JSON can not hold is a 500 that says where', async (t) => {
      const base = await serveWith(t, new MapStore(), (req, res) => {
        req.session.big = req.url === '/big' ? 1n : undefined;
        if (req.url === '/cycle') req.session.self = req.session;
        res.end('x');
      });
      for (const url of ['/big', '/cycle']) {
        const answer = await browser(base)(url);
        assert.deepEqual([answer.status, answer.text], [500, 'error: ERR_NOT_SERIALISABLE'], url);
      }
    });

    test('a store that never answers ends at the deadline', async (t) => {
      for (const method of ['get', 'set']) {
        const store = new MapStore();
        const base = await serveWith(
          t,
          store,
          (req, res) => {
            req.session.n = (req.session.n ?? 0) + 1;
            res.end('x');
          },
          { deadline: 50 },
        );
        const go = browser(base);
        assert.equal((await go('/')).status, 200);
        store[method] = () => {};
        const answer = await go('/');
        // v1 completes a response whose session could not be stored, as express-session does.
        const expected = entry === v1 && method === 'set' ? 200 : 503;
        assert.equal(answer.status, expected, method);
        if (expected === 503) assert.equal(answer.text, 'error: ERR_STORE_TIMEOUT');
      }
    });

    test('a store whose methods are async functions that throw', async (t) => {
      const store = new MapStore();
      const base = await serveWith(t, store, (req, res) => {
        req.session.n = 1;
        res.end('x');
      });
      const go = browser(base);
      await go('/');
      store.get = async () => {
        throw new Error('boom');
      };
      assert.deepEqual((await go('/')).text, 'error: boom');
    });

    test('a store that fails at reading does not lose the session, whatever `unset` says', async (t) => {
      const store = new MapStore();
      const base = await serveWith(
        t,
        store,
        (req, res) => {
          req.session.n = (req.session.n ?? 0) + 1;
          res.end(`${req.session.n}`);
        },
        { unset: 'destroy' },
      );
      const go = browser(base);
      await go('/');
      store.get = (_sid, done) => done(new Error('boom'));
      assert.equal((await go('/')).status, 500);
      delete store.get;
      assert.equal((await go('/')).text, '2');
    });

    test('end with a callback, in all its forms', async (t) => {
      const told = [];
      const base = await serveWith(t, new MapStore(), (req, res) => {
        req.session.n = 1;
        const done = () => told.push(req.url);
        const returned = {
          '/1': () => res.end(done),
          '/2': () => res.end('a', done),
          '/3': () => res.end('61', 'hex', done),
        }[req.url]();
        assert.equal(returned, res);
      });
      const go = browser(base);
      assert.deepEqual([(await go('/1')).text, (await go('/2')).text, (await go('/3')).text], ['', 'a', 'a']);
      assert.deepEqual(told, ['/1', '/2', '/3']);
    });

    test('of several cookies of the name the valid one is found', async (t) => {
      const base = await serveWith(t, new MapStore(), (req, res) => {
        req.session.n = (req.session.n ?? 0) + 1;
        res.end(`${req.session.n}`);
      });
      const go = browser(base);
      const { jar } = await go('/');
      const cookie = `connect.sid=s%3Aforged.AAAA; connect.sid=${jar.get('connect.sid')}`;
      const answer = await browser(base)('/', { headers: { cookie } });
      assert.deepEqual([answer.status, answer.text], [200, '2']);
    });

    test('/admin is not /administrator', async (t) => {
      const base = await serveWith(t, new MapStore(), (req, res) => res.end(String(req.session !== undefined)), {
        cookie: { path: '/admin' },
      });
      const go = browser(base);
      assert.deepEqual(
        [(await go('/admin')).text, (await go('/admin/x')).text, (await go('/administrator')).text],
        ['true', 'true', 'false'],
      );
    });

    test('two middlewares on one store keep their own options', async (t) => {
      const store = new MapStore();
      const app = express();
      const renew = (req, res) =>
        req.session.regenerate(() => {
          req.session.n = 1;
          res.end(req.sessionID);
        });
      for (const name of ['a', 'b']) {
        app.use(
          `/${name}`,
          entry({ ...OPTIONS, store, name, genid: () => `${name}-${Math.random()}`, saveUninitialized: true }),
          renew,
        );
      }
      const base = await serve(t, app);
      for (const name of ['a', 'b', 'a']) {
        const answer = await browser(base)(`/${name}`);
        assert.ok(answer.text.startsWith(`${name}-`), answer.text);
        assert.ok(answer.jar.has(name));
      }
    });

    test('a cookie function may say auto', async (t) => {
      const base = await serveWith(
        t,
        new MapStore(),
        (req, res) => {
          req.session.n = 1;
          res.end('x');
        },
        { cookie: () => ({ secure: 'auto', sameSite: 'auto' }) },
      );
      const answer = await browser(base)('/');
      assert.match(answer.setCookie[0], /SameSite=Lax$/);
    });

    test('a new session after the headers is not stored, and told', async (t) => {
      const store = new MapStore();
      const middleware = entry({ ...OPTIONS, store });
      const told = once(middleware, 'late');
      const base = await serve(
        t,
        answers((req, res) => {
          res.flushHeaders();
          req.session.n = 1;
          res.end('x');
        })(middleware),
      );
      assert.equal((await browser(base)('/')).text, 'x');
      assert.equal((await told)[0].code, 'ERR_HEADERS_SENT');
      assert.equal(store.sessions.size, 0);
    });

    test('a login is one write', async (t) => {
      const store = new MapStore();
      const base = await serveWith(t, store, (req, res, next) => {
        if (req.url === '/') {
          req.session.n = 1;
          return res.end('x');
        }
        return req.session.regenerate((error) => {
          if (error) return next(error);
          req.session.user = 'u';
          return req.session.save((failure) => (failure ? next(failure) : res.end('in')));
        });
      });
      const go = browser(base);
      await go('/');
      store.sets = 0;
      assert.equal((await go('/login')).text, 'in');
      assert.equal(store.sets, 1);
    });

    test('http2', async (t) => {
      const middleware = entry({ ...OPTIONS, store: new MapStore() });
      const server = http2.createServer((req, res) =>
        middleware(req, res, () => {
          req.session.n = (req.session.n ?? 0) + 1;
          if (req.url === '/empty') {
            res.statusCode = 204;
            res.end();
          } else if (req.url === '/parts') {
            res.write('n=');
            res.end(`${req.session.n}`);
          } else res.end(`n=${req.session.n}`);
        }),
      );
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const client = http2.connect(`http://127.0.0.1:${server.address().port}`);
      t.after(() => {
        client.destroy();
        server.close();
      });
      let cookie;
      const go = (url) =>
        new Promise((resolve, reject) => {
          const stream = client.request({ ':path': url, ...(cookie && { cookie }) });
          let head;
          let text = '';
          stream.on('response', (headers) => {
            head = headers;
          });
          stream.on('data', (chunk) => {
            text += chunk;
          });
          stream.on('end', () => {
            cookie = head['set-cookie']?.[0].split(';')[0] ?? cookie;
            resolve([head[':status'], text]);
          });
          stream.on('error', reject);
        });
      assert.deepEqual(await go('/empty'), [204, '']);
      assert.deepEqual(await go('/parts'), [200, 'n=2']);
      assert.deepEqual(await go('/'), [200, 'n=3']);
    });

    test('a touch does not bring back a session that was ended meanwhile', async (t) => {
      const store = new MapStore();
      store.touch = (sid, own, done) => store.set(sid, own, done);
      const base = await serveWith(t, store, async (req, res, next) => {
        if (req.url === '/in') req.session.n = 1;
        if (req.url === '/slow') await wait(60);
        if (req.url === '/out') return req.session.destroy((error) => (error ? next(error) : res.end('out')));
        return res.end('x');
      });
      const go = browser(base);
      await go('/in');
      const slow = go('/slow');
      await wait(20);
      await go('/out');
      await slow;
      assert.equal(store.sessions.size, 0);
    });

    test('a hundred requests at once lose nothing', async (t) => {
      const store = new MapStore();
      const base = await serveWith(t, store, async (req, res) => {
        await wait(Math.random() * 20);
        req.session[req.url.slice(1)] = true;
        res.end('x');
      });
      const go = browser(base);
      await go('/first');
      await Promise.all(Array.from({ length: 100 }, (_, i) => go(`/k${i}`)));
      const [json] = store.sessions.values();
      assert.equal(Object.keys(JSON.parse(json)).length, 102); // and the cookie
    });
  });
}

test('coatcheck: a session that could not be stored is no 200, one that was ended has no cookie, caches are told', async (t) => {
  const store = new MapStore();
  const base = await serve(
    t,
    answers((req, res) => {
      if (req.url === '/out') return req.session.destroy(() => res.end('out'));
      req.session.n = (req.session.n ?? 0) + 1;
      return res.end(`${req.session.n}`);
    })(session({ ...OPTIONS, store })),
  );
  const go = browser(base);
  const first = await go('/');
  assert.equal(first.headers.vary, 'Cookie');
  assert.equal(first.headers['cache-control'], 'no-store');
  assert.match(first.setCookie[0], /HttpOnly; SameSite=Lax$/);
  store.set = (_sid, _sess, done) => done(new Error('boom'));
  const failed = await go('/');
  assert.deepEqual([failed.status, failed.text], [500, 'error: boom']);
  delete store.set;
  const out = await go('/out');
  assert.equal(out.jar.size, 0);
});

test('coatcheck: promises beside callbacks', async (t) => {
  const store = new MapStore();
  const base = await serve(
    t,
    answers(async (req, res, next) => {
      try {
        req.session.n = 1;
        await req.session.save();
        await req.session.regenerate({ keep: true });
        await req.session.save();
        await req.session.reload();
        const { n } = req.session;
        await req.session.destroy();
        res.end(`${n} ${req.session} ${store.sessions.size}`);
      } catch (error) {
        next(error);
      }
    })(session({ ...OPTIONS, store })),
  );
  assert.equal((await browser(base)('/')).text, '1 undefined 0');
});

test("coatcheck: a failure that nobody awaits is the request's", async (t) => {
  const store = new MapStore();
  store.destroy = (_sid, done) => setImmediate(done, new Error('boom'));
  const base = await serve(
    t,
    answers((req, res) => {
      req.session.destroy();
      res.end('x');
    })(session({ ...OPTIONS, store })),
  );
  assert.equal((await browser(base)('/')).text, 'error: boom');
});

test('coatcheck: an option that only its own stores have is refused by name', () => {
  const store = new MapStore();
  assert.throws(
    () => session({ ...OPTIONS, store, idleTimeout: 1 }),
    /idleTimeout option needs one of coatcheck's own stores/,
  );
  assert.throws(() => session({ ...OPTIONS, store, mode: 'jwt' }), /mode "jwt" needs one of coatcheck's own stores/);
  assert.throws(() => session({ ...OPTIONS, store: 'memory:', deadline: 1 }), /deadline option/);
});

// ---- programs that stand on sessions

const PASSPORT = {
  'coatcheck on its memory': () => session({ ...OPTIONS, store: new session.MemoryStore() }),
  'coatcheck, mode jwt': () => session({ ...OPTIONS, store: new session.MemoryStore(), mode: 'jwt' }),
  'coatcheck, mode jwe': () => session({ ...OPTIONS, store: new session.MemoryStore(), mode: 'jwe' }),
  'coatcheck on another store': () => session({ ...OPTIONS, store: new MapStore() }),
  'coatcheck/v1 on its memory': () => v1({ ...OPTIONS, store: new v1.MemoryStore() }),
  'coatcheck/v1 on another store': () => v1({ ...OPTIONS, store: new MapStore() }),
};
for (const [name, make] of Object.entries(PASSPORT)) {
  test(`passport 0.7 and connect-flash, ${name}`, async (t) => {
    const app = passportApp(express(), [make(), flash()], {
      before: (req) => req.flash('info', 'hello'),
      me: (req) => [req.flash('info')],
    });
    const go = browser(await serve(t, app));
    await go('/before');
    assert.equal((await go('/login')).text, 'u1');
    assert.deepEqual(JSON.parse((await go('/me')).text), ['u1', ['a'], ['hello']]);
    assert.deepEqual(JSON.parse((await go('/me')).text), ['u1', ['a'], []]);
    assert.equal((await go('/logout')).text, 'out');
    assert.deepEqual(JSON.parse((await go('/me')).text), [null, null, []]);
  });
}

test('a store of util.inherits under `coatcheck`', async (t) => {
  function Old() {
    session.Store.call(this);
    this.sessions = {};
  }
  require('node:util').inherits(Old, session.Store);
  Old.prototype.get = function get(sid, done) {
    done(null, this.sessions[sid] && JSON.parse(this.sessions[sid]));
  };
  Old.prototype.set = function set(sid, sess, done) {
    this.sessions[sid] = JSON.stringify(sess);
    done();
  };
  Old.prototype.destroy = function destroy(sid, done) {
    delete this.sessions[sid];
    done();
  };
  const base = await serve(
    t,
    answers((req, res) => {
      req.session.n = (req.session.n ?? 0) + 1;
      res.end(`${req.session.n}`);
    })(session({ ...OPTIONS, store: new Old() })),
  );
  const go = browser(base);
  assert.deepEqual([(await go('/')).text, (await go('/')).text], ['1', '2']);
  assert.throws(() => new (class extends session.Store {})(), /needs get, set and destroy/);
});
