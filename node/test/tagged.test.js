'use strict';

// `types: 'tagged'`: values that JSON has no word for come back as what they were, on every store and in every mode.

const assert = require('node:assert/strict');
const { test, describe } = require('node:test');
const { Browser, FRAMEWORKS, Redis, SECRET, fileStore, memoryStore, serve, session } = require('./support.js');
const { codecOf } = require('../lib/tagged.js');

const { print, parse, refuse } = codecOf('tagged');
const round = (data) => parse(print(data));

const VALUES = {
  date: new Date(1_800_000_000_000),
  exact: new Date(1_800_000_000_123),
  big: 2n ** 80n,
  negative: -5n,
  map: new Map([
    ['a', 1],
    [{ k: 1 }, new Date(0)],
    [2n, new Set(['x'])],
  ]),
  set: new Set([1, 'two', null]),
  buffer: Buffer.from([0, 1, 254, 255]),
  url: new URL('https://a.example/b?c=d#e'),
  pattern: /a(b)+\/c/giu,
  inside: { list: [new Date(5000), { deep: 7n }], none: null, yes: true },
  ' d': 'a member with the name of a tag',
  tag: { ' d': 'an object that looks like one' },
  escape: { ' di': { ' d__': 1 } },
  two: { ' d': 1, ' s': 2 },
};

describe('values', () => {
  for (const [name, value] of Object.entries(VALUES)) {
    test(name, () => {
      assert.deepEqual(round({ [name]: value }), { [name]: value });
      assert.equal(print(round({ [name]: value })), print({ [name]: value }), 'and prints as it did');
    });
  }

  test('the tags are those of Flask, byte for byte', () => {
    // flask 3.1, TaggedJSONSerializer, of the same values (docs of python-peers.md, 1.1).
    assert.equal(
      print({ d: new Date('2024-01-02T03:04:05Z'), b: Buffer.from([0, 255]), di: { ' t': 'x' } }),
      '{"d":{" d":"Tue, 02 Jan 2024 03:04:05 GMT"},"b":{" b":"AP8="},"di":{" di":{" t__":"x"}}}',
    );
  });

  test('what Python has more is kept as it is', () => {
    const json =
      '{"t":{" t":[1,{" d":"Tue, 02 Jan 2024 03:04:05 GMT"}]},"u":{" u":"12345678123456781234567812345678"},"m":{" m":"<b>x</b>"},"d":{" d":"2024-01-02T03:04:05.678901+02:00"}}';
    const data = parse(json);
    assert.equal(print(data), json);
    assert.ok(data.u instanceof session.TaggedValue);
    assert.equal(String(data.m), '<b>x</b>');
    assert.equal(data.d.getTime(), Date.parse('2024-01-02T01:04:05.678Z'));
    data.d.setTime(0);
    assert.match(print(data), /"d":\{" d":"Thu, 01 Jan 1970 00:00:00 GMT"\}/);
  });

  test('a tagged value that is none is a damaged record', () => {
    for (const bad of [
      '{"a":{" d":"x"}}',
      '{"a":{" n":"x"}}',
      '{"a":{" l":"x"}}',
      '{"a":{" r":["(",""]}}',
      '{"a":{" o":5}}',
      '{"a":{" s":5}}',
      '{"a":{" di":5}}',
      '{"a":{" di":null}}',
    ]) {
      assert.throws(() => parse(bad), { code: 'ERR_RECORD_DAMAGED' }, bad);
    }
  });

  test('everything else is refused with its path', () => {
    for (const [value, why] of [
      [new WeakMap(), /session\.a\.b is a WeakMap/],
      [() => {}, /session\.a\.b is a function/],
      [Number.NaN, /session\.a\.b is NaN/],
      [new Float64Array(2), /session\.a\.b is binary data/],
      [new Date(Number.NaN), /session\.a\.b is an invalid Date/],
    ]) {
      assert.throws(() => refuse({ a: { b: value } }), why);
    }
    const cycle = {};
    cycle.self = cycle;
    assert.throws(() => print({ a: cycle }), { code: 'ERR_NOT_SERIALISABLE' });
  });
});

const STORES = { memory: memoryStore, file: fileStore, redis: async (t) => (await Redis.start(t)).url };
for (const [kind, open] of Object.entries(STORES)) {
  for (const mode of kind === 'memory' ? ['store', 'jwe'] : ['store']) {
    test(`over http: ${kind}, mode ${mode}`, async (t) => {
      const routes = {
        '/set': (req, res) => {
          Object.assign(req.session, VALUES);
          res.end();
        },
        '/same': (req, res) => {
          const { cookie, ...data } = req.session;
          assert.deepEqual(data.map, VALUES.map);
          res.json([
            data.big === VALUES.big,
            data.set.has('two'),
            data.exact.getTime(),
            data.buffer.equals(VALUES.buffer),
          ]);
        },
        '/change': (req, res) => {
          req.session.set.add(req.url.slice(8));
          req.session.map.set('n', (req.session.map.get('n') ?? 0) + 1);
          res.end();
        },
        '/look': (req, res) => res.json([[...req.session.set].length, req.session.map.get('n') ?? 0]),
        '/reload': (req, res, next) =>
          req.session.reload((error) => (error ? next(error) : res.json(req.session.set.size))),
        '/keep': async (req, res) => {
          await req.session.regenerate({ keep: true });
          res.json(req.session.date instanceof Date);
        },
      };
      const middleware = session({ secret: SECRET, store: await open(t), types: 'tagged', mode });
      const browser = new Browser(await serve(t, FRAMEWORKS.express5(middleware, routes)));
      await browser.get('/set');
      assert.deepEqual(await browser.json('/same'), [true, true, 1_800_000_000_123, true]);
      const read = await browser.get('/same');
      assert.deepEqual(read.setCookie, [], 'what was only read is not written');
      await browser.get('/change?x');
      assert.deepEqual(await browser.json('/look'), [4, 1]);
      assert.equal(await browser.json('/keep'), true);
      if (mode === 'store') {
        assert.equal(await browser.json('/reload'), 4);
        await Promise.all(Array.from({ length: 20 }, (_, i) => browser.clone().get(`/change?${i}`)));
        assert.equal((await browser.json('/look'))[0], 24);
      }
    });
  }
}
