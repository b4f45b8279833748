'use strict';

// createVerifier(options): a function (token, callback) that answers what a token says, if it may be believed.

const { TokenCache, hashToken } = require('./cache.js');
const { checkClaims, checkCrit, checksOf } = require('./claims.js');
const { createDecoder, tokenText } = require('./decoder.js');
const { CODES, TokenError, fail } = require('./error.js');
const { ED, ES, HMAC, RSA, publicAlgorithms, verifyingKey, verifySignature } = require('./keys.js');
const { callbackOrPromise, fetchKey } = require('./later.js');
const { checkNumber } = require('./options.js');

const DEFAULTS = { cacheTTL: 600_000, clockTolerance: 0, errorCacheTTL: -1, cacheKeyBuilder: hashToken };
const ALGORITHMS = new Set([...HMAC, ...ES, ...RSA, ...ED]);
const decode = createDecoder({ complete: true });

const plainType = (typ) => typ.toLowerCase().replace(/^application\//, '');

// { secret, algorithms } of key material, for those of `wanted` that it is for. `said`: where these are all of HMAC, what
// looks like a PEM is a secret.
function prepare(key, wanted, said) {
  const available = publicAlgorithms(key, said);
  if (wanted.length > 0 && !wanted.some((one) => available.includes(one))) {
    fail('invalidKey', `Invalid public key provided for algorithms ${wanted.join(', ')}.`);
  }
  return { algorithms: wanted.length > 0 ? wanted : available, secret: verifyingKey(key, HMAC.includes(available[0])) };
}

function readKey(key, algorithms) {
  const onlyNone = algorithms.length > 0 && algorithms.every((one) => one === 'none');
  if (onlyNone) {
    if (key) {
      fail('invalidOption', 'The key option must not be provided when the only allowed algorithm is "none".');
    }
    return { algorithms };
  }
  if (typeof key === 'function') return { keyFunction: key, algorithms };
  if (typeof key !== 'string' && typeof key !== 'object') {
    fail(
      'invalidOption',
      'The key option must be a string, a buffer or a function returning the algorithm secret or public key.',
    );
  }
  // An empty key verifies nothing: unsigned tokens would pass.
  if (!key) fail('invalidKey', 'The key option is required unless the only allowed algorithm is "none".');
  return prepare(key, algorithms, algorithms);
}

function checkCaching({ cacheTTL, errorCacheTTL }) {
  if (cacheTTL !== undefined && (typeof cacheTTL !== 'number' || Number.isNaN(cacheTTL) || cacheTTL < 0)) {
    fail('invalidOption', 'The cacheTTL option must be a non-negative number.');
  }
  const isTtl = !errorCacheTTL || typeof errorCacheTTL === 'function' || typeof errorCacheTTL === 'number';
  if (!isTtl || errorCacheTTL < -1) {
    fail('invalidOption', 'The errorCacheTTL option must be a number greater than -1 or a function.');
  }
}

function readOptions(given) {
  const options = { ...DEFAULTS, ...given };
  const algorithms = Array.isArray(options.algorithms) ? options.algorithms : [];
  Object.assign(options, readKey(options.key, algorithms));
  checkNumber(options.clockTimestamp, 'clockTimestamp');
  checkNumber(options.clockTolerance, 'clockTolerance');
  checkCaching(options);
  const { allowedCritHeaders: crit, requiredClaims } = options;
  if (requiredClaims && !Array.isArray(requiredClaims)) {
    fail('invalidOption', 'The requiredClaims option must be an array.');
  }
  options.checks = checksOf(options);
  if (crit !== undefined && (!Array.isArray(crit) || crit.some((one) => typeof one !== 'string' || one === ''))) {
    fail('invalidOption', 'The allowedCritHeaders option must be an array of strings.');
  }
  options.understood = new Set(crit);
  options.checkTyp = options.checkTyp ? plainType(options.checkTyp) : undefined;
  options.known = new TokenCache(options);
  if (options.known.entries !== null && given?.cacheKeyBuilder) {
    process.emitWarning(
      'A custom cacheKeyBuilder is in use with caching enabled. ' +
        'Cache key collisions can lead to identity/authorization bypass. ' +
        'Make sure your cacheKeyBuilder generates unique keys for different tokens. ' +
        'See https://github.com/nearform/fast-jwt/security/advisories/GHSA-rp9m-7r4c-75qg',
      { code: 'FAST_JWT_CACHE_KEY_BUILDER_SECURITY_RISK' },
    );
  }
  return options;
}

function checkSignature({ header, input, signature }, secret, algorithms) {
  if (secret !== undefined && !signature) fail('missingSignature', 'The token signature is missing.');
  if (secret === undefined && signature) fail('missingKey', 'The key option is missing.');
  if (!algorithms.includes(header.alg)) fail('invalidAlgorithm', 'The token algorithm is invalid.');
  if (!signature) return;
  let good;
  try {
    good = verifySignature(secret, header.alg, input, signature);
  } catch (error) {
    const code =
      ALGORITHMS.has(header.alg) && error.code?.startsWith('ERR_KEY_') ? CODES.invalidKey : CODES.verifyError;
    const message = code === CODES.invalidKey ? error.message : 'Cannot verify the signature.';
    throw new TokenError(code, message, { originalError: error });
  }
  if (!good) fail('invalidSignature', 'The token signature is invalid.');
}

// Throws what is wrong with a decoded token.
function judge(decoded, { secret, algorithms }, { checks, checkTyp, clockTimestamp, requiredClaims, understood }) {
  const { header, payload } = decoded;
  checkSignature(decoded, secret, algorithms);
  checkCrit(header, understood);
  if (checkTyp && (typeof header.typ !== 'string' || plainType(header.typ) !== checkTyp)) {
    fail('invalidType', 'Invalid typ.');
  }
  for (const claim of requiredClaims || []) {
    if (!(claim in payload)) fail('missingRequiredClaim', `The ${claim} claim is required.`);
  }
  checkClaims(payload, checks, clockTimestamp || Date.now());
}

function keyOf(key, algorithms) {
  if (typeof key === 'string' || key instanceof Buffer) return prepare(key, algorithms, []);
  return fail(
    'keyFetchingError',
    'The key returned from the callback must be a string or a buffer containing a secret or a public key.',
  );
}

function verifyLater(options, token, decoded, callback) {
  const { algorithms, complete, keyFunction, known } = options;
  const { header, payload, signature } = decoded;
  fetchKey(keyFunction, { header, payload, signature }, (error, key) => {
    const failed = (failure) => callback(known.keep(token, failure, payload));
    if (error) return failed(TokenError.wrap(error, CODES.keyFetchingError, 'Cannot fetch key.'));
    let outcome;
    try {
      judge(decoded, keyOf(key, algorithms), options);
      outcome = known.keep(token, complete ? { header, payload, signature, input: token } : payload, payload);
    } catch (failure) {
      return failed(failure);
    }
    return callback(null, outcome);
  });
}

function createVerifier(given) {
  const options = readOptions(given);
  const { algorithms, clockTimestamp, complete, keyFunction, known, secret } = options;
  const own = { secret, algorithms };

  function verifyNow(token) {
    const text = tokenText(token);
    const before = known.get(text, clockTimestamp || Date.now());
    if (before instanceof TokenError) throw before;
    if (before !== undefined) return before;
    const decoded = decode(text);
    try {
      judge(decoded, own, options);
    } catch (error) {
      throw known.keep(text, error, decoded.payload);
    }
    return known.keep(text, complete ? decoded : decoded.payload, decoded.payload);
  }

  function verifyAsync(token, callback) {
    const [done, promise] = callbackOrPromise(callback);
    let decoded;
    let before;
    let text;
    try {
      text = tokenText(token);
      before = known.get(text, clockTimestamp || Date.now());
      if (before === undefined) decoded = decode(text);
    } catch (error) {
      done(error);
      return promise;
    }
    if (before instanceof TokenError) done(before);
    else if (before !== undefined) done(null, before);
    else verifyLater(options, text, decoded, done);
    return promise;
  }

  return Object.assign(keyFunction === undefined ? verifyNow : verifyAsync, { cache: known.entries });
}

module.exports = { createVerifier };
