// Where the drop-in functions refuse, or say otherwise, what jsonwebtoken takes: docs/tokens-node.md lists each of these.
// Both sides are run, so that a difference that has gone is noticed.

'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { KEYS, NOW, SECRET, classOf, encode, forge, jwt, outcome, peer, pem } = require('./jwt-peer.js');

const HS = { alg: 'HS256', typ: 'JWT' };
const deep = JSON.parse(`${'{"a":'.repeat(40)}1${'}'.repeat(40)}`);
const publicPem = pem(KEYS.rsa.publicKey);
const jwk = JSON.stringify(KEYS.rsa.publicKey.export({ format: 'jwk' }));
const LOOSE = { algorithm: 'RS256', allowInvalidAsymmetricKeyTypes: true, allowInsecureKeySizes: true };
const dsa = peer.sign({ iat: NOW }, KEYS.dsa.privateKey, LOOSE);
const small = peer.sign({ iat: NOW }, KEYS.small.privateKey, { algorithm: 'RS256', allowInsecureKeySizes: true });
const none = peer.sign({ admin: true }, null, { algorithm: 'none' });

// [what, call, code of ours]: jsonwebtoken takes it.
const REFUSED = [
  ['an unsigned token', (lib) => lib.verify(none, '', { algorithms: ['none'] }), 'ERR_TOKEN_ALGORITHM'],
  ['an empty secret', (lib) => lib.sign({}, Buffer.alloc(0)), 'ERR_KEY_WEAK'],
  ['an empty secret', (lib) => lib.verify(forge(HS, {}, ''), Buffer.alloc(0)), 'ERR_KEY_WEAK'],
  ['a public key as a secret', (lib) => lib.sign({}, publicPem), 'ERR_KEY_UNSUITABLE'],
  [
    'a public key behind a byte',
    (lib) => lib.verify(forge(HS, {}, ` x${publicPem}`), ` x${publicPem}`),
    'ERR_KEY_UNSUITABLE',
  ],
  ['a JWK as a secret', (lib) => lib.verify(forge(HS, {}, jwk), jwk), 'ERR_KEY_UNSUITABLE'],
  ['a small RSA key', (lib) => lib.verify(small, KEYS.small.publicKey), 'ERR_KEY_WEAK'],
  ['crit', (lib) => lib.verify(forge({ ...HS, crit: ['x'], x: 1 }, {}), SECRET), 'ERR_TOKEN_CRITICAL'],
  ['crit', (lib) => lib.sign({}, SECRET, { header: { crit: ['x'], x: 1 } }), 'ERR_INVALID_OPTION'],
  ['alg twice', (lib) => lib.verify(forge('{"alg":"none","alg":"HS256"}', {}), SECRET), 'ERR_TOKEN_HEADER_INVALID'],
  ['a kid that is no text', (lib) => lib.verify(forge({ ...HS, kid: 5 }, {}), SECRET), 'ERR_TOKEN_HEADER_INVALID'],
  ['a claim twice', (lib) => lib.verify(forge(HS, '{"sub":"a","sub":"b"}'), SECRET), 'ERR_TOKEN_PAYLOAD'],
  ['deep claims', (lib) => lib.verify(forge(HS, deep), SECRET), 'ERR_TOKEN_PAYLOAD'],
  ['deep claims', (lib) => lib.sign(deep, SECRET), 'ERR_TOKEN_PAYLOAD'],
  ['half a character', (lib) => lib.verify(forge(HS, '{"a":"\\ud800"}'), SECRET), 'ERR_TOKEN_PAYLOAD'],
  ['a date that overflows', (lib) => lib.verify(forge(HS, '{"exp":1e400}'), SECRET), 'ERR_TOKEN_PAYLOAD'],
  ['a date beyond 2^53', (lib) => lib.verify(forge(HS, { exp: 2 ** 60 }), SECRET), 'ERR_TOKEN_CLAIM'],
  [
    'bytes that are not UTF-8',
    (lib) => lib.verify(lib.sign({ a: 'é' }, SECRET, { encoding: 'latin1' }), SECRET),
    'ERR_TOKEN_PAYLOAD',
  ],
  ['RSA-PSS for RS256', (lib) => lib.sign({}, KEYS.pss.privateKey, LOOSE), 'ERR_KEY_UNSUITABLE'],
  ['a RegExp and an object', (lib) => lib.verify(forge(HS, { aud: {} }), SECRET, { audience: /b/ }), 'ERR_TOKEN_CLAIM'],
  ['a list as claims', (lib) => lib.verify(forge({ alg: 'HS256' }, '[1]'), SECRET), 'ERR_TOKEN_PAYLOAD'],
  ['a number under typ JWT', (lib) => lib.verify(forge(HS, '5'), SECRET), 'ERR_TOKEN_PAYLOAD'],
  ['64 KiB', (lib) => lib.verify(forge(HS, { a: 'x'.repeat(50_000) }), SECRET), 'ERR_TOKEN_TOO_LARGE'],
  [
    'a text as tolerance',
    (lib) => lib.verify(forge(HS, { exp: 1 }), SECRET, { clockTolerance: '9999999999' }),
    'ERR_INVALID_OPTION',
  ],
  ['a RegExp as issuer', (lib) => lib.verify(forge(HS, {}), SECRET, { issuer: /^me$/ }), 'ERR_INVALID_OPTION'],
  ['a RegExp and no audience', (lib) => lib.verify(forge(HS, {}), SECRET, { audience: /e/ }), 'ERR_TOKEN_CLAIM'],
  ['maxAge of iat 0', (lib) => lib.verify(forge(HS, { iat: 0 }), SECRET, { maxAge: '1d' }), 'ERR_TOKEN_EXPIRED'],
  ['a DSA key', (lib) => lib.verify(dsa, KEYS.dsa.publicKey, { allowInvalidAsymmetricKeyTypes: true }), undefined],
  ['a DSA key', (lib) => lib.sign({}, KEYS.dsa.privateKey, LOOSE), 'ERR_KEY_UNSUITABLE'],
  [
    'another curve',
    (lib) => lib.sign({}, KEYS.p256.privateKey, { algorithm: 'ES384', allowInvalidAsymmetricKeyTypes: true }),
    'ERR_KEY_UNSUITABLE',
  ],
];

describe('taken by jsonwebtoken and refused here', () => {
  for (const [what, run, code] of REFUSED) {
    it(`${what}: ${code}`, () => {
      assert.ok('value' in outcome(run, peer), 'jsonwebtoken takes it');
      assert.throws(
        () => run(jwt),
        (error) => {
          assert.equal(error.code, code);
          if (code?.startsWith('ERR_TOKEN_')) assert.equal(classOf(error, jwt), error.name);
          return true;
        },
      );
    });
  }
  it('unsigned tokens with any key and any options', () => {
    for (const options of [{ algorithms: ['none'] }, { algorithms: ['none', 'HS256'] }, {}, undefined]) {
      for (const key of ['', undefined, null, SECRET])
        assert.throws(() => jwt.verify(none, key, options), jwt.JsonWebTokenError);
    }
  });
  it('a secret in no message', () => {
    const secret = `${publicPem}hidden`;
    for (const run of [() => jwt.sign({}, secret), () => jwt.verify(forge(HS, {}), secret)]) {
      assert.throws(run, (error) => !error.message.includes('hidden') && !error.stack.includes('hidden'));
    }
  });
});

describe('said otherwise', () => {
  const text = `${encode(HS)}.${encode('a text')}.`;
  it('what is not JSON: no words of the token in the message', () => {
    assert.throws(() => peer.decode(text), SyntaxError);
    assert.throws(() => jwt.decode(text), { name: 'SyntaxError', message: 'the payload of the token is not JSON' });
    assert.throws(() => peer.verify(forge(HS, 'a text'), SECRET), SyntaxError);
    assert.throws(() => jwt.verify(forge(HS, 'a text'), SECRET), {
      name: 'JsonWebTokenError',
      message: 'invalid token',
    });
  });
  it('a signature of the wrong length', () => {
    const token = `${encode({ alg: 'ES256' })}.${encode({})}.${encode('short')}`;
    assert.throws(() => peer.verify(token, KEYS.p256.publicKey), TypeError);
    assert.throws(() => jwt.verify(token, KEYS.p256.publicKey), { message: 'invalid signature' });
  });
  it('a header that is no object', () => {
    const token = `${encode('5')}.${encode({ a: 1 })}.${encode('x')}`;
    assert.deepEqual(peer.decode(token), { a: 1 });
    assert.equal(jwt.decode(token), null);
  });
  it('a header beyond ASCII is UTF-8, as RFC 7515 has it', () => {
    const token = jwt.sign({}, SECRET, { keyid: 'ü' });
    assert.equal(jwt.decode(token, { complete: true }).header.kid, 'ü');
    assert.equal(jwt.verify(token, SECRET, { complete: true }).header.kid, 'ü');
    assert.notEqual(peer.decode(token, { complete: true }).header.kid, 'ü');
  });
});

describe('taken here and refused by jsonwebtoken', () => {
  it('EdDSA, ES256K, keys of this package', () => {
    for (const algorithm of ['EdDSA', 'ES256K', 'HS256']) {
      const key = jwt.generateKey(algorithm, { kid: 'k' });
      const token = jwt.sign({ a: 1 }, key, { algorithm });
      assert.equal(jwt.verify(token, key.type === 'oct' ? key : key.publicKey()).a, 1);
      assert.throws(() => peer.sign({ a: 1 }, key, { algorithm }));
    }
    const token = jwt.sign({ a: 1 }, KEYS.ed25519.privateKey, { algorithm: 'EdDSA' });
    assert.equal(jwt.verify(token, KEYS.ed25519.publicKey, { algorithms: ['EdDSA'] }).a, 1);
  });
});
