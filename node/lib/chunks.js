'use strict';

// A value that is too large for one cookie stands in up to four, `NAME.0` to `NAME.3`.

const MAX_CHUNKS = 4;

const chunkNames = (name, count = MAX_CHUNKS) => Array.from({ length: count }, (_, i) => `${name}.${i}`);

// The value that came in pieces, undefined for none. `first(name)`: the first value of a cookie.
function joinChunks(name, first) {
  let whole;
  for (const one of chunkNames(name)) {
    const part = first(one);
    if (part === undefined) break;
    whole = (whole ?? '') + part;
  }
  return whole;
}

module.exports = { MAX_CHUNKS, chunkNames, joinChunks };
