'use strict';

// Signing with RSA and elliptic curves off the loop: whichever way it is asked for, the loop turns while it is done.

const assert = require('node:assert/strict');
const { test, describe } = require('node:test');
const jwt = require('../jwt.js');

const SIGNATURES = 20;
const CLAIMS = { sub: 'ann' };
const RSA = jwt.generateKey('RS256', { bits: 4096 });
const EC = jwt.generateKey('ES512');

// The order in which turns of the loop and signatures came about.
async function orderOf(sign) {
  const order = [];
  let signing = true;
  const turn = () => {
    order.push('turn');
    if (signing) setImmediate(turn);
  };
  setImmediate(turn);
  const tokens = await Promise.all(
    Array.from({ length: SIGNATURES }, async () => {
      const token = await sign();
      order.push('signed');
      return token;
    }),
  );
  signing = false;
  return { order, tokens };
}

// What is signed on the loop's thread is there before the loop turns for the first time.
const turnedMeanwhile = (order) => order.slice(0, order.lastIndexOf('signed')).includes('turn');

for (const [name, key] of Object.entries({ 'RSA-4096': RSA, 'P-521': EC })) {
  const verify = jwt.createVerifier({ key: key.publicKey() });
  const ways = {
    signAsync: () => jwt.signAsync(CLAIMS, key, { algorithm: key.alg }),
    'sign with a callback': () =>
      new Promise((resolve, reject) => {
        jwt.sign(CLAIMS, key, { algorithm: key.alg }, (error, token) => (error ? reject(error) : resolve(token)));
      }),
    'createSigner({ async: true })': jwt.createSigner({ key, async: true }),
    'jws.sign({ async: true })': () => jwt.jws.sign(JSON.stringify(CLAIMS), key, { async: true }),
  };
  describe(name, () => {
    for (const [way, sign] of Object.entries(ways)) {
      test(way, async () => {
        const { order, tokens } = await orderOf(() => sign(CLAIMS));
        assert.equal(tokens.length, SIGNATURES);
        for (const token of tokens) assert.equal(verify(token).sub, 'ann');
        assert.ok(turnedMeanwhile(order), order.join(' '));
      });
    }
  });
}

test('the measure tells: signing on the loop holds it up', async () => {
  const sign = jwt.createSigner({ key: RSA });
  const { order } = await orderOf(async () => sign(CLAIMS));
  assert.ok(!turnedMeanwhile(order), order.join(' '));
});
