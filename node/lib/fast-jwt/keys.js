'use strict';

// Which algorithms a key is for, in fast-jwt's terms: a text with a PEM header is an asymmetric key, any other is a secret.
// What kind of key it is says node:crypto; the signatures are the core's.

const { createPrivateKey, createPublicKey, createSecretKey } = require('node:crypto');
const { Secret } = require('../jwt/secrets.js');
const { native } = require('../native.js');
const { TokenError, fail } = require('./error.js');
const { Lru } = require('../lru.js');

const HMAC = ['HS256', 'HS384', 'HS512'];
const ES = ['ES256', 'ES384', 'ES512'];
const RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
const ED = ['EdDSA'];
const CURVES = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };
// Object identifiers, for messages alone (RFC 3279, RFC 8410, SEC 2).
const OIDS = {
  dsa: '1.2.840.10040.4.1',
  dh: '1.2.840.113549.1.3.1',
  'rsa-pss': '1.2.840.113549.1.1.10',
  x25519: '1.3.101.110',
  x448: '1.3.101.111',
  secp224r1: '1.3.132.0.33',
  secp256k1: '1.3.132.0.10',
  prime192v1: '1.2.840.10045.3.1.1',
  sect239k1: '1.3.132.0.3',
};
const oid = (name) => OIDS[name] ?? name;

const PEM = /-----BEGIN ([A-Z0-9 ]+?)-----/;
const PRIVATE = new Set(['PRIVATE KEY', 'RSA PRIVATE KEY', 'EC PRIVATE KEY', 'ENCRYPTED PRIVATE KEY']);
const PUBLIC = new Set(['PUBLIC KEY', 'RSA PUBLIC KEY', 'CERTIFICATE']);

const textOf = (key, what) => {
  if (key instanceof Buffer) return key.toString('utf-8');
  if (typeof key === 'string') return key;
  return fail('invalidKey', `The ${what} key must be a string or a buffer.`);
};

const isAsymmetric = (jwk) => ['RSA', 'EC', 'OKP'].includes(jwk?.kty);

// The JSON of a public key is public: as a secret it would let anybody sign.
function refuseJwk(text) {
  if (text[0] !== '{' && text[0] !== '[') return;
  let parsed;
  try {
    parsed = JSON.parse(text);
  } catch {
    return;
  }
  const all = [parsed, ...(Array.isArray(parsed) ? parsed : []), ...(Array.isArray(parsed?.keys) ? parsed.keys : [])];
  if (all.some(isAsymmetric)) {
    fail('invalidKey', 'Raw asymmetric JWK/JWKS JSON cannot be used as an HMAC secret.');
  }
}

// { label, pem } of the first PEM header, wherever it stands, or undefined for a secret.
function locate(text) {
  const trimmed = text.trim();
  const found = PEM.exec(trimmed);
  if (found !== null) return { label: found[1], pem: trimmed.slice(found.index) };
  refuseJwk(trimmed);
  return undefined;
}

function algorithmsOf(key, kind) {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'rsa') return RSA;
  if (type === 'ed25519' || type === 'ed448') return ED;
  if (type !== 'ec') return fail('invalidKey', `Unsupported PEM PCKS8 ${kind} key with OID ${oid(type)}.`);
  const algorithm = CURVES[details?.namedCurve];
  if (algorithm !== undefined) return [algorithm];
  return fail('invalidKey', `Unsupported EC ${kind} key with curve ${oid(details?.namedCurve)}.`);
}

function detectPrivate(key, wanted) {
  const text = textOf(key, 'private');
  if (HMAC.includes(wanted)) return wanted; // what looks like a PEM is a secret where that is said
  const found = locate(text);
  if (found === undefined) return 'HS256';
  if (PUBLIC.has(found.label)) fail('invalidKey', 'Public keys are not supported for signing.');
  if (!PRIVATE.has(found.label)) fail('invalidKey', 'Unsupported PEM private key.');
  if (found.label.startsWith('ENCRYPTED')) return wanted;
  return algorithmsOf(createPrivateKey(found.pem), 'private')[0];
}

function detectPublic(key) {
  const found = locate(textOf(key, 'public'));
  if (found === undefined) return HMAC;
  if (PRIVATE.has(found.label)) fail('invalidKey', 'Private keys are not supported for verifying.');
  if (!PUBLIC.has(found.label)) fail('invalidKey', 'Unsupported PEM public key.');
  return algorithmsOf(createPublicKey(found.pem), 'public');
}

// What was found out of a key, or why not.
const remembered = { private: new Lru(1000), public: new Lru(1000) };
function remember(kind, key, start) {
  const name = typeof key === 'string' ? key : key instanceof Buffer ? key.toString('utf-8') : undefined;
  const known = name === undefined ? undefined : remembered[kind].get(name);
  if (known?.error !== undefined) throw known.error;
  if (known !== undefined) return known.answer;
  const note = (outcome) => name !== undefined && name !== '' && remembered[kind].set(name, outcome);
  try {
    const answer = start();
    note({ answer });
    return answer;
  } catch (cause) {
    const error = TokenError.wrap(cause, TokenError.codes.invalidKey, `Unsupported PEM ${kind} key.`);
    note({ error });
    throw error;
  }
}

// The algorithm that a key signs with, where `wanted` does not say it.
const privateAlgorithm = (key, wanted) =>
  HMAC.includes(wanted) ? detectPrivate(key, wanted) : remember('private', key, () => detectPrivate(key, wanted));

// The algorithms that a key verifies.
function publicAlgorithms(key, wanted) {
  if (wanted?.length > 0 && wanted.every((one) => HMAC.includes(one))) return wanted;
  return remember('public', key, () => detectPublic(key));
}

// A key's material for the core, once per key.
const secrets = new Lru(256);
function materialOf(make, key, isSecret) {
  const name = typeof key === 'string' ? `${make.name} ${isSecret} ${key}` : undefined;
  const known = name === undefined ? undefined : secrets.get(name);
  if (known !== undefined) return known;
  const bytes = typeof key === 'string' ? Buffer.from(key, 'utf-8') : key;
  if (isSecret && bytes.length === 0) fail('invalidKey', 'The key cannot be an empty string or buffer.');
  const secret = new Secret(isSecret ? createSecretKey(bytes) : make(bytes));
  if (name !== undefined) secrets.set(name, secret);
  return secret;
}
const signingKey = (key, algorithm) => materialOf(createPrivateKey, key, algorithm[0] === 'H');
const verifyingKey = (key, isSecret) => materialOf(createPublicKey, key, isSecret);

function createSignature(secret, algorithm, input) {
  const made = native.jwtSignBytes(secret.key(algorithm), input);
  if (made instanceof Error) throw made;
  return made.toString('base64url');
}

function verifySignature(secret, algorithm, input, signature) {
  return native.jwtVerifyBytes(secret.key(algorithm), input, Buffer.from(signature, 'base64url'));
}

module.exports = {
  ED,
  ES,
  HMAC,
  RSA,
  createSignature,
  privateAlgorithm,
  publicAlgorithms,
  signingKey,
  verifyingKey,
  verifySignature,
};
