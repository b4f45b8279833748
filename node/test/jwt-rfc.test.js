// The examples printed in the RFCs (tests/vectors/jose_rfc.json): signatures, encryptions, keys and sets.

const assert = require('node:assert/strict');
const path = require('node:path');
const { describe, it } = require('node:test');
const jwt = require('../jwt.js');

const rfc = require(path.join('..', '..', 'tests', 'vectors', 'jose_rfc.json'));

const bytes = (text) => Buffer.from(text, 'base64url');
const keyOf = (v) => jwt.importJwk(v.key, { alg: v.alg });
const keysOf = (v) => (v.set === undefined ? keyOf(v) : jwt.importJwks(v.set));

function verified(v) {
  const options = { allowUnencoded: v.unencoded, any: v.needed === 'any' };
  if (v.form === 'json') return jwt.jws.verifyJson(v.token, keysOf(v), options)[0].payload;
  if (v.form === 'detached') options.payload = bytes(v.payload);
  return jwt.jws.verify(v.token, keysOf(v), options).payload;
}

function check(v, run, expected) {
  if (v.expect !== undefined) assert.throws(run, { code: v.expect });
  else assert.deepEqual(run(), bytes(expected));
}

describe('examples of the RFCs', () => {
  for (const v of rfc.signatures) it(v.name, () => check(v, () => verified(v), v.payload));
  for (const v of rfc.encryptions) {
    const options = { allowPassword: v.passwords };
    it(v.name, () => check(v, () => jwt.decrypt(v.token, keyOf(v), options).plaintext, v.plaintext));
  }
  for (const v of rfc.nested) {
    it(`nested: ${v.name}`, () => {
      const key = jwt.importJwk(v.signer, { alg: v.signer_alg });
      const verify = jwt.createVerifier({ key, clockTimestamp: v.now });
      assert.deepEqual(jwt.decryptVerify(v.token, keyOf(v), verify), JSON.parse(bytes(v.payload)));
    });
  }
  for (const v of rfc.thumbprints)
    it(`thumbprint: ${v.name}`, () => assert.equal(jwt.thumbprint(keyOf(v)), v.thumbprint));
  for (const v of rfc.key_sets) {
    it(`set: ${v.name}`, () => {
      const set = jwt.importJwks(v.set);
      assert.deepEqual([set.size, set.skipped.length], [v.keys, v.skipped]);
    });
  }
});
