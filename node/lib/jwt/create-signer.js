// createSigner(options): a function that signs claims with one key and one header, after fast-jwt.

const { fromToken, tokenError } = require('./errors.js');
const { callable, fetchKey } = require('./key-function.js');
const { checkNames, flag, number, string, strings, wrong } = require('./options.js');
const { ALGORITHMS } = require('./sign.js');
const { forSigning } = require('./secrets.js');
const { milliseconds } = require('./timespan.js');

const NAMES = new Set(
  (
    'key algorithm expiresIn notBefore jti aud iss sub nonce kid header typ noTimestamp mutatePayload ' +
    'clockTimestamp async'
  ).split(' '),
);

// Milliseconds: a number of them, or a text such as "10m".
function span(options, name) {
  const value = options[name];
  if (value === undefined || value === null) return undefined;
  const span = typeof value === 'string' ? milliseconds(value) : value;
  if (typeof span !== 'number' || !Number.isFinite(span)) {
    throw wrong(`${name} must be a number of milliseconds or a text such as "10m"`);
  }
  return span;
}

function fixedClaims(options) {
  const out = {};
  for (const name of ['jti', 'aud', 'iss', 'sub', 'nonce']) {
    const value = name === 'aud' && Array.isArray(options.aud) ? strings(options, name) : string(options, name);
    if (value !== undefined) out[name] = value;
  }
  return out;
}

function createSigner(options) {
  checkNames(options, NAMES, 'createSigner');
  const { algorithm, header: more } = options;
  if (algorithm !== undefined && (!ALGORITHMS.has(algorithm) || algorithm === 'none')) {
    throw wrong('algorithm must be a signature algorithm, such as HS256, RS256, ES256 or EdDSA; never none');
  }
  const kid = string(options, 'kid');
  const expiresIn = span(options, 'expiresIn');
  const notBefore = span(options, 'notBefore');
  const clock = number(options, 'clockTimestamp');
  const noTimestamp = flag(options, 'noTimestamp');
  const mutate = flag(options, 'mutatePayload');
  const later = flag(options, 'async');
  const typ = options.typ === undefined ? 'JWT' : string(options, 'typ');
  const fixed = fixedClaims(options);

  function open(key) {
    if (!key) throw wrong('key must be a secret or a private key, or a function that gives one');
    let secret;
    try {
      secret = forSigning.get(key);
    } catch (error) {
      throw error.code?.startsWith('ERR_KEY_') ? error : wrong('key is not a secret or a private key');
    }
    const alg = algorithm ?? secret.algorithms[0];
    if (secret.type === 'public' || !secret.algorithms.includes(alg)) {
      throw wrong(`key is not a key that signs with ${alg}`);
    }
    return secret.signer(alg, JSON.stringify({ alg, typ, kid: kid ?? secret.object.kid, ...more }));
  }

  function claimsOf(payload) {
    if (payload === null || typeof payload !== 'object' || Array.isArray(payload)) {
      throw tokenError('ERR_TOKEN_PAYLOAD', 'the payload must be an object');
    }
    const issuedAt = payload.iat === undefined ? (clock ?? Date.now()) : payload.iat * 1000;
    const claims = { ...payload, ...fixed };
    if (noTimestamp) delete claims.iat;
    else claims.iat = Math.floor(issuedAt / 1000);
    if (expiresIn !== undefined) claims.exp = Math.floor((issuedAt + expiresIn) / 1000);
    if (notBefore !== undefined) claims.nbf = Math.floor((issuedAt + notBefore) / 1000);
    if (mutate) {
      Object.assign(payload, claims);
      if (noTimestamp) delete payload.iat;
    }
    return JSON.stringify(claims);
  }

  function signNow(signer, payload) {
    const token = signer.sign(claimsOf(payload));
    if (typeof token !== 'string') throw fromToken(token);
    return token;
  }
  const signLater = (signer, payload) =>
    signer.signAsync(claimsOf(payload)).catch((error) => {
      throw fromToken(error);
    });

  if (typeof options.key === 'function') {
    return callable(async (payload) => {
      const signer = open(await fetchKey(options.key, { header: { alg: algorithm, typ, kid, ...more }, payload }));
      return later ? signLater(signer, payload) : signNow(signer, payload);
    });
  }
  const signer = open(options.key);
  return later ? async (payload) => signLater(signer, payload) : (payload) => signNow(signer, payload);
}

module.exports = { createSigner };
