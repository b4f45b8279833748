'use strict';

// Sessions in their cookie, signed ('jwt') and sealed ('jwe'): what they promise, on each kind of store.

const assert = require('node:assert/strict');
const { test, describe } = require('node:test');
const coatcheck = require('..');
const jwt = require('../jwt.js');
const { Browser, FRAMEWORKS, Redis, SECRET, fileStore, memoryStore, serve, session, start } = require('./support.js');

const ROUTES = {
  '/login': async (req, res) => {
    await req.session.regenerate();
    req.session.user = 'ann';
    res.end('in');
  },
  '/id': (req, res) => res.end(String(req.sessionID)),
  '/read': (req, res) => res.end(String(req.session.user)),
  '/untouched': (_req, res) => res.end('ok'),
  '/count': (req, res) => {
    req.session.count = (req.session.count ?? 0) + 1;
    res.end(String(req.session.count));
  },
  '/logout': async (req, res) => {
    await req.session.destroy();
    res.end('out');
  },
  '/reload': async (req, res) => {
    await req.session.reload();
    res.end();
  },
  '/large': (req, res) => {
    req.session.much = 'x'.repeat(5000);
    res.end();
  },
  '/late': async (req, res) => {
    req.session.user = 'ann';
    res.write('begun ');
    req.session.user = 'late';
    const outcome = await req.session.save().then(
      () => 'saved',
      (error) => error.code,
    );
    res.end(outcome);
  },
};
const STORES = {
  memory: () => memoryStore(),
  file: (t) => fileStore(t),
  redis: async (t) => (await Redis.start(t)).url,
};
const TTL = 1000; // the shortest that the core takes

// A service with a store of its own handle, so that a test can close it.
async function service(t, mode, url, options = {}) {
  const store = new coatcheck.Store(url);
  const middleware = session({ secret: SECRET, store, mode, ...options });
  const browser = new Browser(await serve(t, FRAMEWORKS.express5(middleware, ROUTES)));
  return { browser, store };
}

// Asks again and again, with pauses, until `done` accepts the answer, or half a minute has gone.
async function until(browser, target, done) {
  const end = Date.now() + 30_000;
  for (;;) {
    const answer = await browser.get(target);
    if (done(answer) || Date.now() > end) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
// An answer sends a cookie when the refresh is due.
const untilRefreshed = (browser, target) => until(browser, target, ({ setCookie }) => setCookie.length > 0);
const untilLoggedOut = async (browser) => (await until(browser, '/read', ({ body }) => body !== 'ann')).body;

const payloadOf = (cookie) => {
  const parts = cookie.split('.');
  return parts.length === 3 ? Buffer.from(parts[1], 'base64url').toString() : '';
};

for (const mode of ['jwt', 'jwe']) {
  for (const [kind, makeStore] of Object.entries(STORES)) {
    describe(`${mode} on ${kind}`, () => {
      test('the session is in the cookie, readable only where it is signed', async (t) => {
        const { browser } = await service(t, mode, await makeStore(t));
        await browser.get('/login');
        const cookie = browser.jar.get('session');
        assert.equal(cookie.split('.').length, mode === 'jwt' ? 3 : 5);
        assert.equal(payloadOf(cookie).includes('ann'), mode === 'jwt');
        assert.equal((await browser.get('/read')).body, 'ann');
        assert.match((await browser.get('/id')).body, /^[\w-]{22}$/);
      });

      test('a session is read and changed while its store is closed', async (t) => {
        const { browser, store } = await service(t, mode, await makeStore(t));
        await browser.get('/login');
        store.close();
        const read = await browser.get('/read');
        assert.equal(read.body, 'ann');
        assert.deepEqual(read.setCookie, []);
        assert.equal((await browser.get('/count')).body, '1');
        assert.equal((await browser.get('/count')).body, '2');
        const fresh = new Browser(browser.url);
        assert.equal((await fresh.get('/login')).status, 503, 'a new session needs the store');
      });

      test('after accessTtl the cookie is replaced, even if nobody looks at the session', async (t) => {
        const { browser } = await service(t, mode, await makeStore(t), { accessTtl: TTL });
        await browser.get('/login');
        const before = browser.jar.get('session');
        const refreshed = await untilRefreshed(browser, '/untouched');
        assert.equal(refreshed.setCookie.length, 1);
        assert.notEqual(browser.jar.get('session'), before);
        assert.equal((await browser.get('/read')).body, 'ann');
      });

      test('logout clears the cookie; a copy of it ends at its refresh', async (t) => {
        const { browser } = await service(t, mode, await makeStore(t), { accessTtl: TTL });
        await browser.get('/login');
        const copy = browser.clone();
        await browser.get('/logout');
        assert.equal(browser.jar.size, 0);
        assert.equal((await browser.get('/read')).body, 'undefined');
        assert.equal(await untilLoggedOut(copy), 'undefined');
      });

      test('a replaced cookie that comes again is taken for stolen, where there is no grace', async (t) => {
        const { browser } = await service(t, mode, await makeStore(t), { accessTtl: TTL, refreshGrace: 0 });
        await browser.get('/login');
        const thief = browser.clone();
        await untilRefreshed(browser, '/untouched');
        assert.equal((await thief.get('/read')).body, 'undefined');
        // The owner's own cookie ends with the family, at its refresh.
        assert.equal(await untilLoggedOut(browser), 'undefined');
      });

      test('a changed byte makes the cookie worthless', async (t) => {
        const { browser } = await service(t, mode, await makeStore(t));
        await browser.get('/login');
        const cookie = browser.jar.get('session');
        const last = cookie.lastIndexOf('.') + 2;
        const other = cookie[last] === 'A' ? 'B' : 'A';
        browser.jar.set('session', cookie.slice(0, last) + other + cookie.slice(last + 1));
        assert.equal((await browser.get('/read')).body, 'undefined');
      });
    });
  }

  describe(`${mode}: refused`, () => {
    test('reload says why', async (t) => {
      const seen = [];
      const browser = await start(t, ROUTES, { mode }, (error) => seen.push(error));
      await browser.get('/login');
      assert.equal((await browser.get('/reload')).status, 500);
      assert.equal(seen[0].code, 'ERR_INVALID_STATE');
      assert.match(seen[0].message, /the session is in its cookie/);
    });

    test('a session that no cookie can hold', async (t) => {
      const browser = await start(t, ROUTES, { mode });
      const answer = await browser.get('/large');
      assert.match(answer.body, /ERR_PAYLOAD_TOO_LARGE/);
      assert.deepEqual(answer.setCookie, []);
    });

    test('a save once the response has begun', async (t) => {
      const browser = await start(t, ROUTES, { mode });
      assert.equal((await browser.get('/late')).body, 'begun ERR_HEADERS_SENT');
      assert.equal((await browser.get('/read')).body, 'ann');
    });

    test("an id of the application's own", () => {
      assert.throws(() => session({ secret: SECRET, store: memoryStore(), mode, genid: () => 'x' }), /genid option/);
    });

    test('a cookie of the other mode', async (t) => {
      const url = memoryStore();
      const { browser } = await service(t, mode, url);
      await browser.get('/login');
      const other = await service(t, mode === 'jwt' ? 'jwe' : 'jwt', url);
      assert.equal((await new Browser(other.browser.url, browser.jar).get('/read')).body, 'undefined');
    });
  });
}

describe('own keys', () => {
  const newKey = (mode, kid) => jwt.generateKey(mode === 'jwt' ? 'ES256' : 'dir', { kid });

  for (const mode of ['jwt', 'jwe']) {
    test(`${mode}: they rotate under living sessions`, async (t) => {
      const url = memoryStore();
      const [old, fresh] = [newKey(mode, 'old'), newKey(mode, 'new')];
      const retired = mode === 'jwt' ? old.publicKey() : old;
      const { browser } = await service(t, mode, url, { tokenKeys: old, accessTtl: TTL });
      await browser.get('/login');
      const before = browser.jar.get('session');

      const both = await service(t, mode, url, { tokenKeys: [fresh, retired], accessTtl: TTL });
      const moved = new Browser(both.browser.url, browser.jar);
      assert.equal((await moved.get('/read')).body, 'ann');
      await untilRefreshed(moved, '/untouched');

      const only = await service(t, mode, url, { tokenKeys: [fresh], accessTtl: TTL });
      assert.equal((await new Browser(only.browser.url, moved.jar).get('/read')).body, 'ann');
      const late = new Browser(only.browser.url, new Map([['session', before]]));
      assert.equal((await late.get('/read')).body, 'undefined', 'the old key is gone');
    });
  }

  test('others verify a signed session with the public key alone', async (t) => {
    const key = newKey('jwt', 'k');
    const { browser } = await service(t, 'jwt', memoryStore(), { tokenKeys: key, owner: (data) => data.user });
    await browser.get('/login');
    const verify = jwt.createVerifier({ key: key.publicKey(), checkTyp: 'cc-session+jwt' });
    const claims = verify(browser.jar.get('session'));
    assert.deepEqual([claims.data.user, claims.sub], ['ann', 'ann']);
  });

  const refused = [
    ['an empty array', { mode: 'jwt', tokenKeys: [] }, /tokenKeys option must be a Key/],
    ['a secret', { mode: 'jwt', tokenKeys: 'a secret of more than thirty-two bytes' }, /tokenKeys option must be/],
    ['something among keys', { mode: 'jwt', tokenKeys: [jwt.generateKey('ES256'), {}] }, /tokenKeys option must be/],
    ['a set', { mode: 'jwt', tokenKeys: jwt.createKeySet([jwt.generateKey('ES256')]) }, /tokenKeys option must be/],
    [
      'a public key that is to sign',
      { mode: 'jwt', tokenKeys: jwt.generateKey('ES256').publicKey() },
      /keys that sign/,
    ],
    [
      'an asymmetric key that is to seal',
      { mode: 'jwe', tokenKeys: jwt.generateKey('RSA-OAEP-256') },
      /symmetric keys/,
    ],
    ['keys without a use', { tokenKeys: jwt.generateKey('ES256') }, /tokenKeys option needs mode "jwt" or "jwe"/],
  ];
  for (const [what, options, message] of refused) {
    test(`refused: ${what}`, () => {
      assert.throws(() => session({ secret: SECRET, store: memoryStore(), ...options }), { message });
    });
  }
});

describe('owners', () => {
  const owner = (data) => data.user;

  test('revokeAll ends the sessions of an owner at once where the epoch is checked', async (t) => {
    const url = memoryStore();
    const { browser, store } = await service(t, 'jwt', url, { owner, checkEpoch: true });
    const tokens = new coatcheck.RefreshTokens(store, { secret: SECRET });
    await browser.get('/login');
    const families = await tokens.list('ann');
    assert.deepEqual(
      families.map(({ id, kind }) => ({ id, kind })),
      [{ id: (await browser.get('/id')).body, kind: 'session' }],
    );
    assert.equal((await tokens.revokeAll('ann')).count, 1);
    assert.equal((await browser.get('/read')).body, 'undefined');
  });

  test('a session that is spared goes on', async (t) => {
    const { browser, store } = await service(t, 'jwe', memoryStore(), { owner, checkEpoch: true });
    const tokens = new coatcheck.RefreshTokens(store, { secret: SECRET });
    const other = new Browser(browser.url);
    await browser.get('/login');
    await other.get('/login');
    const mine = (await browser.get('/id')).body;
    assert.equal((await tokens.revokeAll('ann', { except: mine })).count, 1);
    assert.equal((await browser.get('/read')).body, 'ann');
    assert.equal((await other.get('/read')).body, 'undefined');
  });

  test('an owner that is no string is an error', async (t) => {
    const browser = await start(t, ROUTES, { owner: () => 7 });
    assert.match((await browser.get('/count')).body, /owner must return a string/);
  });
});

describe('options', () => {
  const cases = [
    [{ mode: 'token' }, /mode option must be "store", "jwt" or "jwe"/],
    [{ accessTtl: 60_000 }, /accessTtl option needs mode "jwt" or "jwe"/],
    [{ mode: 'store', checkEpoch: true }, /checkEpoch option needs mode/],
    [{ mode: 'jwt', accessTtl: '5m' }, /accessTtl option must be milliseconds/],
    [{ mode: 'jwt', accessTtl: 999 }, /access_ttl must be between 1000 ms and 3600000 ms/],
    [{ mode: 'jwe', refreshGrace: 600_001 }, /refresh_grace must be between 0 and 600000 ms/],
    [{ mode: 'jwt', owner: 'ann' }, /owner option must be a function/],
  ];
  for (const [options, message] of cases) {
    test(String(message), () => {
      assert.throws(() => session({ secret: SECRET, store: memoryStore(), ...options }), { message });
    });
  }
});
