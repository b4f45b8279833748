// Checks that jsonwebtoken's functions share.

const ALLOWED = {
  ec: ['ES256', 'ES384', 'ES512'],
  rsa: ['RS256', 'PS256', 'RS384', 'PS384', 'RS512', 'PS512'],
  'rsa-pss': ['PS256', 'PS384', 'PS512'],
};
// What is taken here and not by jsonwebtoken.
const ADDED = { ES256K: ['ec'], EdDSA: ['ed25519', 'ed448'] };
const CURVES = { ES256: 'prime256v1', ES384: 'secp384r1', ES512: 'secp521r1', ES256K: 'secp256k1' };

// Also of another realm (vm, a test runner): recognised by its chain of prototypes.
function isPlainObject(value) {
  if (Object.prototype.toString.call(value) !== '[object Object]') return false;
  const prototype = Object.getPrototypeOf(value);
  if (prototype === null) return true;
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'hasOwnProperty');
}

// The algorithms that jsonwebtoken stands for where none were named, and those that are taken here as well.
function standardAlgorithms({ type, asymmetricKeyType: kind, algorithms }) {
  if (type === 'secret' || kind === undefined) return algorithms;
  return kind === 'ec' ? [...ALLOWED.ec, ...algorithms] : [...ALLOWED.rsa, ...algorithms];
}

// Whether a KeyObject suits an algorithm; throws jsonwebtoken's messages.
function validateAsymmetricKey(algorithm, key) {
  if (!algorithm || !key) return;
  const type = key.asymmetricKeyType;
  if (!type) return;
  const allowed = ALLOWED[type];
  const added = ADDED[algorithm]?.includes(type) === true;
  if (!allowed && !added) throw new Error(`Unknown key type "${type}".`);
  if (!added && !allowed.includes(algorithm)) {
    throw new Error(`"alg" parameter for "${type}" key type must be one of: ${allowed.join(', ')}.`);
  }
  if (type === 'ec' && key.asymmetricKeyDetails.namedCurve !== CURVES[algorithm]) {
    throw new Error(`"alg" parameter "${algorithm}" requires curve "${CURVES[algorithm]}".`);
  }
  if (type === 'rsa-pss') validatePss(algorithm, key.asymmetricKeyDetails);
}

function validatePss(algorithm, { hashAlgorithm, mgf1HashAlgorithm, saltLength }) {
  const bits = Number(algorithm.slice(-3));
  const wrong = 'Invalid key for this operation, its RSA-PSS parameter';
  if (hashAlgorithm !== `sha${bits}` || mgf1HashAlgorithm !== hashAlgorithm) {
    throw new Error(`${wrong}s do not meet the requirements of "alg" ${algorithm}.`);
  }
  if (saltLength !== undefined && saltLength > bits / 8) {
    throw new Error(`${wrong} saltLength does not meet the requirements of "alg" ${algorithm}.`);
  }
}

module.exports = { isPlainObject, standardAlgorithms, validateAsymmetricKey };
