// sign() beside jsonwebtoken's: every option with every kind of value, payloads, claims, headers, keys of every kind.
// What differs on purpose is left out here and is in jwt-differences.test.js.

'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { describe, it } = require('node:test');
const { inspect } = require('node:util');
const { stopClock } = require('./clock.js');
const { ALGORITHMS, KEYS, NOW, SECRET, VALUES, jwt, peer, pem, same, sameDelivery } = require('./jwt-peer.js');

const OPTIONS = ['expiresIn', 'notBefore', 'audience', 'subject', 'issuer', 'jwtid', 'noTimestamp', 'header', 'keyid'];
OPTIONS.push('mutatePayload', 'allowInsecureKeySizes', 'allowInvalidAsymmetricKeyTypes', 'unheardOf', 'encoding');
const SPANS = ['1d', '20h', '-5m', '120', '2.5 hrs', '1y', '1 W', '.5h', '1h ', ' 1h', '1hh', '1e3', '0', -10, 0, 1e21];
const CLAIMS = ['iat', 'exp', 'nbf', 'iss', 'aud', 'sub', 'jti', 'nonce'];

describe('every option of sign with every kind of value', () => {
  for (const name of OPTIONS) {
    it(name, () => {
      for (const value of VALUES) {
        const options = { [name]: value };
        same((lib) => lib.sign({ a: 1, iat: NOW }, SECRET, options), options);
        same((lib) => lib.sign('a text', SECRET, options), options);
      }
    });
  }
  it('algorithm', () => {
    for (const value of VALUES.filter((one) => !one || typeof one === 'string')) {
      same((lib) => lib.sign({ iat: NOW }, SECRET, { algorithm: value }), { value });
    }
  });
  it('spans of time', () => {
    for (const span of SPANS) {
      same((lib) => lib.sign({ iat: NOW }, SECRET, { expiresIn: span, notBefore: span }), { span });
    }
  });
  it('options that are no object', () => {
    for (const options of VALUES.filter((one) => typeof one !== 'function')) {
      same((lib) => lib.sign({ iat: NOW }, SECRET, options), options);
    }
  });
});

describe('payloads of sign', () => {
  class Claims {
    sub = 'ann';
  }
  const payloads = [...VALUES.filter((one) => typeof one !== 'function'), new Claims(), Object.create({ a: 1 })];
  payloads.push(Object.freeze({ a: 1 }), 'é✓', '[1]', '{"a":1}', Buffer.alloc(0), { toJSON: () => ({ z: 1 }) });
  payloads.push({ a: undefined, b: new Date(0), c: [1, { d: null }] }, new Uint8Array(3));
  for (const options of [{}, { expiresIn: 5 }, { noTimestamp: true }, { issuer: 'i' }, { subject: 's', jwtid: 'j' }]) {
    it(`with ${inspect(options)}`, (t) => {
      stopClock(t, NOW * 1000);
      for (const payload of payloads) same((lib) => lib.sign(payload, SECRET, options), { payload, options });
    });
  }
  for (const claim of CLAIMS) {
    it(`that have ${claim} already`, (t) => {
      stopClock(t, NOW * 1000);
      const all = [
        {},
        { noTimestamp: true },
        { expiresIn: 10 },
        { notBefore: '1h' },
        { issuer: 'i' },
        { subject: 's' },
      ];
      all.push({ audience: 'a' }, { jwtid: 'j' });
      for (const value of VALUES) {
        for (const options of all) {
          same((lib) => lib.sign({ [claim]: value }, SECRET, options), { claim, value, options });
        }
      }
    });
  }
  it('are changed with mutatePayload alone, and options never', () => {
    for (const options of [
      { mutatePayload: true, expiresIn: 5, issuer: 'i' },
      { mutatePayload: true, noTimestamp: true },
      { notBefore: 5 },
    ]) {
      const [theirs, ours] = [peer, jwt].map((lib) => {
        const payload = { iat: NOW, sub: 's' };
        const given = { ...options, header: { x: 1 } };
        lib.sign(payload, SECRET, given);
        return { payload, given };
      });
      assert.deepEqual(ours, theirs);
    }
  });
  it('in another encoding', () => {
    for (const encoding of ['utf8', 'latin1', 'binary', 'base64', 'hex', 'ascii', 'utf16le']) {
      same((lib) => lib.sign({ iat: NOW, name: 'é' }, SECRET, { encoding }), encoding);
      same((lib) => lib.sign('abcd', SECRET, { encoding }), encoding);
    }
  });
});

describe('headers and keys of sign', () => {
  it('header', () => {
    const headers = [
      { kid: 'other' },
      { alg: 'HS512' },
      { alg: 'none' },
      { alg: 'RS256' },
      { typ: 'at+jwt' },
      { cty: 'x' },
    ];
    headers.push({ typ: undefined }, { x: { y: [1] } }, { jku: 'https://example.com' }, { x5c: [] }, { iss: 'i' });
    for (const header of headers) {
      same((lib) => lib.sign({ iat: NOW }, SECRET, { header }), header);
      same((lib) => lib.sign('a text', SECRET, { header, keyid: 'k' }), header);
    }
  });
  for (const [name, { privateKey, publicKey }] of Object.entries(KEYS)) {
    it(`${name} with each algorithm`, async () => {
      const locked = privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'p' });
      const forms = [privateKey, pem(privateKey), Buffer.from(pem(privateKey)), publicKey];
      forms.push(
        { key: locked, passphrase: 'p' },
        { key: privateKey.export({ format: 'der', type: 'pkcs8' }), format: 'der', type: 'pkcs8' },
      );
      for (const algorithm of ALGORITHMS) {
        for (const key of forms) same((lib) => lib.sign({ iat: NOW }, key, { algorithm }), { name, algorithm });
        await sameDelivery((lib, done) => lib.sign({ iat: NOW }, privateKey, { algorithm }, done), { name, algorithm });
      }
    });
  }
  it('RSA under 2,048 bits where that was asked for', async () => {
    const options = { algorithm: 'RS256', allowInsecureKeySizes: true };
    same((lib) => lib.sign({ iat: NOW }, KEYS.small.privateKey, options));
    same((lib) => lib.sign('a text', pem(KEYS.small.privateKey), options));
    await sameDelivery((lib, done) => lib.sign({ iat: NOW }, KEYS.small.privateKey, options, done));
    for (const lib of [peer, jwt]) {
      assert.throws(() => lib.sign({}, KEYS.small.privateKey, { algorithm: 'RS256' }), /minimum key size of 2048 bits/);
    }
    assert.throws(() => jwt.createSigner({ key: KEYS.small.privateKey, algorithm: 'RS256' }), { code: 'ERR_KEY_WEAK' });
  });
  it('values that are no key', () => {
    const keys = VALUES.filter((one) => one !== undefined && typeof one !== 'function' && !Buffer.isBuffer(one));
    keys.push(
      new Uint8Array(64),
      crypto.createSecretKey(Buffer.from(SECRET)),
      { key: SECRET },
      crypto.createHash('md5'),
    );
    for (const key of keys) {
      for (const algorithm of ['HS256', 'RS256', 'ES256']) {
        same((lib) => lib.sign({ iat: NOW }, key, { algorithm }), { key, algorithm });
      }
    }
    same((lib) => lib.sign({ iat: NOW }));
    same((lib) => lib.sign({ iat: NOW }, undefined, { algorithm: 'none' }));
  });
});

describe('callbacks of sign', () => {
  it('errors of options come at once, tokens later', async () => {
    const all = [
      {},
      { expiresIn: 'never' },
      { algorithm: 'HS1' },
      { nonsense: 1 },
      { algorithm: 'RS256' },
      { encoding: 'x' },
    ];
    for (const options of all) {
      await sameDelivery((lib, done) => lib.sign({ iat: NOW }, SECRET, options, done), options);
    }
    await sameDelivery((lib, done) => lib.sign({ iat: NOW }, SECRET, done));
    await sameDelivery((lib, done) => lib.sign({ iat: NOW }, '', done));
    await sameDelivery((lib, done) => lib.sign(undefined, SECRET, done));
  });
  it('come once, also where jsonwebtoken calls twice', async () => {
    const calls = [];
    jwt.sign({ iss: 'a' }, SECRET, { issuer: 'b' }, (error) => calls.push(error.message));
    await new Promise(setImmediate);
    assert.deepEqual(calls, ['Bad "options.issuer" option. The payload already has an "iss" property.']);
  });
  it('follow a clock that the test turns', (t) => {
    const turn = stopClock(t, NOW * 1000);
    const token = jwt.sign({}, SECRET, { expiresIn: '1m' });
    assert.deepEqual(jwt.decode(token), { iat: NOW, exp: NOW + 60 });
    turn(60_000);
    assert.throws(() => jwt.verify(token, SECRET), { name: 'TokenExpiredError', message: 'jwt expired' });
  });
});
