'use strict';

// What fast-jwt's verifier asks of a header and of claims.

const { isRegExp } = require('node:util').types;
const safeRegex = require('safe-regex2');
const { fail } = require('./error.js');

const TEXTS = { allowedJti: 'jti', allowedAud: 'aud', allowedIss: 'iss', allowedSub: 'sub', allowedNonce: 'nonce' };
// Parameters of RFC 7515, 4.1, which `crit` must not name.
const REGISTERED = new Set(['alg', 'jku', 'jwk', 'kid', 'x5u', 'x5c', 'x5t', 'x5t#S256', 'typ', 'cty', 'crit']);

const isPattern = (value) => isRegExp(value) || value instanceof RegExp;

function warnOfUnsafe(patterns, option) {
  for (const pattern of patterns) {
    if (!isPattern(pattern) || safeRegex(pattern)) continue;
    process.emitWarning(
      `The ${option} option contains an unsafe RegExp ${pattern} that may cause a ReDoS attack. Please review it. ` +
        'See https://github.com/nearform/fast-jwt/security/advisories/GHSA-cjw9-ghj4-fwxf for details.',
      { code: 'FAST_JWT_UNSAFE_REGEXP' },
    );
  }
}

function patternMatcher(pattern) {
  return (value) => {
    try {
      pattern.lastIndex = 0; // a global one goes on where it was
    } catch {
      // A frozen one can't be set back.
    }
    return pattern.test(value);
  };
}

// A function of a value for each of what is allowed.
function matchers(allowed) {
  return allowed.filter(Boolean).map((one) => {
    if (isPattern(one)) return patternMatcher(one);
    if (typeof one.test === 'function') return (value) => one.test(value);
    return (value) => value === one;
  });
}

function date(claim, modifier, isGood, code, verb) {
  return {
    claim,
    type: 'number',
    check(value, now) {
      const at = value * 1000 + modifier;
      if (!isGood(now, at)) fail(code, `The token ${verb} at ${new Date(at).toISOString()}.`);
    },
  };
}

function text(claim, allowed) {
  return {
    claim,
    type: 'string',
    array: claim === 'aud',
    check(value) {
      const many = Array.isArray(value);
      if ((many ? value : [value]).some((one) => allowed.some((matches) => matches(one)))) return;
      fail(
        'invalidClaimValue',
        many ? `None of ${claim} claim values are allowed.` : `The ${claim} claim value is not allowed.`,
      );
    },
  };
}

// The checks that options ask for, in fast-jwt's order.
function checksOf(options) {
  const { clockTolerance, ignoreExpiration, ignoreNotBefore, maxAge } = options;
  const checks = [];
  if (!ignoreNotBefore) checks.push(date('nbf', -clockTolerance, (now, at) => now >= at, 'inactive', 'will be active'));
  if (!ignoreExpiration) checks.push(date('exp', clockTolerance, (now, at) => now <= at, 'expired', 'has expired'));
  if (typeof maxAge === 'number') checks.push(date('iat', maxAge, (now, at) => now <= at, 'expired', 'has expired'));
  for (const [option, claim] of Object.entries(TEXTS)) {
    if (!options[option]) continue;
    const allowed = [].concat(options[option]);
    warnOfUnsafe(allowed, option);
    checks.push(text(claim, matchers(allowed)));
  }
  return checks;
}

function checkType({ array, claim, type }, value) {
  const many = Array.isArray(value);
  const message = array
    ? `The ${claim} claim must be a ${type} or an array of ${type}s.`
    : `The ${claim} claim must be a ${type}.`;
  if (many && !array) fail('invalidClaimValue', message);
  if ((many ? value : [value]).some((one) => typeof one !== type)) fail('invalidClaimType', message);
}

function checkClaims(payload, checks, now) {
  for (const one of checks) {
    if (!(one.claim in payload)) continue;
    checkType(one, payload[one.claim]);
    one.check(payload[one.claim], now);
  }
}

// RFC 7515, 4.1.11.
function checkCrit(header, understood) {
  const { crit } = header;
  if (!crit) return;
  const wrong = (message) => fail('invalidCritHeader', message);
  if (!Array.isArray(crit) || crit.length === 0) wrong('The crit header must be a non-empty array.');
  const seen = new Set();
  for (const name of crit) {
    if (typeof name !== 'string') wrong('Each crit entry must be a string.');
    if (REGISTERED.has(name)) wrong(`The crit header must not contain the standard header parameter name "${name}".`);
    if (seen.has(name)) wrong(`Duplicate entry "${name}" in crit header.`);
    seen.add(name);
    if (!understood.has(name)) wrong(`Critical extension "${name}" is not supported.`);
    if (!(name in header)) wrong(`Critical extension "${name}" is listed in crit but is not present in the header.`);
  }
}

module.exports = { checkClaims, checkCrit, checksOf };
