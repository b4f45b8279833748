// What the suites that run beside jsonwebtoken share: the same call on both, keys of every kind, forged tokens.

'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { inspect } = require('node:util');
const peer = require('jsonwebtoken');
const jwt = require('../jwt.js');

const NOW = 1_700_000_000;
const SECRET = 'a secret of the tests, 64 bytes or more, so that it is one for HS512, too';

const pair = (type, options) => crypto.generateKeyPairSync(type, options);
const pss = (hash, saltLength, mgf1 = hash) =>
  pair('rsa-pss', { modulusLength: 2048, hashAlgorithm: hash, mgf1HashAlgorithm: mgf1, saltLength });
const KEYS = {
  rsa: pair('rsa', { modulusLength: 2048 }),
  small: pair('rsa', { modulusLength: 1024 }),
  p256: pair('ec', { namedCurve: 'P-256' }),
  p384: pair('ec', { namedCurve: 'P-384' }),
  p521: pair('ec', { namedCurve: 'P-521' }),
  p192: pair('ec', { namedCurve: 'prime192v1' }),
  ed25519: pair('ed25519'),
  x25519: pair('x25519'),
  pss: pair('rsa-pss', { modulusLength: 2048 }),
  pss256: pss('sha256', 32),
  pss512: pss('sha512', 64),
  pssMixed: pss('sha256', 32, 'sha1'),
  pssLong: pss('sha256', 64),
  dsa: pair('dsa', { modulusLength: 2048, divisorLength: 256 }),
};
const ALGORITHMS = ['HS256', 'HS512', 'RS256', 'RS512', 'PS256', 'PS512', 'ES256', 'ES384', 'ES512', 'none'];
const pem = (key) => key.export({ format: 'pem', type: key.type === 'public' ? 'spki' : 'pkcs8' });

// One of every kind of value that JavaScript has, and those that an option may be.
const VALUES = [undefined, null, true, false, 0, -1, 1, 1.1, Number.NaN, Number.POSITIVE_INFINITY, '', 'x', '1', '10s'];
VALUES.push('-1.5 hours', 'a fortnight', [], ['a', 'b'], {}, { a: 1 }, new Date(0), Buffer.from('z'), /x/, new Map());
VALUES.push(new String('1h'), Object.create(null), () => 1);

// Only the class that a caller can ask for: one of the three, or whatever JavaScript has.
function classOf(error, lib) {
  for (const name of ['TokenExpiredError', 'NotBeforeError', 'JsonWebTokenError']) {
    if (error instanceof lib[name]) return name;
  }
  return error.constructor === Error ? 'Error' : error.constructor.name;
}
function describeError(error, lib) {
  const { name, message, expiredAt, date } = error;
  return { class: classOf(error, lib), name, message, expiredAt, date };
}

// A token in terms of what it says: ECDSA and RSA-PSS never sign twice alike.
function readable(value) {
  if (typeof value !== 'string' || !/^[\w-]+\.[\w-]*\.[\w-]*$/.test(value)) return value;
  const [head, body, signature] = value.split('.');
  const header = Buffer.from(head, 'base64url').toString();
  return { header, body, signature: /"(?:HS|RS|none)/.test(header) ? signature : signature.length };
}

// How a call ended, in terms that a caller can see.
function outcome(run, lib) {
  try {
    return { value: readable(run(lib)) };
  } catch (error) {
    return describeError(error, lib);
  }
}

// The same call ends in the same way on both. Where jsonwebtoken stumbles (a TypeError) it is enough to fail as well.
// `what` names the call in a failure.
function same(run, what) {
  const expected = outcome(run, peer);
  const found = outcome(run, jwt);
  const text = typeof what === 'string' ? what : inspect(what, { depth: 4 });
  if (expected.class === 'TypeError') assert.ok(found.class, text);
  else assert.deepEqual(found, expected, text);
}

// How a call with a callback ended: what it was called with, and whether that was before the call returned.
async function delivered(run, lib) {
  let returned = false;
  const call = await new Promise((resolve) => {
    run(lib, (error, value) => resolve({ early: !returned, error, value }));
    returned = true;
  });
  return { ...call, error: call.error && describeError(call.error, lib), value: readable(call.value) };
}
async function sameDelivery(run, what) {
  assert.deepEqual(await delivered(run, jwt), await delivered(run, peer), inspect(what, { depth: 4 }));
}

const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
// A token that no library would make, with a good HS256 signature.
function forge(header, payload, secret = SECRET) {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${crypto.createHmac('sha256', secret).update(input).digest('base64url')}`;
}

module.exports = {
  ALGORITHMS,
  KEYS,
  NOW,
  SECRET,
  VALUES,
  classOf,
  encode,
  forge,
  jwt,
  outcome,
  peer,
  pem,
  same,
  sameDelivery,
};
