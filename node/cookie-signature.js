'use strict';

// `require('coatcheck/cookie-signature')` takes the place of cookie-signature (1.2): `sign` and `unsign` of a value with one
// secret. For several secrets, and with ids and dates: KeyRing of `coatcheck`.

const { createSecretKey, KeyObject, timingSafeEqual } = require('node:crypto');
const { Lru } = require('./lib/lru.js');
const { Secret } = require('./lib/jwt/secrets.js');
const { native } = require('./lib/native.js');

const remembered = new Lru(64); // secrets that are text; a Buffer may change

function keyOf(secret) {
  if (secret === undefined || secret === null) throw new TypeError('Secret key must be provided.');
  if (typeof secret !== 'string') {
    return new Secret(secret instanceof KeyObject ? secret : createSecretKey(secret)).key('HS256');
  }
  let key = remembered.get(secret);
  if (key === undefined) {
    key = new Secret(createSecretKey(Buffer.from(secret))).key('HS256');
    remembered.set(secret, key);
  }
  return key;
}

function signed(value, key) {
  const signature = native.jwtSignBytes(key, value);
  if (signature instanceof Error) throw signature;
  return `${value}.${signature.toString('base64').replace(/=+$/, '')}`;
}

// `VALUE.SIGNATURE`
function sign(value, secret) {
  if (typeof value !== 'string') throw new TypeError('Cookie value must be provided as a string.');
  return signed(value, keyOf(secret));
}

// The value, or false.
function unsign(input, secret) {
  if (typeof input !== 'string') throw new TypeError('Signed cookie string must be provided.');
  const value = input.slice(0, input.lastIndexOf('.'));
  const expected = Buffer.from(signed(value, keyOf(secret)));
  const given = Buffer.from(input);
  return expected.length === given.length && timingSafeEqual(expected, given) ? value : false;
}

module.exports = { sign, unsign };
