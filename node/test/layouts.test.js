'use strict';

// Beside connect-redis: one fleet, of which a part is express-session with connect-redis and a part is coatcheck on
// `?layout=connect-redis`, with the same secret and the same Redis. What either writes is what the other would have.

const assert = require('node:assert/strict');
const { test, describe } = require('node:test');
const { RedisStore } = require('connect-redis');
const expressSession = require('express-session');
const { createClient } = require('redis');
const { Store } = require('../index.js');
const { NAME, application, at, idOf, slow, timeless } = require('./fleet.js');
const { Browser, Redis, SECRET, gate, session } = require('./support.js');

// The three kinds of member that such a fleet can have, and the server's own view.
async function fleet(t, { cookie = {}, parameters = '', peer = {}, ours = {} } = {}) {
  const redis = await Redis.start(t);
  const client = createClient({ url: redis.url });
  client.on('error', () => {}); // the server is stopped first
  await client.connect();
  t.after(() => client.destroy());
  const url = `${redis.url}?layout=connect-redis&timeout=20000${parameters}`;
  const common = { secret: SECRET, name: NAME, resave: false, saveUninitialized: false, cookie };
  const members = {
    'connect-redis': expressSession({ ...common, store: new RedisStore({ client, ...peer }) }),
    coatcheck: session({ secret: SECRET, name: NAME, cookie, store: url, touchShare: 0, ...ours }),
    Store: expressSession({ ...common, store: new Store(url) }),
  };
  const urls = {};
  for (const [name, middleware] of Object.entries(members)) urls[name] = await application(t, middleware);
  return { client, urls, url };
}

const MEMBERS = ['connect-redis', 'coatcheck', 'Store'];

// The value with the cookie's date as a distance from now, for the programs run one after the other.
async function stored(client, id) {
  const value = await client.get(`sess:${id}`);
  const ttl = await client.pTTL(`sess:${id}`);
  return { value: value && timeless(value, 10_000), ttl: ttl < 0 ? ttl : Math.round(ttl / 10_000) };
}

const COOKIES = {
  'of the browser session': { secure: false, sameSite: 'lax' },
  'with an age': { maxAge: 3_600_000, secure: false, sameSite: 'strict' },
  'with all attributes': {
    maxAge: 7_200_000,
    httpOnly: false,
    domain: 'example.org',
    path: '/',
    priority: 'high',
    sameSite: 'lax',
    secure: 'auto',
  },
};

describe('the same program leaves the same bytes and the same time', () => {
  for (const [kind, cookie] of Object.entries(COOKIES)) {
    test(`a cookie ${kind}`, async (t) => {
      const { client, urls } = await fleet(t, { cookie });
      const seen = {};
      for (const member of MEMBERS) {
        const browser = new Browser(urls[member]);
        const steps = [
          '/set?a=1&text="é"&list=[1,2.5,{"x":null}]',
          '/read',
          '/set?a=2',
          '/untouched',
          '/login?user=ann',
          '/set?n=0.1&big=1e21',
          '/age?ms=50000',
          '/read',
          '/set?after={}',
        ];
        seen[member] = [];
        for (const step of steps) {
          const answer = await browser.get(encodeURI(step));
          assert.equal(answer.status, 200, answer.body);
          seen[member].push({ step, ...(await stored(client, idOf(browser))) });
        }
        await browser.get('/logout');
        assert.deepEqual(await client.keys('*'), []);
      }
      assert.deepEqual(seen.coatcheck, seen['connect-redis']);
      assert.deepEqual(seen.Store, seen['connect-redis']);
    });
  }
});

describe('one session, two members of a fleet', () => {
  for (const [first, second] of [
    ['connect-redis', 'coatcheck'],
    ['coatcheck', 'connect-redis'],
    ['Store', 'coatcheck'],
    ['coatcheck', 'Store'],
  ]) {
    test(`a login at ${first} is one at ${second}, and so is the logout`, async (t) => {
      const { client, urls } = await fleet(t);
      const browser = new Browser(urls[first]);
      const other = at(browser, urls[second]);
      await browser.get('/set?cart=[1]');
      const before = browser.clone();
      await browser.get('/login?user=ann');
      assert.deepEqual(await other.json('/read'), { user: 'ann' });
      assert.deepEqual(await at(before, urls[second]).json('/read'), {}); // the id of before the login is worth nothing
      for (let n = 1; n <= 6; ++n) {
        await (n % 2 ? other : browser).get(`/set?n=${n}`);
        assert.deepEqual(await (n % 2 ? browser : other).json('/read'), { user: 'ann', n });
      }
      assert.equal((await client.keys('*')).length, 1);
      const kept = browser.clone();
      await other.get('/logout');
      assert.deepEqual(await client.keys('*'), []);
      assert.deepEqual(await kept.json('/read'), {});
    });
  }

  test('what the peer writes meanwhile is merged, and a logout at the peer stands', async (t) => {
    const { client, urls } = await fleet(t);
    const ours = new Browser(urls.coatcheck);
    const peer = at(ours, urls['connect-redis']);
    await ours.get('/set?a=1');
    Object.assign(slow, { reached: gate(), go: gate() });
    let late = ours.get('/slow?mine=1');
    await slow.reached.opened;
    await peer.get('/set?theirs=2');
    slow.go.open();
    assert.equal((await late).status, 200);
    assert.deepEqual(await peer.json('/read'), { a: 1, theirs: 2, mine: 1 });

    Object.assign(slow, { reached: gate(), go: gate() });
    late = ours.clone().get('/slow?mine=2');
    await slow.reached.opened;
    await peer.get('/logout');
    slow.go.open();
    await late;
    assert.deepEqual(await client.keys('*'), []);
  });

  test('req.sessionStore lists the sessions of both, by their ids', async (t) => {
    const { client, urls } = await fleet(t);
    const ids = [
      await new Browser(urls['connect-redis']).json('/set?a=1'),
      await new Browser(urls.coatcheck).json('/set?a=2'),
    ];
    for (const member of ['coatcheck', 'Store']) {
      const listed = await new Browser(urls[member]).json('/list');
      assert.equal(listed.length, 2, member);
      assert.deepEqual(listed.all.map(({ a }) => a).sort(), [1, 2], member);
    }
    assert.deepEqual((await new Browser(urls.Store).json('/list')).ids.sort(), ids.sort());
    assert.deepEqual((await client.keys('*')).sort(), ids.map((id) => `sess:${id}`).sort());
  });

  test("a value that is no session's is not read as one, and can be ended", async (t) => {
    const { client, urls } = await fleet(t);
    for (const value of ['', 'cc1 x', '[]', '{"a":1}', '{"cookie":1}', '{"cookie":{},"a":tru}', '{"cookie":{}}}']) {
      const browser = new Browser(urls.coatcheck);
      await browser.get('/set?a=1');
      const key = `sess:${idOf(browser)}`;
      await client.set(key, value);
      assert.equal((await browser.get('/read')).status, 503, value);
      assert.equal(await client.get(key), value);
      assert.equal((await browser.get('/logout')).status, 200, value);
      assert.equal(await client.exists(key), 0);
    }
  });
});

describe('the options of connect-redis', () => {
  test('prefix and ttl', async (t) => {
    const { client, urls } = await fleet(t, {
      parameters: '&prefix=my:&ttl=100',
      peer: { prefix: 'my:', ttl: 100 },
    });
    for (const member of MEMBERS) {
      const browser = new Browser(urls[member]);
      await browser.get('/set?a=1');
      const ttl = await client.pTTL(`my:${idOf(browser)}`);
      assert.ok(ttl > 90_000 && ttl <= 100_000, `${member}: ${ttl}`);
    }
  });

  test('disableTouch: a write alone moves the end', async (t) => {
    const { client, urls } = await fleet(t, { parameters: '&disableTouch=true', peer: { disableTouch: true } });
    for (const member of MEMBERS) {
      const browser = new Browser(urls[member]);
      await browser.get('/set?a=1');
      await client.expire(`sess:${idOf(browser)}`, 1000);
      await browser.get('/read');
      assert.ok((await client.ttl(`sess:${idOf(browser)}`)) <= 1000, member);
      await browser.get('/set?a=2');
      assert.ok((await client.ttl(`sess:${idOf(browser)}`)) > 86_000, member);
    }
  });

  test('disableTTL: nothing ends by itself', async (t) => {
    const { client, urls } = await fleet(t, { parameters: '&disableTTL=true', peer: { disableTTL: true } });
    for (const member of MEMBERS) {
      const browser = new Browser(urls[member]);
      await browser.get('/set?a=1');
      assert.equal(await client.ttl(`sess:${idOf(browser)}`), -1, member);
      assert.deepEqual(await browser.json('/read'), { a: 1 });
    }
  });
});

test('records that only the other package reads easily', async (t) => {
  const { client, urls, url } = await fleet(t, { parameters: '&ttl=60' });
  const browser = new Browser(urls['connect-redis']);
  await browser.get('/set?a=1');
  const key = `sess:${idOf(browser)}`;
  // Half a character, as JSON.stringify writes it, and a cookie that says nothing of httpOnly.
  await client.set(key, '{"cookie":{"path":"/"},"name":"Anna \\ud83d"}');
  assert.deepEqual(await at(browser, urls.coatcheck).json('/read'), { name: 'Anna \ufffd' });
  assert.deepEqual(await at(browser, urls.Store).json('/read'), { name: 'Anna \ud83d' }, 'as the peer has it');
  await at(browser, urls.coatcheck).get('/set?n=1');
  assert.equal(JSON.parse(await client.get(key)).cookie.httpOnly, true);
  // What is no object at all.
  await client.set(key, '"SESSIONDATA"');
  const store = new Store(url, { secret: SECRET });
  t.after(() => store.close());
  await assert.rejects(store.get(idOf(browser)), (error) => {
    assert.equal(error.code, 'ERR_RECORD_DAMAGED');
    return !error.message.includes('SESSIONDATA');
  });
  const plain = new Store(url);
  t.after(() => plain.close());
  await plain.get(idOf(browser)).catch((error) => assert.doesNotMatch(error.message, /SESSIONDATA/));
});

test("what the layout has no place for is refused, with the layout's name", async (t) => {
  const url = 'redis://127.0.0.1:1?layout=connect-redis';
  for (const [options, message] of [
    [{ absoluteTimeout: 1000 }, /absolute timeout in the layout of connect-redis/],
    [{ regenerateGrace: 1000 }, /regenerate_grace must be 0 in the layout of connect-redis/],
    [{ mode: 'jwt' }, /on tokens in the layout of connect-redis/],
    [{ store: `${url}&ttl=5`, idleTimeout: 5000 }, /said twice .* in the layout of connect-redis/],
    [{ store: `${url}&ttl=x` }, /ttl/],
    [{ store: `${url}&disableTouch=maybe` }, /disableTouch must be true or false/],
    [{ store: 'redis://127.0.0.1:1?layout=starsessions' }, /read on the way in alone/],
    [{ store: 'redis://127.0.0.1:1?disableTTL=true' }, /layout=connect-redis alone/],
  ]) {
    assert.throws(() => session({ secret: SECRET, store: url, ...options }), message);
  }
  const { urls } = await fleet(t, { ours: { owner: ({ user }) => user } });
  const answer = await new Browser(urls.coatcheck).get('/login?user=ann');
  assert.equal(answer.status, 500);
});
