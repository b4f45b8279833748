'use strict';

// `coatcheck/cookie-session` beside the real cookie-session: each program runs with both, and what can be seen of it is the
// same to the byte. Then what it has more: sealed cookies, pieces, a store for what is large, what passport asks for.

const assert = require('node:assert/strict');
const http = require('node:http');
const { once } = require('node:events');
const { test, describe } = require('node:test');
const express = require('express');
const Keygrip = require('keygrip');
const ours = require('../cookie-session.js');
const theirs = require('cookie-session');
const { ask } = require('./beside.js');
const { passportApp } = require('./passport-app.js');
const { Browser, Redis, fileStore, memoryStore, serve, session } = require('./support.js');
const keygrips = require('../../tests/vectors/keygrip.json').cases;
const { native } = require('../lib/native.js');

const BASE = { keys: ['a', 'b'] };

async function run(entry, program) {
  const options = { ...BASE, ...program.options };
  for (const name of Object.keys(options)) if (options[name] === undefined) delete options[name];
  let middleware;
  try {
    middleware = entry(options);
  } catch (error) {
    return { thrown: error.message };
  }
  const server = http.createServer((req, res) => {
    program.before?.(req, res);
    const next = (error) => {
      if (error === undefined) return program.respond(req, res);
      res.statusCode = 500;
      return res.end(error.message);
    };
    try {
      middleware(req, res, next);
    } catch (error) {
      next(error);
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const seen = [];
  try {
    let cookie;
    for (const step of program.steps) {
      const headers = { ...step.headers };
      if (step.cookie ?? cookie) headers.cookie = step.cookie ?? cookie;
      const { message, ...answer } = await ask(server.address().port, { ...step, headers });
      const set = message.headers['set-cookie'];
      if (set !== undefined) cookie = set.map((line) => line.split(';')[0]).join('; ');
      seen.push(answer);
    }
  } finally {
    server.close();
  }
  return seen;
}

const hit = (req, res) => {
  req.session.n = (req.session.n || 0) + 1;
  res.end(`${req.session.n}`);
};
const look = (req, res) =>
  res.end(
    JSON.stringify([
      req.session,
      req.session?.isNew,
      req.session?.isChanged,
      req.session?.isPopulated,
      Object.keys(req.session ?? {}),
    ]),
  );
const thrice = [{}, {}, {}];
const HI = 'session=eyJtZXNzYWdlIjoiaGkifQ==; session.sig=vdp2-kj-91tgzbWcV1QzofT3hu0';

const PROGRAMS = {
  'each request changes it': { respond: hit, steps: thrice },
  'nobody looks': { respond: (_req, res) => res.end('x'), steps: thrice },
  'it is looked at': { respond: look, steps: [{}, { cookie: HI }] },
  'it is removed': {
    respond: (req, res) => {
      if (req.url === '/out') {
        req.session = null;
        res.end(String(req.session));
      } else hit(req, res);
    },
    steps: [{}, { path: '/out' }, {}],
  },
  'it is emptied': {
    respond: (req, res) => {
      if (req.url === '/out') {
        delete req.session.n;
        res.end('x');
      } else hit(req, res);
    },
    steps: [{}, { path: '/out' }, {}],
  },
  'it is replaced': {
    respond: (req, res) => {
      req.session = { fresh: 1 };
      look(req, res);
    },
    steps: [{}, { cookie: HI }],
  },
  'it is replaced by an empty one': {
    respond: (req, res) => {
      req.session = {};
      res.end('x');
    },
    steps: [{}, { cookie: HI }],
  },
  'it is replaced by text': {
    respond: (req, res) => {
      try {
        req.session = 'x';
      } catch (error) {
        res.end(error.message);
      }
    },
    steps: [{}],
  },
  'another key of the ring': { respond: hit, options: { keys: ['new', 'a'] }, steps: [{ cookie: HI }, {}] },
  'a key of no ring': { respond: hit, options: { keys: ['other'] }, steps: [{ cookie: HI }] },
  'a signature is missing': { respond: hit, steps: [{ cookie: 'session=eyJtZXNzYWdlIjoiaGkifQ==' }] },
  'a value that is no JSON': {
    respond: look,
    options: { signed: false },
    steps: [{ cookie: 'session=bad' }, { cookie: 'session=' }, { cookie: 'session="eyJhIjoxfQ=="' }],
  },
  unsigned: { respond: hit, options: { signed: false, keys: undefined }, steps: thrice },
  'a secret': { respond: hit, options: { keys: undefined, secret: 'a' }, steps: [{ cookie: HI }] },
  'a Keygrip of its own': { respond: hit, options: { keys: new Keygrip(['x', 'y'], 'sha256', 'hex') }, steps: thrice },
  'no keys': { respond: hit, options: { keys: undefined }, steps: [{}] },
  'a name': { respond: hit, options: { name: 'my.session' }, steps: thrice },
  'every attribute': {
    respond: hit,
    options: {
      maxAge: 60_000,
      path: '/',
      domain: 'example.com',
      httpOnly: false,
      sameSite: 'Lax',
      priority: 'HIGH',
      partitioned: true,
    },
    steps: thrice,
  },
  'sameSite true': { respond: hit, options: { sameSite: true }, steps: [{}] },
  expires: { respond: hit, options: { expires: new Date(Date.now() + 3_600_000) }, steps: [{}] },
  'a path that is none': { respond: hit, options: { path: '' }, steps: [{}] },
  'secure without TLS': { respond: hit, options: { secure: true }, steps: [{}] },
  'an attribute that is none': { respond: hit, options: { priority: 'urgent' }, steps: [{}] },
  'secure behind a proxy': {
    respond: hit,
    before: (req) => {
      req.protocol = 'https';
    },
    options: { secure: true },
    steps: [{}],
  },
  'https of itself': {
    respond: hit,
    before: (req) => {
      req.protocol = 'https';
    },
    steps: [{}],
  },
  'options of one request': {
    respond: (req, res) => {
      req.sessionOptions.maxAge = 5000;
      req.sessionOptions.path = '/x';
      hit(req, res);
    },
    steps: [{}],
  },
  overwrite: {
    respond: (req, res) => {
      res.setHeader('Set-Cookie', ['session=old', 'other=1', 'session.sig=old']);
      hit(req, res);
    },
    steps: [{}],
  },
  'no overwrite': {
    respond: (req, res) => {
      res.setHeader('Set-Cookie', ['session=old']);
      hit(req, res);
    },
    options: { overwrite: false },
    steps: [{}],
  },
  'it changes after the first byte': {
    respond: (req, res) => {
      req.session.a = 1;
      res.write('a');
      req.session.b = 2;
      res.end('b');
    },
    steps: [{}, {}],
  },
  'names that a session has': {
    respond: (req, res) => {
      req.session = { isNew: 5, a: 1 };
      look(req, res);
    },
    steps: [{}, {}],
  },
  'HEAD and 204': {
    respond: (req, res) => {
      req.session.a = 1;
      res.statusCode = 204;
      res.end();
    },
    steps: [{ method: 'HEAD' }, {}],
  },
};

describe('coatcheck/cookie-session beside cookie-session', () => {
  process.on('warning', () => {});
  for (const [name, program] of Object.entries(PROGRAMS)) {
    test(name, async () => {
      assert.deepEqual(await run(ours, program), await run(theirs, program));
    });
  }

  test('keygrip, known answers', () => {
    for (const { keys, data, signature, index } of keygrips) {
      assert.equal(native.keygripIndex(keys, data, signature), index);
      if (index >= 0) assert.equal(native.keygripSign(keys[index], data), signature);
    }
  });
});

const routes = (app) => {
  app.get('/add', (req, res) => {
    req.session.items = [...(req.session.items ?? []), 'item'];
    res.json(req.session.items.length);
  });
  app.get('/large/:n', (req, res) => {
    req.session.text = require('node:crypto')
      .randomBytes(Number(req.params.n) / 2)
      .toString('hex');
    res.json(req.session.text.length);
  });
  app.get('/read', (req, res) =>
    res.json({ items: req.session.items?.length ?? 0, text: req.session.text?.length ?? 0 }),
  );
  app.get('/out', (req, res) => {
    req.session = null;
    res.send('out');
  });
  app.get('/cycle', (req, res) => {
    req.session.self = req.session;
    res.send('x');
  });
  app.use((error, _req, res, _next) => res.status(error.status ?? 500).send(error.code ?? error.message));
  return app;
};
const KEY = 'a key of the tests that is long enough';
const start = (t, options) => serve(t, routes(express().use(ours({ keys: [KEY], ...options }))));

test('errors are told: a cookie that is too large, a cycle', async (t) => {
  const browser = new Browser(await start(t, {}));
  assert.deepEqual((await browser.get('/large/8000')).body, 'ERR_PAYLOAD_TOO_LARGE');
  assert.deepEqual((await browser.get('/cycle')).body, 'ERR_NOT_SERIALISABLE');
});

describe('sealed', () => {
  test('the browser can neither read nor change it, and moves with its end inside', async (t) => {
    const browser = new Browser(await start(t, { sealed: true, maxAge: 60_000 }));
    await browser.get('/add');
    assert.equal((await browser.get('/add')).body, '2');
    const value = browser.jar.get('session');
    assert.match(value, /^cc1\./);
    assert.doesNotMatch(Buffer.from(value.split('.').at(-1), 'base64url').toString('latin1'), /item/);
    browser.jar.set('session', `${value.slice(0, -3)}AAA`);
    assert.deepEqual(JSON.parse((await browser.get('/read')).body), { items: 0, text: 0 });
  });

  test('its end is kept by the server', async (t) => {
    const browser = new Browser(await start(t, { sealed: true, maxAge: 1 }));
    await browser.get('/add');
    const value = browser.jar.get('session');
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (value !== undefined) browser.jar.set('session', value);
    assert.deepEqual(JSON.parse((await browser.get('/read')).body), { items: 0, text: 0 });
  });

  test('pieces come and go', async (t) => {
    const browser = new Browser(await start(t, { sealed: true }));
    for (const [size, names] of [
      [100, ['session']],
      [5000, ['session.0', 'session.1']],
      [8000, ['session.0', 'session.1', 'session.2']],
      [100, ['session']],
    ]) {
      assert.equal((await browser.get(`/large/${size}`)).body, String(size));
      assert.deepEqual([...browser.jar.keys()].sort(), names);
      assert.equal(JSON.parse((await browser.get('/read')).body).text, size);
    }
    assert.equal((await browser.get('/large/16000')).body, 'ERR_PAYLOAD_TOO_LARGE');
    assert.equal(JSON.parse((await browser.get('/read')).body).text, 100);
    await browser.get('/out');
    assert.equal(browser.jar.size, 0);
  });

  test('signed cookies are read where that is asked for, and only there', async (t) => {
    for (const [acceptSigned, items] of [
      [true, 3],
      [undefined, 1],
    ]) {
      const browser = new Browser(await start(t, {}));
      await browser.get('/add');
      await browser.get('/add');
      const next = new Browser(await start(t, { sealed: true, acceptSigned }));
      for (const [name, value] of browser.jar) next.jar.set(name, value);
      assert.equal((await next.get('/add')).body, String(items));
      assert.match(next.jar.get('session'), /^cc1\./);
    }
  });

  const STORES = {
    memory: () => memoryStore(),
    file: (t) => fileStore(t),
    redis: async (t) => (await Redis.start(t)).url,
    MemoryStore: () => new session.MemoryStore(),
  };
  for (const [name, open] of Object.entries(STORES)) {
    test(`spill into ${name}`, async (t) => {
      const opened = await open(t);
      const store = typeof opened === 'string' ? new session.Store(opened) : opened;
      const browser = new Browser(await start(t, { sealed: true, spill: { store, over: 1000 } }));
      assert.equal((await browser.get('/add')).body, '1');
      assert.equal(await store.length(), 0);
      assert.equal((await browser.get('/large/100000')).body, '100000');
      assert.ok(browser.jar.get('session').length < 300);
      assert.equal(await store.length(), 1);
      assert.equal((await browser.get('/add')).body, '2');
      assert.deepEqual(JSON.parse((await browser.get('/read')).body), { items: 2, text: 100_000 });
      assert.equal(await store.length(), 1);
      await browser.get('/large/10');
      assert.equal(await store.length(), 0);
      await browser.get('/large/5000');
      await browser.get('/out');
      assert.equal(await store.length(), 0);
      assert.equal(browser.jar.size, 0);
    });
  }

  test('a hundred browsers spill at once, each into a place of its own', async (t) => {
    const store = new session.Store((await Redis.start(t)).url);
    const base = await start(t, { sealed: true, spill: { store, over: 1000 } });
    const sizes = await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        const browser = new Browser(base);
        await browser.get(`/large/${2000 + 2 * i}`);
        return (await browser.json('/read')).text;
      }),
    );
    assert.deepEqual(
      sizes,
      Array.from({ length: 100 }, (_, i) => 2000 + 2 * i),
    );
    assert.equal(await store.length(), 100);
  });

  test('a store that does not answer is a 503, no empty session', async (t) => {
    const store = new session.MemoryStore();
    const browser = new Browser(await start(t, { sealed: true, spill: { store, over: 10, deadline: 30 } }));
    await browser.get('/large/100');
    store.get = () => {};
    assert.equal((await browser.get('/read')).body, 'ERR_STORE_TIMEOUT');
  });

  test('options', () => {
    assert.throws(() => ours({ sealed: true }), /\.keys required\./);
    assert.throws(() => ours({ keys: ['a'], spill: { store: 'memory:' } }), /spill needs sealed: true/);
    assert.throws(() => ours({ keys: ['a'], sealed: true, spill: { stor: 'memory:' } }), /unknown spill option 'stor'/);
    assert.throws(() => ours({ keys: ['a'], sealed: true, spill: { store: 5 } }), /spill.store must be/);
    assert.throws(
      () => ours({ keys: ['a'], sealed: true, spill: { store: 'memory:', over: -1 } }),
      /spill.over must be/,
    );
  });
});

for (const sealed of [false, true]) {
  test(`passport 0.7, ${sealed ? 'sealed' : 'signed'}`, async (t) => {
    const app = passportApp(express(), [ours({ keys: [KEY], sealed })]);
    const browser = new Browser(await serve(t, app));
    await browser.get('/before');
    assert.equal((await browser.get('/login')).body, 'u1');
    assert.deepEqual(JSON.parse((await browser.get('/me')).body), ['u1', ['a']]);
    await browser.get('/logout');
    assert.deepEqual(JSON.parse((await browser.get('/me')).body), [null, null]);
    await browser.get('/before');
    await browser.get('/fresh-login');
    assert.deepEqual(JSON.parse((await browser.get('/me')).body), ['u1', null]);
  });
}
