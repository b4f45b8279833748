// Typed keys and key sets. A key is for one algorithm; what it is made of stays in the addon.
//
// Native functions: jwtImportKey(form, material, alg, options) with form "jwk", "pem", "der" or "secret";
// jwtGenerateKey(alg, options); jwtExportKey(key, "jwk" | "pem", withPrivate); jwtThumbprint(key);
// jwtPublicKey(key); jwtCreateKeySet([key, …]); jwtParseKeySet(text, options); jwtExportKeySet(set, withPrivate);
// jwtKeySetKeys(set). They throw what is wrong.

const { KeyObject } = require('node:crypto');
const { native } = require('../native.js');
const { make } = require('./errors.js');

const NATIVE = Symbol('native');

class Key {
  constructor(handle) {
    Object.defineProperty(this, NATIVE, { value: handle });
    this.type = handle.type;
    this.alg = handle.alg;
    this.kid = handle.kid === '' ? undefined : handle.kid;
    this.crv = handle.crv;
    this.enc = handle.enc;
    this.bits = handle.bits;
    this.isPrivate = handle.isPrivate;
  }
  // The public key of a private one.
  publicKey() {
    return new Key(make(native.jwtPublicKey, this[NATIVE]));
  }
  toJSON() {
    return { type: this.type, alg: this.alg, kid: this.kid };
  }
}

class KeySet {
  constructor(handle) {
    Object.defineProperty(this, NATIVE, { value: handle });
  }
  get keys() {
    return native.jwtKeySetKeys(this[NATIVE]).map((handle) => new Key(handle));
  }
  // Why members of the JWK Set were passed over.
  get skipped() {
    return this[NATIVE].skipped;
  }
  get size() {
    return this[NATIVE].size;
  }
  // The JWK Set of the public keys, or with `{ private: true }` of the private ones.
  toJwks(options) {
    return JSON.parse(make(native.jwtExportKeySet, this[NATIVE], options?.private === true));
  }
}

const textOf = (value) => (typeof value === 'string' ? value : JSON.stringify(value));

// generateKey(alg, { kid, bits, crv, enc })
function generateKey(alg, options) {
  return new Key(make(native.jwtGenerateKey, alg, options));
}

// importJwk(jwk, { alg, kid }): an object or its JSON text.
function importJwk(jwk, options) {
  return new Key(make(native.jwtImportKey, 'jwk', textOf(jwk), options?.alg, options));
}

// importPem(pem, { alg, kid, passphrase })
function importPem(pem, options) {
  return new Key(make(native.jwtImportKey, 'pem', pem, options?.alg, options));
}

// importSecret(secret, { alg, kid }): the bytes of an HMAC secret, an AES key or a password.
function importSecret(secret, options) {
  return new Key(make(native.jwtImportKey, 'secret', secret, options?.alg, options));
}

// A KeyObject of node:crypto.
function importKeyObject(key, options) {
  if (key.type === 'secret') return importSecret(key.export(), options);
  const der = key.export({ format: 'der', type: key.type === 'public' ? 'spki' : 'pkcs8' });
  try {
    return new Key(make(native.jwtImportKey, 'der', der, options?.alg, options));
  } finally {
    if (key.type === 'private') der.fill(0);
  }
}

// exportJwk(key, { private })
function exportJwk(key, options) {
  return JSON.parse(make(native.jwtExportKey, handleOf(key), 'jwk', options?.private === true || key.type === 'oct'));
}

// exportPem(key, { private })
function exportPem(key, options) {
  return make(native.jwtExportKey, handleOf(key), 'pem', options?.private === true);
}

// The RFC 7638 thumbprint.
function thumbprint(key) {
  return native.jwtThumbprint(handleOf(key));
}

function createKeySet(keys) {
  return new KeySet(make(native.jwtCreateKeySet, keys.map(handleOf)));
}

// importJwks(jwks, { publicOnly, defaultAlgorithms }): an object or its JSON text.
function importJwks(jwks, options) {
  return new KeySet(make(native.jwtParseKeySet, textOf(jwks), options));
}

function handleOf(key) {
  if (key instanceof Key || key instanceof KeySet) return key[NATIVE];
  if (key instanceof KeyObject) throw new TypeError('give a KeyObject to importKeyObject, with its algorithm, first');
  throw new TypeError('not a coatcheck Key or KeySet: see generateKey, importJwk, importPem and importSecret');
}

// A native key set of a Key, a KeySet or a list of Keys.
function nativeSet(keys) {
  if (keys instanceof KeySet) return keys[NATIVE];
  return make(native.jwtCreateKeySet, [].concat(keys).map(handleOf));
}

module.exports = {
  Key,
  KeySet,
  createKeySet,
  exportJwk,
  exportPem,
  generateKey,
  handleOf,
  importJwk,
  importJwks,
  importKeyObject,
  importPem,
  importSecret,
  nativeSet,
  thumbprint,
};
