'use strict';

// What can't be stored is refused, with a message that says where it is, before anything is sent; the request
// ends, and the stored session is as it was. Messages name keys and never hold values.

const assert = require('node:assert/strict');
const { test, describe } = require('node:test');
const { FRAMEWORKS, Browser, Redis, SECRET, fileStore, memoryStore, serve, session, start } = require('./support.js');

const cycle = () => {
  const a = { secret: 'hunter2' };
  a.self = { again: a };
  return a;
};

const REFUSED = {
  'a BigInt': [() => ({ deep: [1, 10n] }), /session\.bad\.deep\.1 is a BigInt/],
  NaN: [() => ({ n: Number.NaN }), /session\.bad\.n is NaN/],
  Infinity: [() => [Number.NEGATIVE_INFINITY], /session\.bad\.0 is -Infinity/],
  'a Buffer': [() => Buffer.from('hunter2'), /session\.bad is binary data/],
  'a typed array': [() => ({ bytes: new Float64Array(2) }), /session\.bad\.bytes is binary data/],
  'an empty typed array': [() => new Uint8Array(0), /session\.bad is binary data/],
  'an ArrayBuffer': [() => new ArrayBuffer(4), /session\.bad is binary data/],
  'a Map': [() => new Map([['k', 'hunter2']]), /session\.bad is a Map or Set/],
  'a RegExp': [() => ({ filter: /hunter2/ }), /session\.bad\.filter is a RegExp/],
  'an Error': [() => Object.assign(new Error('hunter2'), { code: 'X' }), /session\.bad is an Error/],
  'a Promise': [() => [Promise.resolve('hunter2')], /session\.bad\.0 is a Promise/],
  'a WeakMap': [() => new WeakMap(), /session\.bad is a WeakMap/],
  'a WeakSet': [() => new WeakSet(), /session\.bad is a WeakSet/],
  'a generator': [
    () =>
      (function* () {
        yield 'hunter2';
      })(),
    /session\.bad is an iterator/,
  ],
  'a Set’s iterator': [() => new Set([1]).values(), /session\.bad is an iterator/],
  'a boxed NaN': [() => ({ n: Object(Number.NaN) }), /session\.bad\.n is NaN/],
  'a boxed BigInt': [() => Object(1n), /session\.bad is a BigInt/],
  'a function': [() => ({ f: () => 'hunter2' }), /session\.bad\.f is a function/],
  'a symbol': [() => [1, Symbol('hunter2')], /session\.bad\.1 is a symbol/],
  // biome-ignore lint/suspicious/noSparseArray: tested
  'a hole': [() => [1, , 2], /session\.bad\.1 is undefined or a hole/],
  'an undefined element': [() => ({ list: [undefined] }), /session\.bad\.list\.0 is undefined or a hole/],
  'a name that is data': [
    () => ({ 'hunter2@example.com 4111111111111111': { plain: Number.NaN } }),
    /session\.bad\.\{0\}\.plain is NaN/,
  ],
  'a fault far below': [
    () => Array.from({ length: 40 }).reduce((inner) => ({ ['n'.repeat(30_000)]: inner }), Number.NaN),
    /^.{0,200}… is NaN/,
  ],
  'a cycle': [cycle, /session\.bad\.self\.again refers to an object that contains it/],
  'an invalid Date': [() => new Date(Number.NaN), /session\.bad is an invalid Date/],
  '__proto__ as a key': [() => JSON.parse('{"__proto__":{"admin":true}}'), /__proto__/],
  'deeper than 64 levels': [() => Array.from({ length: 80 }).reduce((inner) => [inner], 1), /deep|depth|nested/i],
};

describe('refused, and the error handler answers', () => {
  for (const [name, [make, message]] of Object.entries(REFUSED)) {
    test(name, async (t) => {
      const errors = [];
      const routes = {
        '/begin': (req, res) => {
          req.session.user = 'ann';
          res.end();
        },
        '/bad': (req, res) => {
          req.session.bad = make();
          req.session.user = 'eve';
          res.json({ sent: 'never' });
        },
        '/read': (req, res) => res.json({ user: req.session.user, bad: req.session.bad }),
      };
      const browser = await start(t, routes, {}, (error) => errors.push(error));
      await browser.get('/begin');
      const answer = await browser.get('/bad');
      assert.equal(answer.status, 500);
      assert.equal(answer.body, 'error: ERR_NOT_SERIALISABLE');
      assert.equal(errors.length, 1);
      assert.match(errors[0].message, message);
      assert.doesNotMatch(errors[0].message, /hunter2/);
      assert.ok(errors[0] instanceof session.CoatcheckError);
      assert.deepEqual(await browser.json('/read'), { user: 'ann' });
    });
  }

  test('too large', async (t) => {
    const browser = await start(t, {
      '/': (req, res) => {
        req.session.big = 'x'.repeat(2 * 1024 * 1024);
        res.end();
      },
    });
    assert.equal((await browser.get('/')).body, 'error: ERR_PAYLOAD_TOO_LARGE');
  });

  for (const framework of Object.keys(FRAMEWORKS)) {
    test(`also when the response ends in a timer, on ${framework}, and on a remote store`, async (t) => {
      for (const store of [memoryStore(), (await Redis.start(t)).url]) {
        const middleware = session({ secret: SECRET, store });
        const app = FRAMEWORKS[framework](middleware, {
          '/': (req, res) => {
            req.session.bad = 1n;
            setTimeout(() => {
              res.setHeader('Content-Length', '1000');
              res.end('x'.repeat(1000));
            }, 1);
          },
        });
        const answer = await new Browser(await serve(t, app)).get('/');
        assert.equal(answer.status, 500);
        assert.equal(answer.body, 'error: ERR_NOT_SERIALISABLE');
      }
    });
  }
});

test('what JSON drops or converts by its own rules is stored that way', async (t) => {
  const browser = await start(t, {
    '/write': (req, res) => {
      req.session.value = { u: undefined, d: new Date(0), n: null, e: {}, zero: { 0: 'x' }, list: [null] };
      res.end();
    },
    '/read': (req, res) => res.json(req.session.value),
  });
  await browser.get('/write');
  assert.deepEqual(await browser.json('/read'), {
    d: '1970-01-01T00:00:00.000Z',
    n: null,
    e: {},
    zero: { 0: 'x' },
    list: [null],
  });
});

test('names that a session object has already are kept for other languages, and shadow nothing', async (t) => {
  const store = memoryStore();
  const { native } = require('../lib/native.js');
  const keys = native.createKeys([SECRET], 'secret');
  const engine = native.createEngine(keys, native.openStore(store), { cookie: {}, policy: {} });
  const [, setCookie] = engine.commit(
    undefined,
    '{"id":7,"save":"s","cookie":{"a":1},"toString":1,"n":1}',
    undefined,
    undefined,
    0,
    0,
  );
  const browser = await start(
    t,
    {
      '/write': (req, res) => {
        req.session.n += 1;
        res.json([typeof req.session.id, typeof req.session.save, req.session.cookie.path, Object.keys(req.session)]);
      },
    },
    { store },
  );
  browser.jar.set('session', setCookie.split(';')[0].slice('session='.length));
  assert.deepEqual(await browser.json('/write'), ['string', 'function', '/', ['cookie', 'n']]);
  const stored = engine.open(browser.cookieHeader(), false, 0);
  assert.deepEqual(JSON.parse(stored.split('\n').at(-1)), { id: 7, save: 's', cookie: { a: 1 }, toString: 1, n: 2 });
});

describe('halves of surrogate pairs', () => {
  const { cases } = require('../../tests/vectors/lone_surrogates.json');
  const site = (t, options, errors = []) => {
    const routes = {
      '/write': (req, res) => {
        Object.assign(req.session, JSON.parse(cases[Number(req.query.n)].text));
        res.end('written');
      },
      '/read': (req, res) => {
        const { cookie, ...data } = req.session;
        res.json(data);
      },
    };
    return start(t, routes, options, (error) => errors.push(error));
  };

  for (const [n, { name, well_formed: expected }] of cases.entries()) {
    for (const [kind, store] of [
      ['memory', memoryStore],
      ['file', fileStore],
    ]) {
      test(`${name}, ${kind}`, async (t) => {
        const errors = [];
        const browser = await site(t, { store: store(t) }, errors);
        const answer = await browser.get(`/write?n=${n}`);
        if (expected === undefined) {
          assert.equal(answer.body, 'error: ERR_NOT_SERIALISABLE');
          assert.match(errors[0].message, /two members of one name/);
          return;
        }
        assert.equal(answer.body, 'written');
        assert.deepEqual(await browser.json('/read'), JSON.parse(expected));
      });
    }
  }

  test('refused on request, with the path', async (t) => {
    const errors = [];
    const browser = await site(t, { loneSurrogates: 'refuse' }, errors);
    for (const [n, { name, well_formed: expected }] of cases.entries()) {
      const answer = await browser.get(`/write?n=${n}`);
      assert.equal(answer.status, expected === undefined || expected.includes('\ufffd') ? 500 : 200, name);
      browser.jar.clear();
    }
    const inside = cases.findIndex((one) => one.name === 'inside arrays and objects');
    await browser.get(`/write?n=${inside}`);
    assert.match(errors.at(-1).message, /half of a surrogate pair.* in session\.a\.0\.b$/);
  });
});
