// verify(token, secretOrPublicKey, options, callback): jsonwebtoken's, with its options, order of checks and messages.
//
// One native call checks form, header, algorithm, signature and the JSON of the payload. Why a token failed is put
// into jsonwebtoken's words afterwards, off the path of good tokens. docs/tokens-node.md lists what is refused here and
// not there.

const { native } = require('../native.js');
const { NotBeforeError, TokenExpiredError, reworded, tokenError } = require('./errors.js');
const { decodeParts } = require('./decode.js');
const { forVerifying, MAX_TOKEN } = require('./secrets.js');
const { secondsAfter } = require('./timespan.js');
const { standardAlgorithms, validateAsymmetricKey } = require('./validate.js');

const mismatch = (claim, name, expected) =>
  tokenError('ERR_TOKEN_CLAIM', `jwt ${name} invalid. expected: ${expected}`, { claim, reason: 'mismatch' });
const badOption = (message) => tokenError('ERR_INVALID_OPTION', message);

function checkOptions(options) {
  if (options.clockTimestamp && typeof options.clockTimestamp !== 'number') {
    throw badOption('clockTimestamp must be a number');
  }
  if (options.nonce !== undefined && (typeof options.nonce !== 'string' || options.nonce.trim() === '')) {
    throw badOption('nonce must be a non-empty string');
  }
  const { clockTolerance: tolerance, issuer } = options;
  for (const name of ['allowInvalidAsymmetricKeyTypes', 'allowInsecureKeySizes']) {
    if (options[name] !== undefined && typeof options[name] !== 'boolean') throw badOption(`${name} must be a boolean`);
  }
  // A text would be appended to the date, and NaN compares with nothing: both would let every token pass.
  if (tolerance && !Number.isFinite(tolerance)) throw badOption('clockTolerance must be a number of seconds');
  if (issuer && typeof issuer !== 'string' && !Array.isArray(issuer)) {
    throw badOption('issuer must be a string or an array of strings');
  }
}

function algorithmsOf(options) {
  const { algorithms } = options;
  if (!algorithms) return undefined;
  if (typeof algorithms === 'string') return [algorithms];
  if (!Array.isArray(algorithms)) throw badOption('algorithms must be an array of strings');
  return algorithms;
}

const badDate = (claim) => tokenError('ERR_TOKEN_CLAIM', `invalid ${claim} value`, { claim, reason: 'wrong_type' });

function checkDates(payload, options, now) {
  const tolerance = options.clockTolerance || 0;
  const { nbf, exp } = payload;
  if (nbf !== undefined && !options.ignoreNotBefore) {
    if (typeof nbf !== 'number') throw badDate('nbf');
    if (nbf > now + tolerance) throw new NotBeforeError('jwt not active', new Date(nbf * 1000));
  }
  if (exp !== undefined && !options.ignoreExpiration) {
    if (typeof exp !== 'number') throw badDate('exp');
    if (now >= exp + tolerance) throw new TokenExpiredError('jwt expired', new Date(exp * 1000));
  }
}

function matches(expected, actual) {
  if (!(expected instanceof RegExp)) return expected === actual;
  expected.lastIndex = 0; // with the flags g and y a RegExp remembers where it stopped
  return typeof actual === 'string' && expected.test(actual);
}

function checkExpected(payload, options) {
  if (options.audience) {
    const audiences = [].concat(options.audience);
    const actual = [].concat(payload.aud);
    if (!actual.some((one) => audiences.some((expected) => matches(expected, one)))) {
      throw mismatch('aud', 'audience', audiences.join(' or '));
    }
  }
  const { issuer } = options;
  if (issuer && (typeof issuer === 'string' ? payload.iss !== issuer : !issuer.includes(payload.iss))) {
    throw mismatch('iss', 'issuer', issuer);
  }
  if (options.subject && payload.sub !== options.subject) throw mismatch('sub', 'subject', options.subject);
  if (options.jwtid && payload.jti !== options.jwtid) throw mismatch('jti', 'jwtid', options.jwtid);
  if (options.nonce && payload.nonce !== options.nonce) throw mismatch('nonce', 'nonce', options.nonce);
}

function checkAge(payload, options, now) {
  if (typeof payload.iat !== 'number') throw tokenError('ERR_TOKEN_CLAIM', 'iat required when maxAge is specified');
  const until = secondsAfter(options.maxAge, payload.iat);
  if (until === undefined || Number.isNaN(until)) {
    throw badOption('"maxAge" should be a number of seconds or string representing a timespan eg: "1d", "20h", 60');
  }
  if (now >= until + (options.clockTolerance || 0)) {
    throw new TokenExpiredError('maxAge exceeded', new Date(until * 1000));
  }
}

// What the options ask of a payload that was signed. A text has no claims.
function judge(payload, token, options) {
  const now = options.clockTimestamp || Math.floor(Date.now() / 1000);
  checkDates(payload, options, now);
  checkExpected(payload, options);
  if (options.maxAge) checkAge(payload, options, now);
  if (options.complete !== true) return payload;
  const { header, signature } = decodeParts(token);
  return { header, payload, signature };
}

// Checks a token with a key that is there. `given` may be anything that a caller can pass.
function check(token, given, options) {
  const allowed = algorithmsOf(options);
  let secret;
  let refusal;
  if (given) {
    try {
      secret = forVerifying.get(given);
      refusal = secret.verifier(allowed, options);
    } catch (error) {
      // What the core refuses to be a key says why; what node:crypto refuses is no key.
      const known = error.code?.startsWith('ERR_KEY_');
      return explain(token, given, options, allowed, secret, known ? error : undefined);
    }
    refusal = refusal?.verify(token, 0);
  }
  if (typeof refusal !== 'string') return explain(token, given, options, allowed, secret, refusal);
  return judge(JSON.parse(refusal), token, options);
}

// Why a token was not taken, in jsonwebtoken's words and order. Returns only what `judgeOther` does.
function explain(token, given, options, allowed, secret, why) {
  const says = (message, code) => tokenError(code ?? why?.code ?? 'ERR_TOKEN_MALFORMED', message);
  if (token.length > MAX_TOKEN) throw says('jwt malformed', 'ERR_TOKEN_TOO_LARGE');
  if (token.split('.').length !== 3) throw says('jwt malformed', 'ERR_TOKEN_MALFORMED');
  const parts = decodeParts(token);
  if (parts === null) throw says('invalid token');
  if (parts.signature === undefined || parts.signature === '') {
    if (given) throw says('jwt signature is required', 'ERR_TOKEN_ALGORITHM');
    if (!allowed) throw says('please specify "none" in "algorithms" to verify unsigned tokens', 'ERR_TOKEN_ALGORITHM');
    if (!allowed.includes(parts.header.alg)) throw says('invalid algorithm', 'ERR_TOKEN_ALGORITHM');
    if (parts.header.alg !== 'none') throw says('invalid signature', 'ERR_TOKEN_SIGNATURE');
    throw says('unsigned tokens are never taken', 'ERR_TOKEN_ALGORITHM');
  }
  if (!given) throw says('secret or public key must be provided', 'ERR_TOKEN_KEY');
  if (secret === undefined) throw says('secretOrPublicKey is not valid key material', 'ERR_KEY_INVALID');
  const { alg } = parts.header;
  if (typeof alg !== 'string') throw says('invalid algorithm', 'ERR_TOKEN_HEADER_INVALID');
  if (!(allowed ?? standardAlgorithms(secret)).includes(alg)) throw says('invalid algorithm', 'ERR_TOKEN_ALGORITHM');
  if (alg.startsWith('HS') && secret.type !== 'secret') {
    throw says(`secretOrPublicKey must be a symmetric key when using ${alg}`, 'ERR_KEY_UNSUITABLE');
  }
  if (/^(?:RS|PS|ES|Ed)/.test(alg) && secret.type !== 'public') {
    throw says(`secretOrPublicKey must be an asymmetric key when using ${alg}`, 'ERR_KEY_UNSUITABLE');
  }
  // The option lets RSA-PSS keys pass whose parameters are not the algorithm's, and no other kind of key.
  if (!options.allowInvalidAsymmetricKeyTypes || why === undefined) validateAsymmetricKey(alg, secret);
  if (why === undefined) throw says('invalid algorithm', 'ERR_TOKEN_ALGORITHM');
  if (!why.code?.startsWith('ERR_TOKEN_')) {
    const forged = why.code === 'ERR_KEY_WEAK' && failsAnyway(token, secret, allowed, options);
    throw forged ? says('invalid signature', 'ERR_TOKEN_SIGNATURE') : reworded(why.message, why); // of the key
  }
  if (why.code !== 'ERR_TOKEN_PAYLOAD' && why.code !== 'ERR_TOKEN_CLAIM') throw reworded(wordsFor(why), why);
  return judgeOther(token, secret.keySet(allowed, options), parts.header, options, why);
}

// Whether a token does not even verify with the RSA key that is too small.
function failsAnyway(token, secret, allowed, options) {
  try {
    const verifier = secret.verifier(allowed, { ...options, allowInsecureKeySizes: true });
    return verifier.verify(token, 0).code === 'ERR_TOKEN_SIGNATURE';
  } catch {
    return false;
  }
}

function wordsFor(why) {
  switch (why.code) {
    case 'ERR_TOKEN_SIGNATURE':
    case 'ERR_TOKEN_MALFORMED': // base64url with stray bits, which jsonwebtoken decodes before it sees that nobody signed it
      return 'invalid signature';
    case 'ERR_TOKEN_ALGORITHM':
      return 'invalid algorithm';
    default:
      return 'invalid token';
  }
}

const MEANT_AS_CLAIMS = /^(?:application\/)?(?:.*\+)?jwt$/i;

// Payloads that are not the claims of RFC 7519, and that jsonwebtoken hands back: a text or number that was signed as
// it is, under a header that does not belie it, and dates that are no dates where nothing compares them.
function judgeOther(token, keys, header, options, why) {
  const refused = reworded('invalid token', why);
  const good = native.jwsVerify(token, keys, { maxToken: MAX_TOKEN });
  if (good instanceof Error) throw refused;
  let text;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(good[0]);
  } catch {
    throw refused;
  }
  if (why.code === 'ERR_TOKEN_CLAIM') {
    const claims = JSON.parse(text);
    for (const claim of ['nbf', 'exp', 'iat']) {
      if (typeof claims[claim] === 'number' && Math.abs(claims[claim]) > 2 ** 53) throw badDate(claim);
    }
    return judge(claims, token, options);
  }
  const json = /^[\s\uFEFF]*[{[]/.test(text); // meant to be JSON, and not taken as such
  if (json || (header.typ !== undefined && MEANT_AS_CLAIMS.test(header.typ))) throw refused;
  return judge(text, token, options);
}

function checkToken(token) {
  if (!token) throw tokenError('ERR_TOKEN_MALFORMED', 'jwt must be provided');
  if (typeof token !== 'string') throw tokenError('ERR_TOKEN_MALFORMED', 'jwt must be a string');
}

function headerOf(token) {
  checkToken(token);
  if (token.length > MAX_TOKEN || token.split('.').length !== 3) {
    throw tokenError('ERR_TOKEN_MALFORMED', 'jwt malformed');
  }
  const parts = decodeParts(token);
  if (parts === null) throw tokenError('ERR_TOKEN_MALFORMED', 'invalid token');
  return parts.header;
}

const keyFailed = (error) =>
  tokenError('ERR_TOKEN_KEY', `error in secret or public key callback: ${error?.message ?? error}`);

function verifyNow(token, given, options) {
  checkOptions(options);
  checkToken(token);
  if (typeof given === 'function') {
    headerOf(token);
    throw badOption('verify must be called asynchronous if secret or public key is provided as a callback');
  }
  return check(token, given, options);
}

function verify(token, secretOrPublicKey, options, callback) {
  const done = typeof options === 'function' && !callback ? options : callback;
  const settings = typeof options === 'function' && !callback ? {} : options || {};
  if (!done) return verifyNow(token, secretOrPublicKey, settings);
  // The callback is called outside of every try: what it throws is the application's.
  const finish = (run) => {
    let value;
    try {
      value = run();
    } catch (error) {
      return done(error);
    }
    return done(null, value);
  };
  if (typeof secretOrPublicKey !== 'function') return finish(() => verifyNow(token, secretOrPublicKey, settings));
  let header;
  try {
    checkOptions(settings);
    header = headerOf(token);
  } catch (error) {
    return done(error);
  }
  return secretOrPublicKey(header, (error, key) =>
    error ? done(keyFailed(error)) : finish(() => check(token, key, settings)),
  );
}

// The same as a promise. The key may be a function of the header that returns the key or a promise of it.
async function verifyAsync(token, secretOrPublicKey, options = {}) {
  if (typeof secretOrPublicKey !== 'function') return verifyNow(token, secretOrPublicKey, options);
  checkOptions(options);
  const header = headerOf(token);
  let key;
  try {
    key = await secretOrPublicKey(header);
  } catch (error) {
    throw keyFailed(error);
  }
  return check(token, key, options);
}

module.exports = { verify, verifyAsync };
