// The drop-in functions beyond what jsonwebtoken has: secrets that are remembered, the warning, promises. The rest of
// them runs beside jsonwebtoken itself in jwt-peer-sign.test.js and jwt-peer-verify.test.js.

'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const crypto = require('node:crypto');
const { describe, it } = require('node:test');
const { KEYS, SECRET, jwt, peer, same } = require('./jwt-peer.js');

const { rsa, p256: ec } = KEYS;

describe('secrets', () => {
  it('a Buffer that changed is another secret', () => {
    const secret = Buffer.from(SECRET);
    const token = jwt.sign({ sub: 'ann' }, secret);
    assert.equal(jwt.verify(token, secret).sub, 'ann');
    secret.fill(0);
    assert.throws(() => jwt.verify(token, secret), { message: 'invalid signature' });
  });
  it('an object whose key changed is another key', () => {
    const key = { key: rsa.publicKey.export({ format: 'jwk' }), format: 'jwk' };
    const token = jwt.sign({ sub: 'ann' }, rsa.privateKey, { algorithm: 'RS256' });
    same((lib) => lib.verify(token, key));
    Object.assign(key.key, KEYS.small.publicKey.export({ format: 'jwk' }));
    assert.throws(() => jwt.verify(token, key), { message: 'invalid signature' });
  });
  it('what one call took by an option, the next does not take without', () => {
    const { publicKey, privateKey } = KEYS.small;
    const options = { algorithm: 'RS256', allowInsecureKeySizes: true };
    const token = jwt.sign({ sub: 'ann' }, privateKey, options);
    assert.equal(jwt.verify(token, publicKey, options).sub, 'ann');
    for (let round = 0; round < 2; round += 1) {
      assert.throws(() => jwt.sign({}, privateKey, { algorithm: 'RS256' }), /2048 bits/);
      assert.throws(() => jwt.verify(token, publicKey), { code: 'ERR_KEY_WEAK' });
    }
    const pss = jwt.sign({}, KEYS.pss.privateKey, { algorithm: 'PS256', allowInvalidAsymmetricKeyTypes: true });
    assert.ok(jwt.verify(pss, KEYS.pss.publicKey, { allowInvalidAsymmetricKeyTypes: true }));
    assert.throws(() => jwt.verify(pss, KEYS.pss.publicKey), /RSA-PSS parameters/);
  });
  it('names of algorithms are compared as a whole', () => {
    const token = jwt.sign({ sub: 'ann' }, SECRET);
    assert.equal(jwt.verify(token, SECRET, { algorithms: ['HS256', 'HS384'] }).sub, 'ann');
    for (const algorithms of [['HS256,HS384'], ['HS'], ['HS2566'], ['hs256']]) {
      assert.throws(() => jwt.verify(token, SECRET, { algorithms }), { message: 'invalid algorithm' });
    }
  });
  it('a short one is taken, with one warning of the process that says what to do', () => {
    const code = `const jwt = require(${JSON.stringify(require.resolve('../jwt.js'))});
      for (const secret of ['short', 'also short']) jwt.verify(jwt.sign({}, secret), secret);`;
    const { stderr, status } = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' });
    assert.equal(status, 0);
    assert.equal(stderr.match(/COATCHECK_SHORT_SECRET/g).length, 1);
    assert.match(stderr, /5 bytes; use 32 random bytes or more .*crypto\.randomBytes/);
    assert.ok(!stderr.includes('short:'));
  });
});

describe('promises', () => {
  it('signAsync and verifyAsync', async () => {
    for (const [alg, pair] of [
      ['RS256', rsa],
      ['ES256', ec],
    ]) {
      const token = await jwt.signAsync({ a: 1 }, pair.privateKey, { algorithm: alg, expiresIn: '1m' });
      assert.equal((await jwt.verifyAsync(token, async () => pair.publicKey)).a, 1);
      assert.equal(peer.verify(token, pair.publicKey).a, 1);
    }
    await assert.rejects(jwt.signAsync({}, ''), { message: 'secretOrPrivateKey must have a value' });
    await assert.rejects(jwt.verifyAsync('x', SECRET), { message: 'jwt malformed' });
  });
  it('RSA is signed off the loop', async () => {
    const key = crypto.generateKeyPairSync('rsa', { modulusLength: 4096 }).privateKey;
    let turns = 0;
    let signing = true;
    const count = () => {
      turns += 1;
      if (signing) setImmediate(count);
    };
    setImmediate(count);
    try {
      await Promise.all(Array.from({ length: 20 }, () => jwt.signAsync({}, key, { algorithm: 'RS512' })));
    } finally {
      signing = false;
    }
    assert.ok(turns > 5, `the loop turned ${turns} times`);
  });
});

it('half a surrogate pair is signed as U+FFFD, which every verifier takes', () => {
  const secret = 'x'.repeat(32);
  const token = jwt.sign({ sub: '123456789\ud83d', whole: '😀' }, secret, { noTimestamp: true });
  assert.deepEqual(jwt.verify(token, secret), { sub: '123456789\ufffd', whole: '😀' });
});
