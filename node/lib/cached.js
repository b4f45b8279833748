'use strict';

// A cache before a durable store as an object: the URL `cached(…):CACHE|ORIGIN` of it, which the core understands. What
// the values may be is the core's to say, where the URL is used.

const WORDS = { ttl: 'ttl', absentTtl: 'absent_ttl', stale: 'stale', timeout: 'timeout', removal: 'removal' };

const isUrl = (value) => typeof value === 'string' && value !== '';

// A comma or a parenthesis in a value would begin something else.
const isPlain = (value) => (typeof value === 'number' ? Number.isSafeInteger(value) : /^[a-z]+$/.test(value));

function cached(tiers) {
  const { cache, origin, ...options } = tiers ?? {};
  if (!isUrl(cache) || !isUrl(origin)) throw new TypeError('cached needs two store URLs, cache and origin');
  const chosen = [];
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(WORDS, name)) {
      throw new TypeError(`cached: unknown option; known are cache, origin, ${Object.keys(WORDS).join(', ')}`);
    }
    if (value === undefined) continue;
    if (!isPlain(value))
      throw new TypeError(`cached: the option ${name} must be a whole number, or a word where it takes one`);
    chosen.push(`${WORDS[name]}=${value}`);
  }
  // The first bar divides; one within the cache's URL would do so, too.
  return `cached${chosen.length > 0 ? `(${chosen})` : ''}:${cache.replaceAll('|', '%7C')}|${origin}`;
}

module.exports = { cached };
