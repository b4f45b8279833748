// Tokens cross to jose, jsonwebtoken and fast-jwt and back; createSigner, createVerifier, keys and encryption.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { before, describe, it } = require('node:test');
const fast = require('fast-jwt');
const jwt = require('../jwt.js');
const { stopClock } = require('./clock.js');

let jose;
before(async () => {
  globalThis.crypto ??= crypto.webcrypto; // jose wants it, and Node 18 does not show it
  jose = await import('jose');
});
const claims = { sub: 'ann', ü: '✓', roles: ['a', 'b'] };
const SIGNING = ['HS256', 'HS512', 'RS256', 'PS384', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const refused = (code, more) => (error) => {
  assert.ok(error instanceof jwt.CoatcheckError, String(error));
  assert.equal(error.code, code);
  for (const [name, value] of Object.entries(more ?? {})) assert.equal(error[name], value);
  return true;
};

describe('signatures cross to jose and back', () => {
  for (const alg of SIGNING) {
    it(alg, async () => {
      const key = jwt.generateKey(alg, { kid: 'one' });
      const theirs = await jose.importJWK(jwt.exportJwk(key, { private: true }), alg);
      const ours = jwt.createSigner({ key, expiresIn: '1h' })(claims);
      const open = key.type === 'oct' ? theirs : await jose.importJWK(jwt.exportJwk(key), alg);
      assert.equal((await jose.jwtVerify(ours, open)).payload.sub, 'ann');
      const token = await new jose.SignJWT(claims).setProtectedHeader({ alg, kid: 'one' }).sign(theirs);
      assert.deepEqual(jwt.createVerifier({ key })(token), claims);
      assert.equal(jwt.thumbprint(key), await jose.calculateJwkThumbprint(jwt.exportJwk(key)));
    });
  }
  it('fast-jwt', () => {
    const key = 'x'.repeat(32);
    const options = {
      key,
      algorithm: 'HS256',
      iss: 'i',
      aud: 'a',
      expiresIn: 60_000,
      clockTimestamp: 1_700_000_000_000,
    };
    assert.deepEqual(jwt.createSigner(options)(claims), fast.createSigner(options)(claims));
    const token = fast.createSigner({ key, aud: 'a' })(claims);
    assert.equal(jwt.createVerifier({ key, algorithms: ['HS256'], allowedAud: /^a$/ })(token).sub, 'ann');
  });
});

describe('encryption crosses to jose and back', () => {
  const ways = ['dir', 'A256KW', 'A128GCMKW', 'RSA-OAEP-256', 'ECDH-ES', 'ECDH-ES+A256KW'];
  for (const alg of ways) {
    it(alg, async () => {
      const key = jwt.generateKey(alg);
      const jwk = { ...jwt.exportJwk(key, { private: true }), alg: undefined };
      const theirs = await jose.importJWK(jwk, alg === 'dir' ? 'A256GCM' : alg);
      const plain = Buffer.from('a plaintext ✓');
      const opened = await jose.compactDecrypt(jwt.encrypt(plain, key), theirs);
      assert.deepEqual(Buffer.from(opened.plaintext), plain);
      const { d, p, q, dp, dq, qi, ...open } = jwk;
      const to = key.type === 'oct' ? theirs : await jose.importJWK(open, alg);
      const token = await new jose.CompactEncrypt(plain).setProtectedHeader({ alg, enc: 'A256GCM' }).encrypt(to);
      assert.deepEqual(jwt.decrypt(token, key).plaintext, plain);
      assert.throws(() => jwt.decrypt(`${token.slice(0, -4)}AAAA`, key), refused('ERR_TOKEN_DECRYPTION'));
    });
  }
  it('signed, then encrypted', () => {
    const outer = jwt.generateKey('dir');
    const key = jwt.generateKey('EdDSA');
    const token = jwt.signEncrypt(claims, jwt.createSigner({ key, noTimestamp: true }), outer);
    assert.deepEqual(jwt.decryptVerify(token, outer, jwt.createVerifier({ key })), claims);
    assert.throws(
      () => jwt.decryptVerify(jwt.encrypt(claims, outer), outer, jwt.createVerifier({ key })),
      refused('ERR_TOKEN_TYPE'),
    );
  });
});

describe('createVerifier', () => {
  const key = 'a key of the tests with 32 bytes';
  const sign = (payload, more) => jwt.createSigner({ key, noTimestamp: payload.iat === undefined, ...more })(payload);
  const NOW = 1_700_000_000;
  const cases = [
    [{ exp: NOW }, {}, 'ERR_TOKEN_EXPIRED', { claim: 'exp', name: 'TokenExpiredError' }],
    [{ exp: NOW }, { clockTolerance: 1 }, undefined],
    [{ exp: NOW }, { ignoreExpiration: true }, undefined],
    [{ nbf: NOW + 1 }, {}, 'ERR_TOKEN_NOT_ACTIVE', { claim: 'nbf', name: 'NotBeforeError' }],
    [{ iat: NOW - 10 }, { maxAge: 10_000 }, 'ERR_TOKEN_EXPIRED', { reason: 'too_old' }],
    [{ iat: NOW - 10 }, { maxAge: '11s' }, undefined],
    [{}, { allowedIss: 'i' }, 'ERR_TOKEN_CLAIM', { claim: 'iss', reason: 'missing' }],
    [{ iss: ['i'] }, { allowedIss: 'i' }, 'ERR_TOKEN_CLAIM', { claim: 'iss', reason: 'wrong_type' }],
    [{ aud: ['x', 'a'] }, { allowedAud: ['a', 'b'] }, undefined],
    [{ aud: 'ab' }, { allowedAud: 'a' }, 'ERR_TOKEN_CLAIM', { claim: 'aud', reason: 'mismatch' }],
    [{ aud: 'ab' }, { allowedAud: /^a/g }, undefined],
    [{ sub: 's' }, { allowedSub: ['r', 's'] }, undefined],
    [{ sub: 't' }, { allowedSub: ['r', 's'] }, 'ERR_TOKEN_CLAIM', { claim: 'sub' }],
    [{ jti: 'j', nonce: 'n' }, { allowedJti: 'j', allowedNonce: 'n' }, undefined],
    [{ nonce: 'm' }, { allowedNonce: 'n' }, 'ERR_TOKEN_CLAIM', { claim: 'nonce' }],
    [{}, { requiredClaims: ['tenant'] }, 'ERR_TOKEN_CLAIM', { claim: 'tenant', reason: 'missing' }],
    [{ tenant: 't' }, { expectedClaims: { tenant: 't' } }, undefined],
    [{}, { checkTyp: 'at+jwt' }, 'ERR_TOKEN_TYPE', {}],
  ];
  for (const [payload, options, code, more] of cases) {
    it(`${JSON.stringify(payload)} with ${JSON.stringify(options)}: ${code ?? 'taken'}`, () => {
      const clockTimestamp = NOW * 1000;
      for (const cache of [false, { entries: 10, symmetric: true }]) {
        const verify = jwt.createVerifier({ key, clockTimestamp, cache, ...options });
        for (let round = 0; round < 2; round += 1) {
          if (code === undefined) assert.deepEqual(verify(sign(payload)), payload);
          else assert.throws(() => verify(sign(payload)), refused(code, more));
        }
      }
    });
  }
  it('refuses options that check nothing', () => {
    for (const wrong of [{ allowedIs: 'x' }, { allowedIss: [] }, { allowedAud: '' }, { clockTolerance: Number.NaN }]) {
      assert.throws(() => jwt.createVerifier({ key, ...wrong }), refused('ERR_INVALID_OPTION'));
    }
    for (const bad of ['', null, undefined, 5]) {
      assert.throws(() => jwt.createVerifier({ key: bad }), refused('ERR_INVALID_OPTION'));
    }
  });
  it('the cache: the same frozen claims, never past exp, emptied on request', (t) => {
    const turn = stopClock(t, NOW * 1000);
    const verify = jwt.createVerifier({ key, cache: { entries: 2, symmetric: true } });
    const token = sign({ exp: NOW + 10, deep: { list: [1] } });
    const first = verify(token);
    assert.equal(verify(`${token}`), first);
    assert.ok(Object.isFrozen(first) && Object.isFrozen(first.deep.list));
    assert.deepEqual(verify.cacheStats(), { hits: 1, misses: 1, entries: 1 });
    turn(10_000);
    assert.throws(() => verify(token), refused('ERR_TOKEN_EXPIRED'));
    for (let i = 0; i < 50; i += 1) assert.equal(verify(sign({ i })).i, i);
    assert.ok(verify.cacheStats().entries <= 2);
    verify.clearCache();
    assert.equal(verify.cacheStats().entries, 0);
  });
  it('a key function, once per key', async () => {
    const keys = { a: jwt.generateKey('HS256', { kid: 'a' }), b: jwt.generateKey('ES256', { kid: 'b' }) };
    const verify = jwt.createVerifier({ key: async ({ header }) => keys[header.kid], complete: true });
    for (const kid of ['a', 'b']) {
      const { payload, header } = await verify(jwt.createSigner({ key: keys[kid] })({ kid }));
      assert.deepEqual([payload.kid, header.kid], [kid, kid]);
    }
    await assert.rejects(verify(sign({})), refused('ERR_TOKEN_KEY'));
  });
  it('worker threads verify beside each other', async () => {
    const { Worker } = require('node:worker_threads');
    const code = `const jwt = require(${JSON.stringify(require.resolve('../jwt.js'))});
      const token = jwt.sign({ a: 1 }, ${JSON.stringify(key)});
      for (let i = 0; i < 200; i += 1) jwt.verify(token, ${JSON.stringify(key)});
      jwt.signAsync({}, jwt.generateKey('ES256'), { algorithm: 'ES256' });`;
    const ends = Array.from(
      { length: 3 },
      () =>
        new Promise((resolve, reject) => {
          new Worker(code, { eval: true }).on('exit', resolve).on('error', reject);
        }),
    );
    assert.deepEqual(await Promise.all(ends), [0, 0, 0]);
  });
});

describe('keys', () => {
  it('PEM and KeyObject', () => {
    const pair = crypto.generateKeyPairSync('ed25519');
    const key = jwt.importKeyObject(pair.privateKey, { alg: 'EdDSA' });
    const open = jwt.importPem(pair.publicKey.export({ format: 'pem', type: 'spki' }), { alg: 'EdDSA', kid: 'k' });
    assert.equal(jwt.createVerifier({ key: open })(jwt.createSigner({ key })({ a: 1 })).a, 1);
    assert.equal(open.kid, 'k');
    assert.throws(() => jwt.exportPem(open, { private: true }), jwt.CoatcheckError);
  });
  it('weak ones are refused', () => {
    const small = crypto.generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
    assert.throws(() => jwt.importKeyObject(small, { alg: 'RS256' }), refused('ERR_KEY_WEAK'));
    assert.throws(() => jwt.importSecret('short', { alg: 'HS256' }), refused('ERR_KEY_WEAK'));
  });
  it('what is printed of a key holds no secret', () => {
    const key = jwt.generateKey('HS256');
    const { k } = jwt.exportJwk(key);
    assert.ok(!require('node:util').inspect(key, { depth: 9, showHidden: true }).includes(k));
    assert.ok(!JSON.stringify(key).includes(k));
  });
});
