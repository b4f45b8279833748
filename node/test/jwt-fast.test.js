// createSigner, createVerifier and createDecoder beside fast-jwt: key functions in its ways, callbacks, what comes back,
// every option by name.

'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { describe, it } = require('node:test');
const fast = require('fast-jwt');
const jwt = require('../jwt.js');
const { stopClock } = require('./clock.js');

const KEY = 'a key of the tests with 32 bytes';
const NOW = 1_700_000_000_000;
const CLAIMS = { sub: 'ann', iss: 'i', aud: ['a', 'b'], jti: 'j', nonce: 'n', iat: NOW / 1000 };
const TOKEN = fast.createSigner({ key: KEY, kid: 'k' })(CLAIMS);
const LIBRARIES = { 'fast-jwt': fast, coatcheck: jwt };

const called = (run) =>
  new Promise((resolve, reject) => {
    run((error, value) => (error ? reject(error) : resolve(value)));
  });

for (const [name, lib] of Object.entries(LIBRARIES)) {
  describe(`key functions of ${name}`, () => {
    const ways = {
      'a promise': async () => KEY,
      'a callback': (_token, give) => give(null, KEY),
      'a callback, later': (_token, give) => setImmediate(give, null, KEY),
      'a promise of one that has a callback': async (_token, _give) => KEY,
    };
    for (const [way, key] of Object.entries(ways)) {
      it(`${way}, and an answer as promise or callback`, async () => {
        const sign = lib.createSigner({ key, algorithm: 'HS256' });
        const verify = lib.createVerifier({ key, algorithms: ['HS256'] });
        assert.deepEqual(await verify(await sign(CLAIMS)), CLAIMS);
        const token = await called((done) => sign(CLAIMS, done));
        assert.deepEqual(await called((done) => verify(token, done)), CLAIMS);
        await assert.rejects(called((done) => verify(`${token.slice(0, -4)}AAAA`, done)));
        await assert.rejects(called((done) => verify('x', done)));
      });
    }
    it('see header, payload and signature', async () => {
      const seen = [];
      const key = async ({ header, payload, signature }) => {
        seen.push({ header, payload, signature });
        return KEY;
      };
      await lib.createVerifier({ key })(TOKEN);
      assert.deepEqual(seen, [
        { header: { alg: 'HS256', typ: 'JWT', kid: 'k' }, payload: CLAIMS, signature: TOKEN.split('.')[2] },
      ]);
      const signing = [];
      await lib.createSigner({ algorithm: 'HS256', kid: 'k', key: async (one) => signing.push(one) && KEY })(CLAIMS);
      assert.deepEqual(signing, [{ header: { alg: 'HS256', typ: 'JWT', kid: 'k' }, payload: CLAIMS }]);
    });
    it('that fail or give nothing refuse', async () => {
      for (const key of [
        async () => undefined,
        async () => Promise.reject(new Error('down')),
        (_t, give) => give(new Error('down')),
      ]) {
        await assert.rejects(lib.createVerifier({ key })(TOKEN));
        await assert.rejects(lib.createSigner({ key, algorithm: 'HS256' })(CLAIMS));
      }
    });
  });

  describe(`what comes back from ${name}`, () => {
    it('complete', () => {
      const [head, body, signature] = TOKEN.split('.');
      const header = { alg: 'HS256', typ: 'JWT', kid: 'k' };
      const whole = { header, payload: CLAIMS, signature, input: `${head}.${body}` };
      assert.deepEqual(lib.createVerifier({ key: KEY, complete: true })(TOKEN), whole);
      for (const token of [TOKEN, Buffer.from(TOKEN)]) {
        assert.deepEqual(lib.createDecoder({ complete: true })(token), whole);
        assert.deepEqual(lib.createDecoder()(token), CLAIMS);
      }
    });
    it('of a decoder, for what is no token', () => {
      const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const bad = [
        '',
        'x',
        'a.b.c',
        5,
        null,
        `${part([])}.${part({})}.`,
        `${part({})}.${part(5)}.`,
        `${part({})}.${part([])}.`,
      ];
      for (const token of bad) assert.throws(() => lib.createDecoder()(token), Error, String(token));
      assert.throws(() => lib.createDecoder({ checkTyp: 'at+jwt' })(TOKEN));
      assert.deepEqual(lib.createDecoder({ checkTyp: 'JWT' })(TOKEN), CLAIMS);
    });
  });
}

describe('the same token from both', () => {
  const all = [
    {},
    { expiresIn: 60_000 },
    { expiresIn: '2 days', notBefore: '10m' },
    { noTimestamp: true },
    { typ: 'x' },
  ];
  all.push(
    { jti: 'x', aud: ['x'], iss: 'y', sub: 'z', nonce: 'm' },
    { header: { x: 1 }, kid: 'k' },
    { algorithm: 'HS512' },
  );
  for (const options of all) {
    it(JSON.stringify(options), () => {
      for (const claims of [{}, { iat: NOW / 1000, b: 1 }, { exp: 1_800_000_000, iss: 'other' }]) {
        const [theirs, ours] = [fast, jwt].map((lib) => {
          const payload = { ...claims };
          const token = lib.createSigner({
            key: KEY,
            clockTimestamp: NOW,
            mutatePayload: true,
            algorithm: 'HS256',
            ...options,
          })(payload);
          return { token, payload: JSON.parse(JSON.stringify(payload)) };
        });
        assert.deepEqual(ours, theirs);
      }
    });
  }
});

describe('the same answer from both', () => {
  const matchers = ['ann', 'bob', /^a/, /^b/g, ['bob', 'ann'], ['bob', /n$/], [/^x/, /^y/]];
  for (const [option, claim] of Object.entries({
    allowedSub: 'sub',
    allowedAud: 'aud',
    allowedIss: 'iss',
    allowedJti: 'jti',
    allowedNonce: 'nonce',
  })) {
    it(option, () => {
      for (const value of claim === 'aud' ? ['ann', ['x', 'ann'], ['x']] : ['ann', 'x']) {
        const token = fast.createSigner({ key: KEY })({ [claim]: value });
        for (const allowed of matchers) {
          const [theirs, ours] = [fast, jwt].map((lib) => {
            const verify = lib.createVerifier({ key: KEY, [option]: allowed });
            try {
              verify(token);
              return Boolean(verify(token)); // twice: a RegExp with the flag g remembers
            } catch {
              return false;
            }
          });
          assert.equal(ours, theirs, `${option} ${allowed} of ${value}`);
        }
      }
    });
  }
  it('keys of every kind, the algorithm found by the key', () => {
    const pem = (key) => key.export({ format: 'pem', type: key.type === 'public' ? 'spki' : 'pkcs8' });
    const kinds = [
      ['rsa', { modulusLength: 2048 }],
      ['ec', { namedCurve: 'P-256' }],
      ['ec', { namedCurve: 'P-521' }],
      ['ed25519'],
    ];
    for (const [type, options] of kinds) {
      const { publicKey, privateKey } = crypto.generateKeyPairSync(type, options);
      const tokens = [fast, jwt].map((lib) => lib.createSigner({ key: pem(privateKey) })(CLAIMS));
      for (const token of tokens) {
        for (const lib of [fast, jwt]) assert.deepEqual(lib.createVerifier({ key: pem(publicKey) })(token), CLAIMS);
      }
    }
  });
});

describe('options by name', () => {
  // What fast-jwt has and we have not; each is refused, never passed over.
  const missing = ['errorCacheTTL', 'allowedCritHeaders', 'cacheKeyBuilder'];
  it('the verifier refuses what it does not have', () => {
    for (const name of missing) {
      assert.throws(() => jwt.createVerifier({ key: KEY, [name]: undefined }), {
        code: 'ERR_INVALID_OPTION',
        message: RegExp(name),
      });
    }
  });
  it('unsigned tokens cannot be asked for', () => {
    assert.throws(() => jwt.createSigner({ algorithm: 'none' }), { code: 'ERR_INVALID_OPTION' });
    assert.throws(() => jwt.createVerifier({ algorithms: ['none'] }), { code: 'ERR_INVALID_OPTION' });
    assert.throws(() => jwt.createVerifier({ key: KEY, algorithms: ['none'] }), { code: 'ERR_INVALID_OPTION' });
  });
  it('a cache without an end lasts until the token expires', (t) => {
    const turn = stopClock(t, NOW);
    const verify = jwt.createVerifier({ key: KEY, cache: { symmetric: true }, cacheTTL: Number.POSITIVE_INFINITY });
    const token = jwt.createSigner({ key: KEY, expiresIn: '30d' })({});
    const first = verify(token);
    turn(29 * 86_400_000);
    assert.equal(verify(token), first);
    turn(86_400_000);
    assert.throws(() => verify(token), { code: 'ERR_TOKEN_EXPIRED' });
  });
});
