'use strict';

// What was found out of tokens, for as long as it holds. A token is known by a hash of all of it.

const { createHash } = require('node:crypto');
const { TokenError } = require('./error.js');
const { Lru } = require('../lru.js');

const SIZE = 1000;
const OF_256_OR_384 = /"alg"\s*:\s*"[HERP]S(256|384)"/m;
const ED_DSA = /"alg"\s*:\s*"EdDSA"/m;
const ED_448 = /"crv"\s*:\s*"Ed448"/m;

// The hash is as strong as the token's signature.
function hashToken(token) {
  const header = Buffer.from(token.split('.', 1)[0], 'base64url').toString('utf-8');
  const ed448 = ED_DSA.test(header) && ED_448.test(header);
  const hash = ed448
    ? createHash('shake256', { outputLength: 114 })
    : createHash(`sha${OF_256_OR_384.exec(header)?.[1] ?? '512'}`);
  return hash.update(token).digest('hex');
}

class TokenCache {
  #options;

  constructor(options) {
    const size = Number.parseInt(options.cache === true ? SIZE : options.cache, 10);
    this.entries = size > 0 ? new Lru(size) : null;
    this.#options = options;
  }

  // The outcome of before, undefined for none that holds at `now`.
  get(token, now) {
    const found = this.entries?.get(this.#options.cacheKeyBuilder(token));
    if (found === undefined) return undefined;
    const [outcome, from, to] = found;
    return now >= from && now <= to ? outcome : undefined;
  }

  // Keeps what a token came to, a value or a TokenError, and answers it.
  keep(token, outcome, payload) {
    if (this.entries !== null)
      this.entries.set(this.#options.cacheKeyBuilder(token), [outcome, ...this.#holds(outcome, payload)]);
    return outcome;
  }

  // From when to when, by the checks that were made.
  #holds(outcome, payload) {
    const { cacheTTL, clockTimestamp = Date.now(), clockTolerance, errorCacheTTL } = this.#options;
    const start = clockTimestamp + clockTolerance;
    if (outcome instanceof TokenError) {
      return [0, start + (typeof errorCacheTTL === 'function' ? errorCacheTTL(outcome) : errorCacheTTL)];
    }
    const { ignoreExpiration, ignoreNotBefore, maxAge } = this.#options;
    const { exp, iat, nbf } = payload;
    const from = !ignoreNotBefore && typeof nbf === 'number' ? nbf * 1000 - clockTolerance : 0;
    const ends = [start + cacheTTL];
    if (!ignoreExpiration && typeof exp === 'number') ends.push(exp * 1000 + clockTolerance);
    if (typeof maxAge === 'number' && typeof iat === 'number') ends.push(iat * 1000 + maxAge);
    return [from, Math.min(...ends)];
  }
}

module.exports = { TokenCache, hashToken };
