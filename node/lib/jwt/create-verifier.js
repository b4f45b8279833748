// createVerifier(options): a function that verifies tokens by one policy, after fast-jwt; and createDecoder.
//
// What is a text in the options is checked by the core, together with the signature, in one native call. Regular
// expressions are matched here, afterwards.

const { native } = require('../native.js');
const { fromToken, make, tokenError } = require('./errors.js');
const { decodeParts, peekHeader } = require('./decode.js');
const { callable, fetchKey } = require('./key-function.js');
const { Key, KeySet, nativeSet } = require('./keys.js');
const { checkNames, flag, matchers, number, string, strings, wrong } = require('./options.js');
const { RemoteJwks } = require('./remote.js');
const { forVerifying } = require('./secrets.js');
const { milliseconds } = require('./timespan.js');

const NAMES = new Set(
  (
    'key algorithms complete cache cacheTTL checkTyp clockTimestamp clockTolerance ignoreExpiration ignoreNotBefore ' +
    'checkIssuedAt maxAge allowedJti allowedAud allowedIss allowedSub allowedNonce requiredClaims refuseAudience ' +
    'expectedClaims maxTokenSize looseTypes'
  ).split(' '),
);
const PATTERNS = { allowedAud: 'aud', allowedIss: 'iss', allowedSub: 'sub', allowedJti: 'jti', allowedNonce: 'nonce' };
const DAY = 86_400_000;
const STANDARD_ENTRIES = 1000;
// How often a verifier asks a remote key set whether it is still fresh.
const LOOK_EVERY = 1000;

// `cache`: true, a number of entries, or { entries, ttl, symmetric }.
function cacheOptions(options) {
  const { cache } = options;
  const forever = options.cacheTTL === Number.POSITIVE_INFINITY; // until the token expires
  const ttl = forever ? Number.MAX_SAFE_INTEGER : number(options, 'cacheTTL', { least: 1, standard: 600_000 });
  if (cache === undefined || cache === false || cache === 0) return {};
  const given = typeof cache === 'object' && cache !== null ? cache : { entries: cache === true ? undefined : cache };
  checkNames(given, new Set(['entries', 'ttl', 'symmetric']), 'cache');
  return {
    cacheEntries: number(given, 'entries', { least: 1, most: 10_000_000, standard: STANDARD_ENTRIES }),
    cacheTTL: number(given, 'ttl', { least: 1, standard: ttl }),
    cacheSymmetric: flag(given, 'symmetric'),
  };
}

// The core's policy, and the checks that are left for here: [claim, texts, patterns].
function readPolicy(options) {
  const policy = {
    types: strings(options, 'checkTyp') ?? [],
    required: strings(options, 'requiredClaims') ?? [],
    leeway: number(options, 'clockTolerance', { most: DAY, standard: 0 }),
    ignoreExpiration: flag(options, 'ignoreExpiration'),
    ignoreNotBefore: flag(options, 'ignoreNotBefore'),
    ignoreIssuedAt: !flag(options, 'checkIssuedAt'),
    refuseAudience: flag(options, 'refuseAudience'),
    looseTypes: flag(options, 'looseTypes'),
    maxToken: number(options, 'maxTokenSize', { least: 64, most: 16 * 1024 * 1024 }),
    equal: [],
    ...cacheOptions(options),
  };
  const { maxAge } = options;
  policy.maxAge = typeof maxAge === 'string' ? milliseconds(maxAge) : number(options, 'maxAge');
  if (typeof maxAge === 'string' && policy.maxAge === undefined) throw wrong('maxAge is not a span of time');
  for (const [claim, value] of Object.entries(options.expectedClaims ?? {})) {
    if (typeof value !== 'string') throw wrong('expectedClaims holds a text for each claim');
    policy.equal.push(claim, value);
  }
  const left = [];
  for (const [option, claim] of Object.entries(PATTERNS)) {
    const { texts, patterns } = matchers(options, option);
    if (patterns.length > 0) left.push([claim, texts, patterns]);
    else if (texts.length === 0) continue;
    else if (claim === 'aud') policy.audiences = texts;
    else if (claim === 'iss') policy.issuers = texts;
    else if (texts.length > 1) left.push([claim, texts, patterns]);
    else if (claim === 'sub') policy.subject = texts[0];
    else if (claim === 'jti') policy.id = texts[0];
    else policy.equal.push(claim, texts[0]);
  }
  return { policy, left };
}

function checkLeft(payload, left) {
  for (const [claim, texts, patterns] of left) {
    const value = payload[claim];
    const values = claim === 'aud' && Array.isArray(value) ? value : [value];
    const good = values.some((one) => {
      if (typeof one !== 'string') return false;
      return texts.includes(one) || patterns.some((pattern) => new RegExp(pattern).test(one));
    });
    if (good) continue;
    const reason = value === undefined ? 'missing' : 'mismatch';
    const what = value === undefined ? 'is missing' : 'is not what is expected here';
    throw tokenError('ERR_TOKEN_CLAIM', `claim ${claim} ${what}`, { claim, reason });
  }
}

// Cached claims are handed to every request that brings the token.
function freeze(value) {
  if (value === null || typeof value !== 'object') return value;
  for (const one of Object.values(value)) freeze(one);
  return Object.freeze(value);
}

// The signature, and what it is of.
function ends(token) {
  const dot = token.lastIndexOf('.');
  return { signature: token.slice(dot + 1), input: token.slice(0, dot) };
}

// What a key function gets to see. Nothing of it is verified yet, and the payload is read only by who looks at it.
function unverified(token) {
  const header = peekHeader(token);
  if (header === undefined) throw tokenError('ERR_TOKEN_MALFORMED', 'malformed token: no header');
  return {
    header,
    get payload() {
      return decodeParts(token, { json: true })?.payload;
    },
    ...ends(token),
  };
}

// One token against a native verifier.
function makeCheck(options, left) {
  const complete = flag(options, 'complete');
  const clock = number(options, 'clockTimestamp');
  const cached = options.cache !== undefined && options.cache !== false && options.cache !== 0;
  const readToken = (token) => {
    if (typeof token === 'string') return token;
    if (Buffer.isBuffer(token)) return token.toString('latin1');
    throw tokenError('ERR_TOKEN_MALFORMED', 'the token must be a string or a Buffer');
  };
  const attempt = (verifier, token) =>
    complete ? verifier.verifyComplete(token, clock ?? Date.now()) : verifier.verify(token, clock ?? Date.now());
  const read = (verifier, token, answer) => {
    let out;
    if (typeof answer === 'string') {
      out = JSON.parse(answer);
    } else if (Array.isArray(answer)) {
      out = { header: JSON.parse(answer[1]), payload: JSON.parse(answer[0]), ...ends(token) };
    } else if (answer instanceof Error) {
      throw fromToken(answer);
    } else {
      return answer; // what was kept
    }
    if (left.length > 0) checkLeft(complete ? out.payload : out, left);
    if (cached) verifier.keep(freeze(out));
    return out;
  };
  return { attempt, read, readToken };
}

// What stands for a secret in whatever form it was given; throws where it is none.
function secretOf(key) {
  if (!key) throw tokenError('ERR_TOKEN_KEY', 'there is no key for the token');
  try {
    return forVerifying.get(key);
  } catch (error) {
    throw error.code?.startsWith('ERR_KEY_')
      ? fromToken(error)
      : tokenError('ERR_TOKEN_KEY', 'what the key function gave is no key');
  }
}

// Typed keys as they are: the core chooses those of the algorithms, and gives one to members of a set that name none.
function openKeys(key, algorithms) {
  if (key instanceof KeySet || key instanceof Key || (Array.isArray(key) && key.every((one) => one instanceof Key))) {
    return nativeSet(key);
  }
  if (!key) throw wrong('key must be a secret, a public key, a Key, a KeySet, a remote key set or a function');
  let set;
  try {
    set = forVerifying.get(key).keySet(algorithms);
  } catch (error) {
    throw error.code?.startsWith('ERR_') && !(error instanceof TypeError) ? fromToken(error) : wrong('key is no key');
  }
  if (set === undefined) throw wrong(`key is not a key for ${algorithms?.join(', ') ?? 'any known algorithm'}`);
  return set;
}

// Keys that live at a URL: the set is looked at now and then, and when a token names a key that is not in it.
function remoteVerifier(jwks, verifier, { attempt, read, readToken }) {
  let epoch;
  let nextLook = 0;
  async function look(kid) {
    const plan = await jwks.plan(kid);
    const changed = plan.epoch !== epoch;
    if (changed) {
      try {
        jwks.report(make(verifier.replaceKeys, nativeSet(plan.keys)));
      } catch (error) {
        throw Object.assign(error, { status: 503 }); // the keys' fault and not the client's
      }
      epoch = plan.epoch;
    }
    nextLook = Date.now() + LOOK_EVERY; // only now: keys of no use leave none in use
    return changed;
  }
  return callable(async (given) => {
    const token = readToken(given);
    if (Date.now() >= nextLook) await look('');
    let answer = attempt(verifier, token);
    if (answer instanceof Error && (answer.code === 'ERR_TOKEN_KEY' || answer.code === 'ERR_TOKEN_ALGORITHM')) {
      const kid = peekHeader(token)?.kid;
      if (typeof kid === 'string' && kid.length <= 256 && (await look(kid))) answer = attempt(verifier, token);
    }
    return read(verifier, token, answer);
  });
}

function createVerifier(options) {
  checkNames(options, NAMES, 'createVerifier');
  const { key } = options;
  const algorithms = strings(options, 'algorithms');
  const { policy, left } = readPolicy(options);
  policy.algorithms = algorithms ?? [];
  const check = makeCheck(options, left);
  const open = (keys) => make(native.jwtCreateVerifier, keys, policy);

  if (key instanceof RemoteJwks) {
    return remoteVerifier(key, open(nativeSet([])), check);
  }
  if (typeof key === 'function') {
    const made = new WeakMap(); // one verifier for each key that the function gave
    return callable(async (given) => {
      const token = check.readToken(given);
      const found = await fetchKey(key, unverified(token));
      const owner = found instanceof Key || found instanceof KeySet ? found : secretOf(found);
      let verifier = made.get(owner);
      if (verifier === undefined) {
        verifier = open(openKeys(found, algorithms));
        made.set(owner, verifier);
      }
      return check.read(verifier, token, check.attempt(verifier, token));
    });
  }
  const verifier = open(openKeys(key, algorithms));
  const verify = (given) => {
    const token = check.readToken(given);
    return check.read(verifier, token, check.attempt(verifier, token));
  };
  return Object.assign(verify, { cacheStats: verifier.cacheStats, clearCache: verifier.clearCache });
}

// createDecoder({ complete, checkTyp }): reads without verifying.
function createDecoder(options = {}) {
  checkNames(options, new Set(['complete', 'checkTyp']), 'createDecoder');
  const complete = flag(options, 'complete');
  const typ = string(options, 'checkTyp');
  return (token) => {
    const parts = decodeParts(token, { json: true });
    if (parts === null) throw tokenError('ERR_TOKEN_MALFORMED', 'malformed token');
    const bare = String(parts.header.typ)
      .toLowerCase()
      .replace(/^application\//, '');
    if (typ !== undefined && bare !== typ.toLowerCase()) throw tokenError('ERR_TOKEN_TYPE', 'the typ is another one');
    const { payload } = parts;
    if (payload === null || typeof payload !== 'object' || Array.isArray(payload)) {
      throw tokenError('ERR_TOKEN_PAYLOAD', 'the payload is not a JSON object');
    }
    return complete ? { ...parts, ...ends(String(token)) } : payload;
  };
}

module.exports = { createDecoder, createVerifier };
