'use strict';

// `coatcheck/fast-jwt` beside the real fast-jwt: each call is made with both; answers, codes and messages are the same, and
// each takes what the other has signed.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { promisify } = require('node:util');
const { test, describe } = require('node:test');
const ours = require('../fast-jwt.js');
const theirs = require('fast-jwt');
const { serveFastify } = require('./fastify-jwt.js');

const NOW = 1_800_000_000_000;
const pem = (key, type = 'pkcs8') => key.export({ type, format: 'pem' });
const pair = (...args) => {
  const { privateKey, publicKey } = crypto.generateKeyPairSync(...args);
  return { private: pem(privateKey), public: pem(publicKey, 'spki'), privateKey, publicKey };
};
const RSA = pair('rsa', { modulusLength: 2048 });
const ES256 = pair('ec', { namedCurve: 'prime256v1' });
const ES384 = pair('ec', { namedCurve: 'secp384r1' });
const ES512 = pair('ec', { namedCurve: 'secp521r1' });
const ED = pair('ed25519');
const ED448 = pair('ed448');
const X25519 = pair('x25519');
const PSS = pair('rsa-pss', { modulusLength: 2048 });
const P224 = pair('ec', { namedCurve: 'secp224r1' });
const ENCRYPTED = RSA.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'pass' });
const SECRET = 'a secret of the tests';

const outcome = async (start) => {
  try {
    return { value: await start() };
  } catch (error) {
    return { name: error.constructor.name, code: error.code, message: error.message };
  }
};
const unsigned = (header, payload) =>
  [header, payload]
    .map((one) => Buffer.from(typeof one === 'string' ? one : JSON.stringify(one)).toString('base64url'))
    .join('.');
const hs256 = (header, payload, secret = SECRET) => {
  const input = unsigned(header, payload);
  return `${input}.${crypto.createHmac('sha256', secret).update(input).digest('base64url')}`;
};
const bare = (token) => token.split('.').slice(0, 2);

const KEYS = {
  HS256: [SECRET, SECRET],
  HS384: [Buffer.from(SECRET), SECRET],
  HS512: [SECRET, SECRET],
  RS256: [RSA.private, RSA.public],
  RS384: [RSA.private, RSA.public],
  RS512: [RSA.private, RSA.public],
  PS256: [RSA.private, RSA.public],
  PS384: [RSA.private, RSA.public],
  PS512: [RSA.private, RSA.public],
  ES256: [ES256.private, ES256.public],
  ES384: [ES384.private, ES384.public],
  ES512: [ES512.private, ES512.public],
  EdDSA: [ED.private, ED.public],
};

describe('each takes what the other has signed', () => {
  for (const [algorithm, [signing, verifying]] of Object.entries(KEYS)) {
    test(algorithm, async () => {
      for (const [a, b] of [
        [ours, theirs],
        [theirs, ours],
        [ours, ours],
      ]) {
        const token = a.createSigner({ key: signing, algorithm, clockTimestamp: NOW, kid: 'k' })({ a: 'é' });
        assert.deepEqual(b.createVerifier({ key: verifying, algorithms: [algorithm], clockTimestamp: NOW })(token), {
          a: 'é',
          iat: NOW / 1000,
        });
        const later = await a.createSigner({ key: async () => signing, algorithm, clockTimestamp: NOW })({ a: 1 });
        assert.deepEqual(await b.createVerifier({ key: async () => verifying, clockTimestamp: NOW })(later), {
          a: 1,
          iat: NOW / 1000,
        });
      }
    });
  }

  test('other forms of a key', () => {
    const forms = [
      { key: pem(RSA.privateKey, 'pkcs1') },
      { key: pem(ES256.privateKey, 'sec1') },
      { key: { key: ENCRYPTED, passphrase: 'pass' }, algorithm: 'RS256' },
      { key: ` \n${RSA.private}` },
      { key: Buffer.from(ED.private) },
      { key: ED448.private },
      { algorithm: 'none' },
    ];
    const decode = ours.createDecoder({ complete: true });
    for (const form of forms) {
      const [mine, peers] = [ours, theirs].map((entry) =>
        entry.createSigner({ ...form, clockTimestamp: NOW })({ a: 1 }),
      );
      assert.deepEqual(bare(mine), bare(peers));
      assert.equal(decode(mine).signature.length, decode(peers).signature.length);
    }
    for (const key of [pem(RSA.publicKey, 'pkcs1'), Buffer.from(ED448.public)]) {
      assert.equal(typeof ours.createVerifier({ key }), 'function');
    }
  });
});

// [options, payload]
const SIGNED = [
  [{}, {}],
  [{}, null],
  [{}, 'x'],
  [{}, { exp: 'x' }],
  [{}, { exp: -1 }],
  [{}, { nbf: 1.5 }],
  [{}, { exp: 0, nbf: 5 }],
  [{}, []],
  [{ expiresIn: 1000 }, { a: 1 }],
  [{ expiresIn: '1h' }, { exp: 5 }],
  [{ expiresIn: -5000 }, {}],
  [{ expiresIn: '2 days' }, {}],
  [{ notBefore: 2000 }, {}],
  [{ notBefore: '10m' }, { nbf: 5 }],
  [{ noTimestamp: true }, { iat: 5 }],
  [{ noTimestamp: true, expiresIn: 1000 }, {}],
  [{}, { iat: 100 }],
  [{ expiresIn: 1000 }, { iat: 100 }],
  [
    { jti: 'j', aud: ['a', 'b'], iss: 'i', sub: 's', nonce: 'n' },
    { jti: 'other', a: 1 },
  ],
  [{ aud: 'a' }, {}],
  [{ kid: 'k', typ: 'at+jwt', header: { x: 1, alg: 'HS256' } }, {}],
  [{ header: { typ: 'other' } }, {}],
];
const WRONG_SIGNERS = [
  {},
  { key: '' },
  { key: 1 },
  { key: {} },
  { key: SECRET, algorithm: 'HS1' },
  { key: SECRET, algorithm: 'none' },
  { key: { key: ENCRYPTED, passphrase: 'pass' } },
  { key: RSA.public },
  { key: SECRET, algorithm: 'RS256' },
  { key: RSA.private, algorithm: 'ES256' },
  { key: ES256.private, algorithm: 'PS256' },
  { key: ED.private, algorithm: 'ES256' },
  { key: X25519.private },
  { key: PSS.private },
  { key: P224.private },
  { key: '-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----' },
  { key: '-----BEGIN OTHER-----' },
  { key: '-----BEGIN CERTIFICATE-----\nx' },
  { key: JSON.stringify(RSA.publicKey.export({ format: 'jwk' })) },
  { key: JSON.stringify({ keys: [RSA.publicKey.export({ format: 'jwk' })] }) },
  { key: `[${JSON.stringify(ES256.publicKey.export({ format: 'jwk' }))}]` },
  { key: '{"kty":"oct"}' },
  { key: '{bad' },
  { key: Buffer.alloc(0) },
  { key: SECRET, expiresIn: 'x' },
  { key: SECRET, expiresIn: true },
  { key: SECRET, expiresIn: Number.NaN },
  { key: SECRET, notBefore: -1 },
  { key: SECRET, notBefore: 'x' },
  { key: SECRET, notBefore: {} },
  { key: SECRET, clockTimestamp: -1 },
  { key: SECRET, clockTimestamp: '1' },
  { key: SECRET, clockTimestamp: Number.POSITIVE_INFINITY },
  { key: SECRET, jti: 1 },
  { key: SECRET, aud: 1 },
  { key: SECRET, iss: 1 },
  { key: SECRET, sub: 1 },
  { key: SECRET, nonce: 1 },
  { key: SECRET, kid: 1 },
  { key: SECRET, header: 1 },
];

describe('createSigner', () => {
  for (const [options, payload] of SIGNED) {
    test(JSON.stringify([options, payload]), async () => {
      const sign = (entry) =>
        outcome(() => entry.createSigner({ key: SECRET, clockTimestamp: NOW, ...options })(payload));
      assert.deepEqual(await sign(ours), await sign(theirs));
      const later = (entry) =>
        outcome(() => entry.createSigner({ key: async () => SECRET, clockTimestamp: NOW, ...options })(payload));
      assert.deepEqual(await later(ours), await later(theirs));
    });
  }
  for (const options of WRONG_SIGNERS) {
    test(`wrong: ${JSON.stringify(options).slice(0, 80)}`, async () => {
      const make = (entry) => outcome(() => typeof entry.createSigner(options));
      assert.deepEqual(await make(ours), await make(theirs));
    });
  }
  test('mutatePayload', () => {
    const payloads = [ours, theirs].map((entry) => {
      const payload = { a: 1 };
      entry.createSigner({ key: SECRET, mutatePayload: true, expiresIn: 1000, clockTimestamp: NOW, sub: 's' })(payload);
      return payload;
    });
    assert.deepEqual(payloads[0], payloads[1]);
  });
  test('keys that come later', async () => {
    const pemKey = async () => RSA.private;
    const functions = [
      async () => 5,
      async () => {
        throw new Error('boom');
      },
      (_decoded, done) => done(new Error('boom')),
      (_decoded, done) => done(null, SECRET),
      async () => Buffer.from(SECRET),
      async () => '',
      async ({ header, payload }) => `secret ${JSON.stringify([header, payload])}`,
      pemKey,
    ];
    for (const [i, key] of functions.entries()) {
      for (const algorithm of [undefined, 'HS512', 'ES256']) {
        if (key === pemKey && algorithm === 'HS512') continue; // refused here: see below
        const sign = async (entry) => {
          const { value, ...error } = await outcome(() =>
            entry.createSigner({ key, algorithm, clockTimestamp: NOW })({ a: 1 }),
          );
          return value === undefined ? error : bare(value);
        };
        assert.deepEqual(await sign(ours), await sign(theirs), `${i} ${algorithm}`);
      }
    }
    const called = promisify(ours.createSigner({ key: (_decoded, done) => done(null, SECRET), clockTimestamp: NOW }));
    assert.equal(await called({ a: 1 }), theirs.createSigner({ key: SECRET, clockTimestamp: NOW })({ a: 1 }));
  });
});

const HEADER = { alg: 'HS256', typ: 'JWT' };
const s = NOW / 1000;
// Tokens of any shape.
const TOKENS = {
  good: hs256(HEADER, { a: 1, iat: s }),
  'of another key': hs256(HEADER, { a: 1 }, 'other'),
  expired: hs256(HEADER, { exp: s - 10 }),
  'just expired': hs256(HEADER, { exp: s }),
  'not yet': hs256(HEADER, { nbf: s + 10 }),
  'just active': hs256(HEADER, { nbf: s }),
  old: hs256(HEADER, { iat: s - 100 }),
  'wrong dates': hs256(HEADER, { exp: 'x' }),
  'dates in a list': hs256(HEADER, { exp: [1] }),
  claims: hs256(HEADER, { jti: 'JTI', aud: ['AUD1', 'AUD2'], iss: 'ISS', sub: 'SUB', nonce: 'NONCE' }),
  'one audience': hs256(HEADER, { aud: 'AUD1' }),
  'wrong types': hs256(HEADER, { jti: 1, aud: [1], iss: {}, sub: true, nonce: null }),
  'issuers in a list': hs256(HEADER, { iss: ['ISS'] }),
  unsigned: `${unsigned({ alg: 'none', typ: 'JWT' }, { a: 1 })}.`,
  'unsigned, said to be signed': `${unsigned(HEADER, { a: 1 })}.`,
  'none with a signature': `${unsigned({ alg: 'none' }, { a: 1 })}.AAAA`,
  'no typ': hs256({ alg: 'HS256' }, {}),
  'typ at+jwt': hs256({ alg: 'HS256', typ: 'application/AT+JWT' }, {}),
  'typ 1': hs256({ alg: 'HS256', typ: 1 }, {}),
  crit: hs256({ alg: 'HS256', crit: ['a'], a: 1 }, {}),
  'crit empty': hs256({ alg: 'HS256', crit: [] }, {}),
  'crit text': hs256({ alg: 'HS256', crit: 'a' }, {}),
  'crit number': hs256({ alg: 'HS256', crit: [1] }, {}),
  'crit registered': hs256({ alg: 'HS256', crit: ['alg'] }, {}),
  'crit twice': hs256({ alg: 'HS256', crit: ['a', 'a'], a: 1 }, {}),
  'crit absent': hs256({ alg: 'HS256', crit: ['a'] }, {}),
  'crit unknown': hs256({ alg: 'HS256', crit: ['b'], b: 1 }, {}),
  'RS256 with the public key as a secret': hs256({ alg: 'HS256' }, {}, RSA.public),
  empty: '',
  'a dot': '.',
  'two dots': '..',
  'no dots': 'abc',
  'one dot': 'a.b',
  'four parts': `${hs256(HEADER, {})}.x`,
  'a header that is no JSON': `${unsigned('x', {})}.AAAA`,
  'a header that is null': `${unsigned('null', {})}.AAAA`,
  'a header that is a list': `${unsigned('[]', {})}.AAAA`,
  'a payload that is no JSON': `${unsigned(HEADER, 'x')}.AAAA`,
  'a payload that is text': `${unsigned(HEADER, '"x"')}.AAAA`,
  'a payload that is a list': `${unsigned(HEADER, '[]')}.AAAA`,
  'a space in the header': ` ${hs256(HEADER, {})}`,
  'a space in the payload': hs256(HEADER, {}).replace('.', '. '),
  padding: `${hs256(HEADER, {})}=`,
  'a plus in the signature': `${unsigned(HEADER, {})}.A+A`,
  'no text': 5,
  null: null,
  'a Buffer': Buffer.from(hs256(HEADER, { a: 1 })),
};
const VERIFIERS = {
  'a secret': { key: SECRET },
  complete: { key: SECRET, complete: true },
  'HS512 alone': { key: SECRET, algorithms: ['HS512'] },
  'HS256 and RS256': { key: SECRET, algorithms: ['RS256', 'HS256'] },
  none: { algorithms: ['none'] },
  'none and HS256': { key: SECRET, algorithms: ['none', 'HS256'] },
  'a public key': { key: RSA.public },
  tolerant: { key: SECRET, clockTolerance: 20_000 },
  'without dates': { key: SECRET, ignoreExpiration: true, ignoreNotBefore: true },
  maxAge: { key: SECRET, maxAge: 50_000 },
  typ: { key: SECRET, checkTyp: 'JWT' },
  'at+jwt': { key: SECRET, checkTyp: 'application/at+jwt' },
  required: { key: SECRET, requiredClaims: ['iss', 'exp'] },
  'crit a': { key: SECRET, allowedCritHeaders: ['a'] },
  allowed: {
    key: SECRET,
    allowedJti: 'JTI',
    allowedAud: 'AUD1',
    allowedIss: ['ISS', 'other'],
    allowedSub: /^S/g,
    allowedNonce: [/N/, 'x'],
  },
  'not allowed': { key: SECRET, allowedAud: [/x/, 'AUD3'] },
  'issuer not allowed': { key: SECRET, allowedIss: 'x' },
  'a test function': { key: SECRET, allowedSub: { test: (value) => value === 'SUB' } },
  'a key that comes later': { key: async () => SECRET },
  'another that comes later': { key: (_decoded, done) => done(null, RSA.public), algorithms: ['HS256'] },
  'a key that does not come': {
    key: async () => {
      throw new Error('boom');
    },
  },
  'a key that is none': { key: async () => 5 },
  cached: { key: SECRET, cache: true },
  'cached, with errors': { key: SECRET, cache: 5, errorCacheTTL: 10_000 },
};
const WRONG_VERIFIERS = [
  {},
  { key: '' },
  { key: null },
  { key: 1 },
  { key: SECRET, algorithms: ['RS256'] },
  { key: SECRET, algorithms: ['none'] },
  { algorithms: ['none'] },
  { key: RSA.private },
  { key: X25519.public },
  { key: P224.public },
  { key: PSS.public },
  { key: '-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----' },
  { key: '-----BEGIN OTHER-----' },
  { key: '-----BEGIN CERTIFICATE-----\nx' },
  { key: { kty: 'RSA' } },
  { key: JSON.stringify(ES256.publicKey.export({ format: 'jwk' })) },
  { key: RSA.public, algorithms: ['ES256'] },
  { key: ES256.public, algorithms: ['ES384'] },
  { key: RSA.public, algorithms: ['HS256'] },
  { key: Buffer.alloc(0) },
  { key: SECRET, clockTimestamp: -1 },
  { key: SECRET, clockTolerance: 'x' },
  { key: SECRET, cacheTTL: -1 },
  { key: SECRET, cacheTTL: 'x' },
  { key: SECRET, errorCacheTTL: 'x' },
  { key: SECRET, errorCacheTTL: -2 },
  { key: SECRET, errorCacheTTL: () => 1 },
  { key: SECRET, requiredClaims: 'x' },
  { key: SECRET, allowedCritHeaders: 'x' },
  { key: SECRET, allowedCritHeaders: [''] },
];

describe('createVerifier', () => {
  for (const [name, options] of Object.entries(VERIFIERS)) {
    test(name, async () => {
      const [mine, peers] = [ours, theirs].map((entry) => entry.createVerifier({ clockTimestamp: NOW, ...options }));
      // Twice: the second is the cache's.
      for (const [which, token] of [...Object.entries(TOKENS), ...Object.entries(TOKENS)]) {
        assert.deepEqual(await outcome(() => mine(token)), await outcome(() => peers(token)), which);
      }
      assert.equal(mine.cache?.size, peers.cache?.size);
    });
  }
  for (const options of WRONG_VERIFIERS) {
    test(`wrong: ${JSON.stringify(options).slice(0, 80)}`, async () => {
      const make = (entry) => outcome(() => typeof entry.createVerifier(options));
      assert.deepEqual(await make(ours), await make(theirs));
    });
  }
  test('callbacks', async () => {
    for (const token of [TOKENS.good, TOKENS['of another key'], 5, 'x']) {
      const call = (entry) =>
        outcome(() =>
          promisify(entry.createVerifier({ key: (_d, done) => done(null, SECRET), clockTimestamp: NOW }))(token),
        );
      assert.deepEqual(await call(ours), await call(theirs));
    }
  });
  test('the cache: what it holds, how long, under which key', () => {
    const entries = [ours, theirs].map((entry) => {
      const verify = entry.createVerifier({
        key: SECRET,
        cache: 3,
        clockTimestamp: NOW,
        clockTolerance: 5,
        cacheTTL: 7000,
        maxAge: 99_000,
        errorCacheTTL: (error) => error.message.length,
      });
      for (const which of ['good', 'expired', 'of another key', 'just expired', 'old', 'claims']) {
        try {
          verify(TOKENS[which]);
        } catch {
          // kept all the same
        }
      }
      const key = crypto.createHash('sha256').update(TOKENS.claims).digest('hex');
      return [verify.cache.size, verify.cache.get(key), verify.cache.get('x')];
    });
    assert.deepEqual(entries[0], entries[1]);
    const built = ours.createVerifier({
      key: SECRET,
      cache: true,
      cacheKeyBuilder: (token) => token.slice(-5),
      clockTimestamp: NOW,
    });
    built(TOKENS.good);
    assert.ok(built.cache.has(TOKENS.good.slice(-5)));
  });
  test('warnings', async () => {
    const warned = [];
    await new Promise(setImmediate); // those of before
    const note = (warning) => warning.code?.startsWith('FAST') && warned.push(`${warning.code}: ${warning.message}`);
    process.on('warning', note);
    for (const entry of [ours, theirs]) {
      entry.createVerifier({
        key: SECRET,
        allowedIss: [/^(a+)+$/, 'x'],
        cache: true,
        cacheKeyBuilder: (token) => token,
      });
      entry.createSigner({ key: SECRET, expiresIn: Number.POSITIVE_INFINITY });
      await new Promise(setImmediate);
    }
    process.off('warning', note);
    assert.equal(warned.length, 6);
    assert.deepEqual(warned.slice(0, 3), warned.slice(3));
  });
});

describe('createDecoder', () => {
  for (const options of [undefined, {}, { complete: true }, { checkTyp: 'JWT' }]) {
    test(JSON.stringify(options) ?? 'no options', async () => {
      const [mine, peers] = [ours, theirs].map((entry) => entry.createDecoder(options));
      for (const [which, token] of Object.entries(TOKENS)) {
        assert.deepEqual(await outcome(() => mine(token)), await outcome(() => peers(token)), which);
      }
    });
  }
});

test('TokenError and its codes', () => {
  assert.deepEqual(ours.TOKEN_ERROR_CODES, theirs.TOKEN_ERROR_CODES);
  assert.deepEqual(ours.TokenError.codes, theirs.TokenError.codes);
  const inner = new Error('x');
  assert.equal(ours.TokenError.wrap(inner, 'C', 'm').originalError, inner);
  const own = new ours.TokenError('C', 'm', { a: 1 });
  assert.equal(ours.TokenError.wrap(own), own);
  assert.deepEqual([own.code, own.message, own.a], ['C', 'm', 1]);
});

describe('what is refused here, and taken there', () => {
  test('an RSA key of fewer than 2,048 bits', () => {
    const small = pair('rsa', { modulusLength: 1024 });
    assert.throws(() => ours.createSigner({ key: small.private })({ a: 1 }), { code: 'FAST_JWT_INVALID_KEY' });
    const token = theirs.createSigner({ key: small.private })({ a: 1 });
    assert.throws(() => ours.createVerifier({ key: small.public })(token), { code: 'FAST_JWT_INVALID_KEY' });
  });
  test('a PEM as a secret, even where the algorithm says so', () => {
    const fresh = pair('rsa', { modulusLength: 2048 }); // the peer remembers what it has refused
    for (const key of [fresh.private, fresh.public]) {
      assert.throws(() => ours.createSigner({ key, algorithm: 'HS256' })({ a: 1 }), { code: 'FAST_JWT_INVALID_KEY' });
    }
    const token = theirs.createSigner({ key: fresh.public, algorithm: 'HS256' })({ a: 1 });
    assert.throws(() => ours.createVerifier({ key: fresh.public, algorithms: ['HS256'] })(token), {
      code: 'FAST_JWT_INVALID_KEY',
    });
  });
  test('ES256 with secp256k1, which is ES256K (RFC 8812)', () => {
    const koblitz = pair('ec', { namedCurve: 'secp256k1' });
    assert.throws(() => ours.createSigner({ key: koblitz.private }), { code: 'FAST_JWT_INVALID_KEY' });
  });
});

test('@fastify/jwt works on it', async () => {
  assert.deepEqual(
    await serveFastify(require.resolve('../fast-jwt.js')),
    await serveFastify(require.resolve('fast-jwt')),
  );
});
