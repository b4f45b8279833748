// sign(payload, secretOrPrivateKey, options, callback): jsonwebtoken's, with its options, checks and messages.

const { native } = require('../native.js');
const { fromToken } = require('./errors.js');
const { forSigning } = require('./secrets.js');
const { secondsAfter } = require('./timespan.js');
const { isPlainObject, validateAsymmetricKey } = require('./validate.js');

const { nextTick } = process; // that of a test's fake clock would wait for a tick that was over before the pool was

const ALGORITHMS = new Set(
  'HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 ES256K EdDSA none'.split(' '),
);

const isString = (value) => typeof value === 'string' || value instanceof String;
const isNumber = (value) => typeof value === 'number' || value instanceof Number;
const isBoolean = (value) => typeof value === 'boolean';
const isSpan = (value) => Number.isInteger(value) || (isString(value) && value.length > 0);

const OPTIONS = {
  expiresIn: [isSpan, '"expiresIn" should be a number of seconds or string representing a timespan'],
  notBefore: [isSpan, '"notBefore" should be a number of seconds or string representing a timespan'],
  audience: [(value) => isString(value) || Array.isArray(value), '"audience" must be a string or array'],
  algorithm: [(value) => ALGORITHMS.has(value), '"algorithm" must be a valid string enum value'],
  header: [isPlainObject, '"header" must be an object'],
  encoding: [isString, '"encoding" must be a string'],
  issuer: [isString, '"issuer" must be a string'],
  subject: [isString, '"subject" must be a string'],
  jwtid: [isString, '"jwtid" must be a string'],
  noTimestamp: [isBoolean, '"noTimestamp" must be a boolean'],
  keyid: [isString, '"keyid" must be a string'],
  mutatePayload: [isBoolean, '"mutatePayload" must be a boolean'],
  allowInsecureKeySizes: [isBoolean, '"allowInsecureKeySizes" must be a boolean'],
  allowInvalidAsymmetricKeyTypes: [isBoolean, '"allowInvalidAsymmetricKeyTypes" must be a boolean'],
};
const DATES = ['iat', 'exp', 'nbf'];
const CLAIM_OF = { audience: 'aud', issuer: 'iss', subject: 'sub', jwtid: 'jti' };
const FOR_OBJECTS = ['expiresIn', 'notBefore', 'noTimestamp', 'audience', 'issuer', 'subject', 'jwtid'];

function checkOptions(options) {
  if (!isPlainObject(options)) throw new Error('Expected "options" to be a plain object.');
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(OPTIONS, name)) throw new Error(`"${name}" is not allowed in "options"`);
    const [valid, message] = OPTIONS[name];
    if (!valid(options[name])) throw new Error(message);
  }
}

function checkDates(payload) {
  if (!isPlainObject(payload)) throw new Error('Expected "payload" to be a plain object.');
  for (const name of DATES) {
    if (Object.hasOwn(payload, name) && !isNumber(payload[name])) {
      throw new Error(`"${name}" should be a number of seconds`);
    }
  }
}

function openSecret(given, alg, options) {
  let secret;
  try {
    secret = forSigning.get(given);
  } catch {
    throw new Error('secretOrPrivateKey is not valid key material');
  }
  if (alg.startsWith('HS') && secret.type !== 'secret') {
    throw new Error(`secretOrPrivateKey must be a symmetric key when using ${alg}`);
  }
  if (/^(?:RS|PS|ES|Ed)/.test(alg)) {
    if (secret.type !== 'private') throw new Error(`secretOrPrivateKey must be an asymmetric key when using ${alg}`);
    if (!options.allowInsecureKeySizes && !/^E/.test(alg) && secret.asymmetricKeyDetails?.modulusLength < 2048) {
      throw new Error(`secretOrPrivateKey has a minimum key size of 2048 bits for ${alg}`);
    }
  }
  return secret;
}

// The claims that are signed: the payload's and the options'.
function claimsOf(payload, options) {
  const claims = options.mutatePayload ? payload : { ...payload };
  const issuedAt = claims.iat || Math.floor(Date.now() / 1000);
  if (options.noTimestamp) delete claims.iat;
  else claims.iat = issuedAt;
  for (const [option, claim] of [
    ['notBefore', 'nbf'],
    ['expiresIn', 'exp'],
  ]) {
    if (options[option] === undefined) continue;
    claims[claim] = secondsAfter(options[option], issuedAt);
    if (claims[claim] === undefined) {
      throw new Error(
        `"${option}" should be a number of seconds or string representing a timespan eg: "1d", "20h", 60`,
      );
    }
  }
  for (const option of Object.keys(CLAIM_OF)) {
    if (options[option] === undefined) continue;
    const claim = CLAIM_OF[option];
    if (claims[claim] !== undefined) {
      throw new Error(`Bad "options.${option}" option. The payload already has an "${claim}" property.`);
    }
    claims[claim] = options[option];
  }
  return claims;
}

// The text of a payload that is no object. What it is made of is jsonwebtoken's.
function textOf(payload) {
  if (typeof payload === 'string') return payload;
  return typeof payload === 'number' || Buffer.isBuffer(payload) ? payload.toString() : JSON.stringify(payload);
}

// All checks in jsonwebtoken's order, then: { secret, header, text, encoding, claims }.
function prepare(payload, given, options) {
  const isObject = typeof payload === 'object' && !Buffer.isBuffer(payload);
  const header = { alg: options.algorithm || 'HS256', typ: isObject ? 'JWT' : undefined, kid: options.keyid };
  if (options.header !== undefined) Object.assign(header, options.header);
  if (!given && options.algorithm !== 'none') throw new Error('secretOrPrivateKey must have a value');
  if (typeof header.alg !== 'string') throw new Error('"alg" of the header must be a string');
  const secret = given || header.alg !== 'none' ? openSecret(given, header.alg, options) : undefined;
  if (payload === undefined) throw new Error('payload is required');
  if (isObject) {
    checkDates(payload);
  } else {
    const wrong = FOR_OBJECTS.filter((name) => options[name] !== undefined);
    if (wrong.length > 0) throw new Error(`invalid ${wrong.join(',')} option for ${typeof payload} payload`);
  }
  if (payload?.exp !== undefined && options.expiresIn !== undefined) {
    throw new Error('Bad "options.expiresIn" option the payload already has an "exp" property.');
  }
  if (payload?.nbf !== undefined && options.notBefore !== undefined) {
    throw new Error('Bad "options.notBefore" option the payload already has an "nbf" property.');
  }
  checkOptions(options);
  if (secret !== undefined && !options.allowInvalidAsymmetricKeyTypes) validateAsymmetricKey(header.alg, secret);
  const text = isObject ? JSON.stringify(claimsOf(payload, options)) : textOf(payload);
  if (text === undefined) throw new TypeError(`a ${typeof payload} cannot be signed`);
  return { secret, header, text, isObject, options };
}

const isUtf8 = ({ encoding }) => !encoding || encoding === 'utf8';

function fail(error) {
  throw fromToken(error);
}

// A payload that is not claims as the core's signer wants them: other bytes, or dates that no verifier takes.
function signBytes({ secret, header, text, options }, flags) {
  const key = secret.key(header.alg, options);
  const bytes = isUtf8(options) ? text : Buffer.from(text, options.encoding);
  return native.jwsSign(key, bytes, JSON.stringify(header), flags);
}

// `none` is written only where it was asked for by name, and verified nowhere in this package.
function unsigned({ header, text, options }) {
  const encode = (value, as) => Buffer.from(value, as).toString('base64url');
  return `${encode(JSON.stringify(header), 'utf8')}.${encode(text, options.encoding)}.`;
}

const signerOf = ({ secret, header, options }) => secret.signer(header.alg, JSON.stringify(header), options);

function signNow(what) {
  if (what.header.alg === 'none') return unsigned(what);
  if (what.isObject && isUtf8(what.options)) {
    const token = signerOf(what).sign(what.text);
    if (typeof token === 'string') return token;
    if (token.code !== 'ERR_TOKEN_CLAIM') fail(token);
  }
  const token = signBytes(what, 0);
  return typeof token === 'string' ? token : fail(token);
}

// RSA and elliptic curves cost tens of microseconds and more: on libuv's pool.
const isSlow = ({ header }) => !header.alg.startsWith('HS') && header.alg !== 'none';

async function signLater(what) {
  if (!isSlow(what)) return signNow(what);
  try {
    if (what.isObject && isUtf8(what.options)) return await signerOf(what).signAsync(what.text);
  } catch (error) {
    if (error.code !== 'ERR_TOKEN_CLAIM') throw fromToken(error);
  }
  return signBytes(what, 1).catch(fail);
}

function sign(payload, secretOrPrivateKey, options, callback) {
  const done = typeof options === 'function' ? options : callback;
  const settings = typeof options === 'function' ? {} : options || {};
  if (typeof done !== 'function') return signNow(prepare(payload, secretOrPrivateKey, settings));
  let what;
  try {
    what = prepare(payload, secretOrPrivateKey, settings);
  } catch (error) {
    return done(error);
  }
  if (isSlow(what)) {
    // Out of the promise, so that what the callback throws is an uncaught exception and no rejection.
    signLater(what).then(
      (token) => nextTick(done, null, token),
      (error) => nextTick(done, error),
    );
    return undefined;
  }
  // One tick later, as jsonwebtoken has it, also for tests that turn the clock themselves.
  process.nextTick(() => {
    let token;
    try {
      token = signNow(what);
    } catch (error) {
      return done(error);
    }
    return done(null, token);
  });
  return undefined;
}

async function signAsync(payload, secretOrPrivateKey, options) {
  return signLater(prepare(payload, secretOrPrivateKey, options ?? {}));
}

module.exports = { ALGORITHMS, sign, signAsync };
