'use strict';

// createSigner(options): a function (payload, callback) that makes tokens.

const { CODES, TokenError, fail } = require('./error.js');
const { ED, ES, HMAC, RSA, createSignature, privateAlgorithm, signingKey } = require('./keys.js');
const { callbackOrPromise, fetchKey } = require('./later.js');
const { checkNumber, checkText, timeSpan } = require('./options.js');

const ALGORITHMS = [...HMAC, ...ES, ...RSA, ...ED, 'none'];
const FIXED = ['jti', 'aud', 'iss', 'sub', 'nonce'];

const encode = (value) => Buffer.from(JSON.stringify(value), 'utf-8').toString('base64url');

// A key of one family, with a passphrase `undefined`: what it is says the algorithm that is asked for.
function checkSuits(wanted, actual) {
  const family = wanted.slice(0, 2);
  const of = { RS: ['RS'], PS: ['RS'], ES: ['ES'], Ed: ['Ed'] }[family];
  if (of === undefined || of.includes(actual.slice(0, 2))) return;
  fail('invalidKey', `Invalid private key provided for algorithm ${wanted}.`);
}

// { secret, algorithm } of key material.
function prepare(key, wanted) {
  const protectedKey = key.key !== undefined && key.passphrase !== undefined;
  const actual = privateAlgorithm(protectedKey ? key.key : key, wanted);
  if (wanted) checkSuits(wanted, actual);
  const algorithm = wanted || actual;
  return { algorithm, secret: signingKey(key, algorithm) };
}

function readKey({ key, algorithm }) {
  if (algorithm && !ALGORITHMS.includes(algorithm)) {
    fail('invalidOption', `The algorithm option must be one of the following values: ${ALGORITHMS.join(', ')}.`);
  }
  if (algorithm === 'none') {
    if (key) fail('invalidOption', 'The key option must not be provided when the algorithm option is "none".');
    return { algorithm };
  }
  if (typeof key === 'function') return { keyFunction: key, algorithm };
  const protectedKey = typeof key === 'object' && key?.key && key.passphrase;
  if (!key || (typeof key !== 'string' && !(key instanceof Buffer) && !protectedKey)) {
    fail(
      'invalidOption',
      'The key option must be a string, a buffer, an object containing key/passphrase properties or a function returning the algorithm secret or private key.',
    );
  }
  if (protectedKey && !algorithm) {
    fail('invalidAlgorithm', 'When using password protected key you must provide the algorithm option.');
  }
  return prepare(key, algorithm);
}

function readOptions(options) {
  const out = { ...options, ...readKey(options) };
  // A passed time may be given, as one that has been.
  out.expiresIn = timeSpan(options.expiresIn, 'expiresIn', 'exp', Number.NEGATIVE_INFINITY);
  out.notBefore = timeSpan(options.notBefore, 'notBefore', 'nbf', 0);
  checkNumber(options.clockTimestamp, 'clockTimestamp');
  checkText(options, ['jti']);
  if (options.aud && typeof options.aud !== 'string' && !Array.isArray(options.aud)) {
    fail('invalidOption', 'The aud option must be a string or an array of strings.');
  }
  checkText(options, ['iss', 'sub', 'nonce', 'kid']);
  if (options.header && typeof options.header !== 'object') {
    fail('invalidOption', 'The header option must be a object.');
  }
  const fixed = FIXED.filter((name) => options[name] !== undefined);
  out.fixed = Object.fromEntries(fixed.map((name) => [name, options[name]]));
  return out;
}

function checkPayload(payload) {
  if (payload === null || typeof payload !== 'object') fail('invalidType', 'The payload must be an object.');
  for (const claim of ['exp', 'nbf']) {
    const value = payload[claim];
    if (value && (!Number.isInteger(value) || value < 0)) {
      fail('invalidClaimValue', `The ${claim} claim must be a positive integer.`);
    }
  }
}

function claimsOf(payload, { clockTimestamp, expiresIn, fixed, noTimestamp, notBefore }) {
  const now = payload.iat !== undefined ? payload.iat * 1000 : (clockTimestamp ?? Date.now());
  const after = (span, given) =>
    typeof span === 'number' && Number.isFinite(span) ? Math.floor((now + span) / 1000) : given || undefined;
  return {
    ...payload,
    ...fixed,
    iat: noTimestamp ? undefined : Math.floor(now / 1000),
    exp: after(expiresIn, payload.exp),
    nbf: after(notBefore, payload.nbf),
  };
}

function seal(header, body, secret) {
  const input = `${encode(header)}.${body}`;
  if (header.alg === 'none') return `${input}.`;
  let signature;
  try {
    signature = createSignature(secret, header.alg, input);
  } catch (error) {
    // A key that the core refuses (an RSA key that is too small) says why.
    const code = error.code?.startsWith('ERR_KEY_') ? CODES.invalidKey : CODES.signError;
    const message = code === CODES.invalidKey ? error.message : 'Cannot create the signature.';
    throw new TokenError(code, message, { originalError: error });
  }
  return `${input}.${signature}`;
}

function signLater(settings, header, payload, body, callback) {
  fetchKey(settings.keyFunction, { header, payload }, (error, key) => {
    if (error) return callback(TokenError.wrap(error, CODES.keyFetchingError, 'Cannot fetch key.'));
    if (typeof key !== 'string' && !(key instanceof Buffer)) {
      const message =
        'The key returned from the callback must be a string or a buffer containing a secret or a private key.';
      return callback(new TokenError(CODES.keyFetchingError, message));
    }
    let token;
    try {
      const { secret, algorithm } = prepare(key, settings.algorithm);
      token = seal({ ...header, alg: algorithm }, body, secret);
    } catch (failure) {
      return callback(failure);
    }
    return callback(null, token);
  });
}

function createSigner(given) {
  const settings = readOptions({ ...given });
  const { algorithm, header: additional, keyFunction, kid, mutatePayload, secret, typ } = settings;

  return function sign(payload, callback) {
    const [done, promise] = keyFunction === undefined ? [] : callbackOrPromise(callback);
    checkPayload(payload);
    const header = { alg: algorithm, typ: typ || 'JWT', kid, ...additional };
    const claims = claimsOf(payload, settings);
    if (mutatePayload) Object.assign(payload, claims);
    const body = encode(claims);
    if (done === undefined) return seal(header, body, secret);
    signLater(settings, header, payload, body, done);
    return promise;
  };
}

module.exports = { createSigner };
