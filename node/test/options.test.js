'use strict';

// Options: misspelt or wrong ones are refused when the middleware is made, by name; no message holds a secret.

const assert = require('node:assert/strict');
const { createSecretKey } = require('node:crypto');
const { test, describe } = require('node:test');
const { SECRET, memoryStore, session, start } = require('./support.js');

const make = (options) => session({ secret: SECRET, store: memoryStore(), ...options });

describe('refused', () => {
  const cases = [
    [{ saveUninitialised: true }, /unknown session option 'saveUninitialised'/],
    [{ cookie: { samesite: 'lax' } }, /unknown cookie option 'samesite'/],
    [{ genid: 'x' }, /genid option must be a function/],
    [{ unset: 'remove' }, /unset option must be "destroy" or "keep"/],
    [{ secret: [] }, /secret option array must contain one or more strings/],
    [{ secret: 5 }, /secret option must be/],
    [{ cookie: { maxAge: '1 hour' } }, /maxAge must be a finite number or a valid Date/],
    [{ cookie: { maxAge: Number.NaN } }, /maxAge must be a finite number or a valid Date/],
    [{ cookie: { maxAge: Number.POSITIVE_INFINITY } }, /maxAge must be a finite number or a valid Date/],
    [{ cookie: { maxAge: new Date(Number.NaN) } }, /maxAge must be a finite number or a valid Date/],
    [{ cookie: { expires: new Date('never') } }, /expires must be a valid Date/],
    [{ idleTimeout: Number.NaN }, /idleTimeout option must be/],
    [{ idleTimeout: Number.POSITIVE_INFINITY }, /idleTimeout option must be/],
    [{ absoluteTimeout: Number.NaN }, /absoluteTimeout option must be/],
    [{ absoluteTimeout: Number.POSITIVE_INFINITY }, /absoluteTimeout option must be/],
    [{ regenerateGrace: Number.NaN }, /regenerateGrace option must be/],
    [{ touchShare: Number.NaN }, /touchShare option must be/],
    [{ cookie: { sameSite: 'Loose' } }, /sameSite must be/],
    [{ cookie: { secure: 'yes' } }, /secure must be true, false or "auto"/],
    [{ cookie: 'x' }, /cookie option must be an object or a function/],
    [{ store: new Map() }, /store option must be a URL, or a session store/],
    [{ resave: 'no' }, /resave option must be true or false/],
    [{ idleTimeout: 0 }, /idleTimeout option must be/],
    [{ touchShare: 1 }, /touchShare option must be/],
    [{ onConflict: 'mime' }, /onConflict option must be/],
    [{ conflictRetries: -1 }, /conflictRetries option must be/],
    [{ idBytes: 15 }, /idBytes option must be a whole number from 16 to 64/],
    [{ idBytes: 32.5 }, /idBytes option must be/],
    [{ onUnknown: 'ajar' }, /onUnknown option must be/],
    [{ keys: [{ secret: SECRET }] }, /exclude each other/],
    [null, /options must be an object/],
  ];
  for (const [options, message] of cases) {
    test(String(message), () => {
      assert.throws(
        () => (options === null ? session('x') : make(options)),
        (error) => {
          assert.ok(error instanceof TypeError, error.stack);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }

  const coded = [
    [{ secret: '' }, 'ERR_INVALID_SECRET'],
    [{ store: 'mysql://x' }, 'ERR_INVALID_URL'],
    [{ store: 'redis://127.0.0.1:1/?nonsense=1' }, 'ERR_INVALID_URL'],
    [{ name: '__Host-x', cookie: { domain: 'example.org' } }, 'ERR_INVALID_COOKIE'],
    [{ name: 'a b' }, 'ERR_INVALID_COOKIE'],
    [{ cookie: { path: '/;x' } }, 'ERR_INVALID_COOKIE'],
  ];
  for (const [options, code] of coded) {
    test(`${JSON.stringify(options)}: ${code}`, () => {
      assert.throws(
        () => make(options),
        (error) => {
          assert.equal(error.code, code, error.message);
          assert.ok(error instanceof session.CoatcheckError);
          return true;
        },
      );
    });
  }
});

test('no secret: from COATCHECK_SECRET, else an error that says so', (t) => {
  const saved = process.env.COATCHECK_SECRET;
  t.after(() => {
    if (saved === undefined) delete process.env.COATCHECK_SECRET;
    else process.env.COATCHECK_SECRET = saved;
  });
  delete process.env.COATCHECK_SECRET;
  assert.throws(() => session({ store: memoryStore() }), /secret option required for sessions.*COATCHECK_SECRET/);
  process.env.COATCHECK_SECRET = SECRET;
  assert.equal(typeof session({ store: memoryStore() }), 'function');
});

test('secrets are strings, bytes, KeyObjects or keys with dates and states', () => {
  make({ secret: Buffer.from(SECRET) });
  make({ secret: createSecretKey(Buffer.from(SECRET)) });
  make({
    secret: undefined,
    keys: [
      { id: '2026', secret: SECRET },
      { id: '2025', secret: `${SECRET}2`, state: 'verify-only' },
    ],
  });
});

test('a short secret is a warning that names the option and not the secret', async (t) => {
  const warnings = [];
  const listen = (warning) => warnings.push(warning.message);
  process.on('warning', listen);
  t.after(() => process.off('warning', listen));
  make({ secret: 'hunter2' });
  await new Promise(setImmediate);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0], /"secret" is shorter than 32 bytes/);
  assert.doesNotMatch(warnings[0], /hunter2/);
});

test('idBytes: how long a new id is; conflictRetries: when a transaction gives up', async (t) => {
  const browser = await start(
    t,
    {
      '/id': (req, res) => {
        req.session.n = 1;
        res.json({ length: req.sessionID.length });
      },
      '/transact': async (req, res) => {
        const error = await req.session
          .transact(async (now) => {
            now.n += 1;
            const other = await req.sessionStore.get(req.sessionID); // another request, as it were
            other.n += 1;
            await req.sessionStore.set(req.sessionID, other);
          })
          .catch((error) => error);
        res.json({ code: error?.code });
      },
    },
    { idBytes: 16, conflictRetries: 0 },
  );
  assert.deepEqual(await browser.json('/id'), { length: 22 });
  assert.deepEqual(await browser.json('/transact'), { code: 'ERR_SESSION_CONFLICT' });
});

test('undefined and null are options that were not given', () => {
  make({ name: undefined, cookie: { maxAge: null, domain: undefined }, rolling: undefined, genid: null });
});

test('what the module exports', async () => {
  assert.equal(typeof session, 'function');
  for (const name of ['Cookie', 'CoatcheckError', 'KeyRing', 'MemoryStore', 'Session', 'Store']) {
    assert.equal(typeof session[name], 'function', name);
  }
  const module = await import('../index.mjs');
  assert.equal(module.default, session);
  assert.equal(module.Store, session.Store);
  assert.equal(require('coatcheck'), session);
  assert.equal((await import('coatcheck')).Cookie, session.Cookie);
});

test('what express-session takes and does nothing with is taken, with one warning', async () => {
  const warned = [];
  const note = (warning) => warned.push(warning.message);
  process.on('warning', note);
  for (let i = 0; i < 2; ++i) {
    const cookie = {
      signed: true,
      overwrite: true,
      encode: String,
      sameSite: 'Lax',
      priority: 'High',
      maxAge: false,
      expires: false,
    };
    assert.equal(typeof session({ secret: SECRET, store: 'memory:', cookie }), 'function');
  }
  await new Promise(setImmediate);
  process.off('warning', note);
  assert.equal(warned.filter((text) => text.startsWith('cookie option signed, encode, overwrite')).length, 1);
});
