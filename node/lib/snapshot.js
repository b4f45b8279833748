'use strict';

// A stored session as the addon hands it over: one string of five lines, taken apart only when it is looked at.
//   touch due ("0" or "1") id \n deadline (ms) \n cookie settings (JSON or empty) \n snapshot \n payload (JSON)
// The whole string is the base of the commit that may follow.

function touchDue(packed) {
  return packed.charCodeAt(0) === 49;
}

function idOf(packed) {
  return packed.slice(1, packed.indexOf('\n'));
}

// Where the given line begins.
function startOf(packed, line) {
  let start = 0;
  for (; line > 0; --line) start = packed.indexOf('\n', start) + 1;
  return start;
}

const payloadOf = (packed) => packed.slice(startOf(packed, 4));

function parse(packed) {
  const deadline = startOf(packed, 1);
  const cookie = packed.indexOf('\n', deadline) + 1;
  const snapshot = packed.indexOf('\n', cookie) + 1;
  return {
    expiresAt: Number(packed.slice(deadline, cookie - 1)),
    cookie: packed.slice(cookie, snapshot - 1),
  };
}

module.exports = { touchDue, idOf, payloadOf, parse };
