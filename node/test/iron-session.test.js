'use strict';

// `coatcheck/iron-session` and the real iron-session: each reads what the other has written, and their messages are alike.

const assert = require('node:assert/strict');
const http = require('node:http');
const { once } = require('node:events');
const { test, describe } = require('node:test');
const ours = require('../iron-session.js');
const theirs = require('iron-session');
const { Browser, serve } = require('./support.js');
const irons = require('../../tests/vectors/iron.json').cases;
const { native } = require('../lib/native.js');

const password = 'a password of the tests that is long enough';
const older = { 1: 'an older password of the tests, long enough', 2: password };
const data = { user: { id: 1, name: 'é' }, list: [1, 'a', null], ok: true };

describe('seals', () => {
  test('known answers', () => {
    for (const { id, password: secret, sealed, plaintext } of irons) {
      assert.equal(native.ironUnseal([[id, secret]], sealed), plaintext);
    }
  });

  test('each reads what the other has sealed', async () => {
    assert.deepEqual(await ours.unsealData(await theirs.sealData(data, { password }), { password }), data);
    assert.deepEqual(
      await theirs.unsealData(await ours.sealData(data, { password, format: 'iron' }), { password }),
      data,
    );
    assert.deepEqual(await ours.unsealData(await ours.sealData(data, { password }), { password }), data);
    for (const ttl of [0, 60]) {
      const seal = await ours.sealData(data, { password, ttl, format: 'iron' });
      assert.deepEqual(await theirs.unsealData(seal, { password, ttl }), data);
      assert.deepEqual(await ours.unsealData(await theirs.sealData(data, { password, ttl }), { password }), data);
    }
  });

  test('the newest password seals, all unseal', async () => {
    for (const format of ['iron', 'coatcheck']) {
      const old = await ours.sealData(data, { password: { 1: older[1] }, format });
      assert.deepEqual(await ours.unsealData(old, { password: older }), data);
      const seal = await ours.sealData(data, { password: older, format });
      assert.deepEqual(await ours.unsealData(seal, { password: { 2: password } }), data);
      assert.deepEqual(await ours.unsealData(seal, { password: { 1: older[1] } }), {});
    }
    assert.match(await ours.sealData(data, { password: older, format: 'iron' }), /^Fe26\.2\*2\*/);
    assert.deepEqual(
      await ours.unsealData(await theirs.sealData(data, { password: older }), { password: older }),
      data,
    );
  });

  test('what is no session is {}, by the same messages', async () => {
    const seal = await theirs.sealData(data, { password });
    const spoilt = [
      seal.slice(0, 20),
      `${seal.slice(0, -6)}AAA~2`,
      seal.replace('*1*', '*7*'),
      '',
      'x',
      seal.replace('Fe26.2', 'Fe26.1'),
    ];
    const outcome = async (entry, one) => {
      try {
        return await entry.unsealData(one, { password });
      } catch (error) {
        return error.message;
      }
    };
    for (const one of spoilt) assert.deepEqual(await outcome(ours, one), await outcome(theirs, one), one);
    assert.deepEqual(await ours.unsealData((await ours.sealData(data, { password })).slice(0, -1), { password }), {});
  });

  test('the version outside the code does not choose what the data is', async () => {
    const seal = await theirs.sealData({ admin: false, persistent: { admin: true } }, { password });
    assert.deepEqual(await ours.unsealData(seal.slice(0, -2), { password }), {});
    const old = await theirs.sealData({ persistent: { a: 1 } }, { password });
    assert.deepEqual(await ours.unsealData(old.slice(0, -2), { password }), { a: 1 });
  });

  test('an end that has passed', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() - 3_600_000 });
    const seals = [
      await theirs.sealData(data, { password, ttl: 60 }),
      await ours.sealData(data, { password, ttl: 60 }),
      await ours.sealData(data, { password, ttl: 60, format: 'iron' }),
    ];
    t.mock.timers.reset();
    for (const seal of seals) assert.deepEqual(await ours.unsealData(seal, { password }), {}, seal);
  });

  test('what can not be sealed is refused with its path', async () => {
    await assert.rejects(ours.sealData({ a: { b: new Map() } }, { password }), /session\.a\.b is a Map or Set/);
    await assert.rejects(ours.sealData({ a: 1n }, { password }), /session\.a is a BigInt/);
  });
});

const usage = [
  [],
  [{}],
  [{ headers: {} }, {}, { password }],
  [{ headers: {} }, {}, { cookieName: 'x' }],
  [{ headers: {} }, {}, { cookieName: 'x', password: 'short' }],
  [{ get: () => {} }, { password }],
  [{ get: () => {} }, { cookieName: 'x', password: 'short' }],
];
test('bad usage, in the same words', async () => {
  for (const args of usage) {
    const said = (entry) =>
      entry.getIronSession(...args).then(
        () => 'nothing',
        (error) => error.message,
      );
    assert.equal(await said(ours), await said(theirs), JSON.stringify(args));
  }
});

const OPTIONS = { cookieName: 'sid', password, cookieOptions: { secure: false } };

// The Set-Cookie values of one program with both; seals are masked.
async function linesOf(entry, options, use, cookie) {
  const server = http.createServer(async (req, res) => {
    try {
      await use(await entry.getIronSession(req, res, options), res);
      if (!res.headersSent) res.end('ok');
    } catch (error) {
      res.end(error.message.replace(/\d+ bytes/, 'N bytes'));
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const response = await fetch(`http://127.0.0.1:${server.address().port}`, { headers: cookie ? { cookie } : {} });
  const text = await response.text();
  server.close();
  return [text, response.headers.getSetCookie().map((line) => line.replace(/^(\w+)=[^;]+/, '$1=SEAL'))];
}

const PROGRAMS = {
  save: [
    OPTIONS,
    (session) => {
      session.a = 1;
      return session.save();
    },
  ],
  destroy: [OPTIONS, (session) => session.destroy()],
  'a ttl': [{ ...OPTIONS, ttl: 3600 }, (session) => session.save()],
  'no end': [{ ...OPTIONS, ttl: 0 }, (session) => session.save()],
  'a maxAge': [{ ...OPTIONS, cookieOptions: { maxAge: 10.7, secure: false } }, (session) => session.save()],
  'until the browser ends': [{ ...OPTIONS, cookieOptions: { maxAge: undefined } }, (session) => session.save()],
  attributes: [
    {
      ...OPTIONS,
      cookieOptions: { domain: 'a.example', path: '/x', sameSite: 'none', httpOnly: false, priority: 'high' },
    },
    (session) => session.save(),
  ],
  'other cookies': [
    OPTIONS,
    (session, res) => {
      res.setHeader('set-cookie', ['a=1', 'b=2']);
      return session.save();
    },
  ],
  'another cookie': [
    OPTIONS,
    (session, res) => {
      res.setHeader('set-cookie', 'a=1');
      return session.save();
    },
  ],
  'too large': [
    OPTIONS,
    (session) => {
      session.text = 'x'.repeat(5000);
      return session.save();
    },
  ],
  'other options': [
    OPTIONS,
    (session) => {
      session.updateConfig({ ...OPTIONS, ttl: 600, cookieName: 'other' });
      return session.save();
    },
  ],
  'after the headers': [
    OPTIONS,
    async (session, res) => {
      res.flushHeaders();
      await session.save().catch((error) => res.end(error.message));
    },
  ],
  'no enumerable methods': [OPTIONS, (session, res) => res.end(JSON.stringify([Object.keys(session), session]))],
};
for (const [name, [options, use]] of Object.entries(PROGRAMS)) {
  test(`over http: ${name}`, async () => {
    assert.deepEqual(await linesOf(ours, options, use), await linesOf(theirs, options, use));
  });
}

test('a browser that has the cookie of iron-session', async (t) => {
  for (const format of [undefined, 'iron']) {
    let entry = theirs;
    const base = await serve(t, async (req, res) => {
      const session = await entry.getIronSession(req, res, { ...OPTIONS, format });
      if (req.url === '/out') {
        session.destroy();
        await session.save();
      } else {
        session.n = (session.n ?? 0) + 1;
        await session.save();
      }
      res.end(String(session.n));
    });
    const browser = new Browser(base);
    assert.equal((await browser.get('/')).body, '1');
    entry = ours;
    assert.equal((await browser.get('/')).body, '2');
    assert.match(browser.jar.get('sid'), format === 'iron' ? /^Fe26/ : /^cc1\./);
    const before = browser.jar.get('sid');
    assert.equal((await browser.get('/out')).setCookie.length, 1);
    // A logout is the end, and a cookie that comes twice is found.
    const { body } = await browser.get('/', { headers: { cookie: `sid=garbage; sid=${before}` } });
    assert.equal(body, '3');
  }
});

test('pieces', async (t) => {
  const reasons = [];
  const options = { ...OPTIONS, chunk: true, onUnsealError: (reason) => reasons.push(reason) };
  const base = await serve(t, async (req, res) => {
    const session = await ours.getIronSession(req, res, options);
    if (req.url === '/out') session.destroy();
    else if (req.url !== '/read') {
      session.text = 'x'.repeat(Number(req.url.slice(1)));
      await session.save().catch((error) => {
        session.text = error.message;
      });
    }
    res.end(String(session.text?.length ?? 0));
  });
  const browser = new Browser(base);
  for (const [size, count] of [
    [10, 1],
    [5000, 2],
    [9000, 3],
    [10, 1],
  ]) {
    await browser.get(`/${size}`);
    assert.equal((await browser.get('/read')).body, String(size));
    assert.equal(browser.jar.size, count);
  }
  assert.notEqual((await browser.get('/30000')).body, '30000');
  await browser.get('/5000');
  await browser.get('/out');
  assert.equal(browser.jar.size, 0);
  assert.deepEqual(reasons, []);
  await browser.get('/read', { headers: { cookie: 'sid=cc1.x' } });
  assert.deepEqual(reasons, ['invalid']);
});

test('fetch requests and responses, and the cookies of Next.js', async () => {
  const req = new Request('http://a.example/', {
    headers: { cookie: `sid=${await theirs.sealData({ n: 1 }, { password })}` },
  });
  const res = new Response('x');
  const session = await ours.getIronSession(req, res, OPTIONS);
  assert.equal(session.n, 1);
  await session.save();
  assert.match(res.headers.getSetCookie()[0], /^sid=cc1\..*; Max-Age=1209540; Path=\/; HttpOnly; SameSite=Lax$/);

  const jar = new Map();
  const store = {
    get: (name) => jar.get(name),
    set: (name, value, options) => jar.set(name, { name, value, options }),
  };
  for (const cookies of [store, Promise.resolve(store)]) {
    const own = await ours.getIronSession(cookies, OPTIONS);
    own.n = (own.n ?? 0) + 1;
    await own.save();
  }
  const last = await ours.getIronSession(store, OPTIONS);
  assert.equal(last.n, 2);
  assert.equal(jar.get('sid').options.maxAge, 1_209_540);
  last.destroy();
  assert.deepEqual([jar.get('sid').value, jar.get('sid').options.maxAge], ['', 0]);
});
