'use strict';

// `coatcheck/fastify`, `/koa`, `/hono` and `/fetch` in the real frameworks: the same application on each, on a store that
// answers at once and on a remote one.

const assert = require('node:assert/strict');
const { test, describe } = require('node:test');
const { Browser, Redis, SECRET, fileStore, memoryStore, serve, session } = require('./support.js');

const Fastify = require('fastify');
const Koa = require('koa');
const { Hono } = require('hono');

const STORES = { memory: memoryStore, file: fileStore, redis: async (t) => (await Redis.start(t)).url };

// What the routes do, with the framework's own session; each answers JSON.
const ROUTES = {
  '/add': async (s) => {
    s.session.items = [...(s.session.items ?? []), 'item'];
    await new Promise((resolve) => setTimeout(resolve, 5));
    return s.session.items.length;
  },
  '/key': async (s, key) => {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
    s.session[key] = 1;
    return key;
  },
  '/all': (s) => Object.keys(s.session).filter((name) => name !== 'cookie').length,
  '/login': async (s) => {
    await s.session.regenerate({ keep: true });
    s.session.user = 'u';
    return 'in';
  },
  '/me': (s) => s.session.user ?? null,
  '/out': async (s) => {
    await s.session.destroy();
    return 'out';
  },
  '/bad': (s) => {
    s.session.big = 1n;
    return 'never';
  },
  '/health': () => 'ok',
};
const split = (url) => {
  const { pathname, search } = new URL(url, 'http://a');
  return [ROUTES[pathname], search.slice(1)];
};

// Serves the routes on a framework; answers the address.
const FRAMEWORKS = {
  async fastify(t, options) {
    const app = Fastify();
    app.register(require('../fastify.js'), options);
    app.get('/*', async (request, reply) => {
      const [route, rest] = split(request.url);
      reply.header('content-type', 'application/json');
      return JSON.stringify(await route(request, rest));
    });
    app.setErrorHandler((error, _request, reply) => reply.code(error.status ?? 500).send({ code: error.code }));
    await app.listen({ port: 0, host: '127.0.0.1' });
    t.after(() => app.close());
    return `http://127.0.0.1:${app.server.address().port}`;
  },
  koa(t, options) {
    const app = new Koa();
    app.silent = true;
    app.use(async (ctx, next) => {
      try {
        await next();
      } catch (error) {
        ctx.status = error.status ?? 500;
        ctx.body = { code: error.code };
      }
    });
    app.use(require('../koa.js')(options));
    app.use(async (ctx) => {
      const [route, rest] = split(ctx.url);
      ctx.body = JSON.stringify(await route(ctx, rest));
    });
    return serve(t, app.callback());
  },
  hono(t, options) {
    const app = new Hono();
    app.use(require('../hono.js')(options));
    app.get('*', async (c) => {
      const [route, rest] = split(c.req.url);
      return c.json(await route({ session: c.get('session') }, rest));
    });
    app.onError((error, c) => c.json({ code: error.code }, error.status ?? 500));
    return serveFetch(t, (request) => app.fetch(request));
  },
  fetch(t, options) {
    const handler = require('../fetch.js')(options).wrap(async (request, { session: own }) => {
      const [route, rest] = split(request.url);
      return Response.json(await route({ session: own }, rest));
    });
    return serveFetch(t, async (request) => {
      try {
        return await handler(request);
      } catch (error) {
        return Response.json({ code: error.code }, { status: error.status ?? 500 });
      }
    });
  },
};

// A server of the fetch kind.
function serveFetch(t, handler) {
  return serve(t, async (req, res) => {
    const answer = await handler(
      new Request(`http://${req.headers.host}${req.url}`, { headers: Object.entries(req.headers) }),
    );
    const headers = [...answer.headers].filter(([name]) => name !== 'set-cookie');
    for (const [name, value] of headers) res.setHeader(name, value);
    const cookies = answer.headers.getSetCookie();
    if (cookies.length > 0) res.setHeader('set-cookie', cookies);
    res.statusCode = answer.status;
    res.end(Buffer.from(await answer.arrayBuffer()));
  });
}

for (const [framework, start] of Object.entries(FRAMEWORKS)) {
  for (const [kind, open] of Object.entries(STORES)) {
    describe(`${framework} on ${kind}`, () => {
      test('a cart, a login, a logout', async (t) => {
        const browser = new Browser(await start(t, { secret: SECRET, store: await open(t) }));
        const first = await browser.get('/add');
        assert.equal(first.body, '1');
        assert.equal(first.headers.vary, 'Cookie');
        assert.equal(first.headers['cache-control'], 'no-store');
        const before = browser.jar.get('session');
        assert.equal(await browser.json('/add'), 2);
        assert.equal(await browser.json('/login'), 'in');
        assert.notEqual(browser.jar.get('session'), before);
        assert.equal(await browser.json('/me'), 'u');
        assert.equal(await browser.json('/add'), 3);
        const old = browser.clone();
        assert.equal(await browser.json('/out'), 'out');
        assert.equal(browser.jar.size, 0);
        assert.equal(await old.json('/me'), null);
      });

      test('a hundred requests at once lose nothing', async (t) => {
        const browser = new Browser(await start(t, { secret: SECRET, store: await open(t) }));
        await browser.get('/add');
        const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => browser.clone().get(`/key?k${i}`)));
        assert.ok(answers.every(({ status }) => status === 200));
        assert.equal(await browser.json('/all'), 101);
      });

      test("what could not be stored is the framework's error, and sends no cookie", async (t) => {
        const browser = new Browser(await start(t, { secret: SECRET, store: await open(t) }));
        const answer = await browser.get('/bad');
        assert.deepEqual([answer.status, JSON.parse(answer.body).code], [500, 'ERR_NOT_SERIALISABLE']);
        assert.deepEqual(answer.setCookie, []);
        assert.equal((await browser.get('/health')).status, 200);
      });
    });
  }

  test(`${framework}: a store that is gone is a 503 for who looks`, async (t) => {
    const redis = await Redis.start(t);
    const browser = new Browser(await start(t, { secret: SECRET, store: redis.url }));
    await browser.get('/add');
    await redis.stop();
    const answer = await browser.get('/me');
    assert.equal(answer.status, 503);
    assert.match(JSON.parse(answer.body).code, /^ERR_STORE_/);
    assert.equal((await browser.get('/health')).status, 200);
  });
}

test("fastify: a stream, a redirect, inject, HEAD, another store's package", async (t) => {
  const app = Fastify();
  app.register(require('../fastify.js'), { secret: SECRET, store: new session.MemoryStore() });
  app.get('/stream', async (request, reply) => {
    request.session.n = 1;
    return reply.type('text/plain').send(require('node:stream').Readable.from(['a', 'b']));
  });
  app.get('/redirect', async (request, reply) => {
    request.session.n = (request.session.n ?? 0) + 1;
    return reply.redirect('/read');
  });
  app.get('/read', async (request) => ({ n: request.session.n ?? null, id: request.sessionID?.length > 0 }));
  t.after(() => app.close());
  const stream = await app.inject('/stream');
  assert.equal(stream.body, 'ab');
  const cookie = stream.headers['set-cookie'].split(';')[0];
  const redirect = await app.inject({ url: '/redirect', headers: { cookie } });
  assert.equal(redirect.statusCode, 302);
  assert.deepEqual((await app.inject({ url: '/read', headers: { cookie } })).json(), { n: 2, id: true });
  assert.equal((await app.inject({ url: '/read', method: 'HEAD', headers: { cookie } })).statusCode, 200);
});

test('fastify: @fastify/session takes our Store', async (t) => {
  const app = Fastify();
  app.register(require('@fastify/cookie'));
  app.register(require('@fastify/session'), {
    secret: SECRET,
    store: new session.Store(memoryStore()),
    cookie: { secure: false },
  });
  app.get('/', async (request) => {
    request.session.n = (request.session.n ?? 0) + 1;
    return { n: request.session.n };
  });
  t.after(() => app.close());
  const first = await app.inject('/');
  const cookie = first.headers['set-cookie'].split(';')[0];
  assert.deepEqual((await app.inject({ url: '/', headers: { cookie } })).json(), { n: 2 });
});

test('fastify: the middleware of Express through @fastify/express', async (t) => {
  const app = Fastify();
  await app.register(require('@fastify/express'));
  app.use(session({ secret: SECRET, store: memoryStore() }));
  app.get('/', async (request) => {
    request.raw.session.n = (request.raw.session.n ?? 0) + 1;
    return { n: request.raw.session.n };
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  t.after(() => app.close());
  const browser = new Browser(`http://127.0.0.1:${app.server.address().port}`);
  await browser.get('/');
  assert.deepEqual(await browser.json('/'), { n: 2 });
});

test('a SessionStorage, as Remix and React Router use one', async () => {
  const sessions = require('../fetch.js')({ secret: SECRET, store: memoryStore() });
  const storage = sessions.storage({ secure: false });
  const first = await storage.getSession(null);
  first.set('user', 'u');
  first.flash('notice', 'hello');
  const cookie = (await storage.commitSession(first)).split(';')[0];
  const second = await storage.getSession(cookie);
  assert.deepEqual(
    [second.get('user'), second.has('notice'), second.get('notice'), second.get('notice'), second.has('notice')],
    ['u', true, 'hello', undefined, false],
  );
  assert.ok(second.id.length > 0);
  assert.equal(await storage.commitSession(second), '');
  const third = await storage.getSession(cookie);
  assert.deepEqual(third.data, { user: 'u' });
  third.unset('user');
  assert.match(await storage.destroySession(third), /^session=; .*Expires=Thu, 01 Jan 1970/);
  assert.deepEqual((await storage.getSession(cookie)).data, {});
});

test('fetch: a redirect keeps its cookie, and a response without a session is the same object', async () => {
  const sessions = require('../fetch.js')({ secret: SECRET, store: memoryStore() });
  const answer = await sessions.wrap((_request, { session: own }) => {
    own.n = 1;
    return Response.redirect('http://a.example/b');
  })(new Request('https://a.example/'));
  assert.equal(answer.status, 302);
  assert.match(answer.headers.getSetCookie()[0], /^__Host-session=.*; Secure; SameSite=Lax$/);
  const plain = new Response('x');
  assert.equal(await sessions.wrap(() => plain)(new Request('http://a.example/')), plain);
});
