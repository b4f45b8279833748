// Secrets and keys in the forms that jsonwebtoken takes, imported once.
//
// node:crypto says what kind of key it is, as it does for jsonwebtoken; the typed keys of the core are made of it, one
// for each algorithm that it can be for. What was made is remembered: by identity for objects, by value for strings.

const { KeyObject, createPrivateKey, createPublicKey, createSecretKey } = require('node:crypto');
const { native } = require('../native.js');
const { fromToken, make } = require('./errors.js');
const { Key, KeySet, handleOf, importKeyObject, nativeSet } = require('./keys.js');
const { validateAsymmetricKey } = require('./validate.js');

const HMAC = ['HS256', 'HS384', 'HS512'];
const RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
const PSS = ['PS256', 'PS384', 'PS512'];
const CURVES = { prime256v1: ['ES256'], secp384r1: ['ES384'], secp521r1: ['ES512'], secp256k1: ['ES256K'] };
const BY_TYPE = { rsa: RSA, 'rsa-pss': PSS, ed25519: ['EdDSA'], ed448: ['EdDSA'] };

// jsonwebtoken sets no limit; a token of more is refused before anything of it is decoded.
const MAX_TOKEN = 64 * 1024;
// Everything that depends on the time or on what the caller expects is checked with jsonwebtoken's own words.
const DROP_IN_POLICY = {
  ignoreExpiration: true,
  ignoreNotBefore: true,
  ignoreIssuedAt: true,
  looseTypes: true,
  maxToken: MAX_TOKEN,
};
const MAX_STRINGS = 256;
const MAX_HEADERS = 32;

let warned = false;
function warnOnce(text) {
  if (warned || text === '') return;
  warned = true;
  process.emitWarning(`${text}: crypto.randomBytes(64). Whoever has one token can try out short secrets offline.`, {
    type: 'CoatcheckWarning',
    code: 'COATCHECK_SHORT_SECRET',
  });
}

// One secret or key, with what has been made of it.
class Secret {
  #keys = new Map();
  #signers = new Map();
  #verifiers = new Map();

  constructor(object) {
    this.object = object; // a KeyObject or a Key
    if (object instanceof KeyObject) {
      this.type = object.type;
      this.asymmetricKeyType = object.asymmetricKeyType;
      this.asymmetricKeyDetails = object.asymmetricKeyDetails;
    } else {
      this.type = object.type === 'oct' ? 'secret' : object.isPrivate ? 'private' : 'public';
    }
    this.algorithms = this.#suitable();
  }

  #suitable() {
    if (this.object instanceof Key) return [this.object.alg];
    if (this.type === 'secret') return HMAC;
    if (this.asymmetricKeyType === 'ec') return CURVES[this.asymmetricKeyDetails?.namedCurve] ?? [];
    return BY_TYPE[this.asymmetricKeyType] ?? [];
  }

  // The native key for one algorithm; throws what is wrong with it. `allowInsecureKeySizes`, one of jsonwebtoken's
  // options: an RSA key may have fewer than 2,048 bits.
  key(alg, { allowInsecureKeySizes = false } = {}) {
    const name = `${allowInsecureKeySizes ? '<' : ''}${alg}`;
    let made = this.#keys.get(name);
    if (made === undefined) {
      const { object } = this;
      const options = { alg, allowShortSecret: true, allowSmallRsa: allowInsecureKeySizes };
      made = handleOf(object instanceof Key ? object : importKeyObject(object, options));
      this.#keys.set(name, made);
    }
    return made;
  }

  // A native signer with this header, a JSON text.
  signer(alg, header, options) {
    const name = `${options?.allowInsecureKeySizes ? '<' : ''}${header}`;
    let made = this.#signers.get(name);
    if (made === undefined) {
      const key = this.key(alg, options);
      if (this.type === 'secret') warnOnce(key.warning);
      made = make(native.jwtCreateSigner, key, header, false, true);
      if (this.#signers.size >= MAX_HEADERS) this.#signers.clear();
      this.#signers.set(name, made);
    }
    return made;
  }

  // A native verifier that takes those of `allowed` (a list; undefined: all) that the key is for; undefined: none.
  // `options` are those of jsonwebtoken's verify.
  verifier(allowed, options) {
    if (this.type === 'private' && this.object instanceof KeyObject) return undefined; // a public key verifies
    const small = options.allowInsecureKeySizes === true;
    const any = options.allowInvalidAsymmetricKeyTypes === true;
    let name = allowed === undefined ? 'all' : allowed.length === 1 ? `=${allowed[0]}` : JSON.stringify(allowed);
    if (small || any) name = `${small ? '<' : ''}${any ? '~' : ''}${name}`;
    let made = this.#verifiers.get(name);
    if (made === undefined) {
      const keys = this.keySet(any ? allowed : this.#valid(allowed), options);
      if (keys === undefined) return undefined;
      made = make(native.jwtCreateVerifier, keys, DROP_IN_POLICY);
      if (this.#verifiers.size >= MAX_HEADERS) this.#verifiers.clear();
      this.#verifiers.set(name, made);
    }
    return made;
  }

  // Those that jsonwebtoken takes the key for: of an RSA-PSS key its parameters decide.
  #valid(allowed) {
    return this.algorithms.filter((alg) => {
      try {
        validateAsymmetricKey(alg, this);
      } catch {
        return false;
      }
      return allowed === undefined || allowed.includes(alg);
    });
  }

  keySet(allowed, options) {
    const algorithms = allowed === undefined ? this.algorithms : this.algorithms.filter((alg) => allowed.includes(alg));
    if (algorithms.length === 0) return undefined;
    const keys = algorithms.map((alg) => this.key(alg, options));
    if (this.type === 'secret' && keys.every((key) => key.warning !== '')) warnOnce(keys[0].warning);
    return make(native.jwtCreateKeySet, keys);
  }
}

// Objects that may be changed in place are remembered together with what they were.
function snapshot(value) {
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
    return () => bytes.equals(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
  }
  if (value instanceof KeyObject || value instanceof Key) return () => true;
  const { key, passphrase, format, type, encoding } = value;
  const inner = ArrayBuffer.isView(key) ? snapshot(key) : () => true;
  return () =>
    value.key === key &&
    value.passphrase === passphrase &&
    value.format === format &&
    value.type === type &&
    value.encoding === encoding &&
    format !== 'jwk' && // an object of its own, which may change as well
    inner();
}

class SecretCache {
  #strings = new Map();
  #objects = new WeakMap();
  #open;

  constructor(open) {
    this.#open = open;
  }

  // Throws when the value is no key material.
  get(value) {
    if (typeof value === 'string') {
      let found = this.#strings.get(value);
      if (found === undefined) {
        found = new Secret(this.#open(value));
        if (this.#strings.size >= MAX_STRINGS) this.#strings.delete(this.#strings.keys().next().value);
        this.#strings.set(value, found);
      }
      return found;
    }
    if (typeof value !== 'object') throw new TypeError('not key material');
    const kept = this.#objects.get(value);
    if (kept?.unchanged()) return kept.secret;
    const secret = new Secret(value instanceof KeyObject || value instanceof Key ? value : this.#open(value));
    this.#objects.set(value, { secret, unchanged: snapshot(value) });
    return secret;
  }
}

function asSecret(value) {
  return createSecretKey(typeof value === 'string' ? Buffer.from(value) : value);
}
// A public key, also of a private one; what is neither is a secret. Asked in this order, a PEM is never a secret.
const forVerifying = new SecretCache((value) => {
  try {
    return createPublicKey(value);
  } catch {
    return asSecret(value);
  }
});
const forSigning = new SecretCache((value) => {
  try {
    return createPrivateKey(value);
  } catch {
    return asSecret(value);
  }
});

module.exports = { Secret, Key, KeySet, MAX_TOKEN, forSigning, forVerifying, fromToken, nativeSet, warnOnce };
