'use strict';

// Checks that signer and verifier share.

const { milliseconds } = require('../jwt/timespan.js');
const { fail } = require('./error.js');

function checkNumber(value, name) {
  if (value === undefined || (typeof value === 'number' && Number.isFinite(value) && value >= 0)) return;
  fail('invalidOption', `The ${name} option must be a finite, non-negative number.`);
}

// Milliseconds of a number or text; `least` of those that are allowed. Infinity sets no claim, with a warning.
function timeSpan(value, name, claim, least) {
  if (!value && !Number.isNaN(value)) return value;
  const span = typeof value === 'string' ? milliseconds(value) : value;
  if (typeof span !== 'number' || Number.isNaN(span) || span < least) {
    fail('invalidOption', `The ${name} option must be a positive number or a valid string.`);
  }
  if (!Number.isFinite(span)) {
    process.emitWarning(
      `The ${name} option is not a finite number, so it is ignored and does not set the ${claim} claim. ` +
        'This will throw an error in the next major version.',
      { code: 'FAST_JWT_NON_FINITE_TIME_OPTION' },
    );
  }
  return span;
}

function checkText(options, names) {
  for (const name of names) {
    if (options[name] && typeof options[name] !== 'string')
      fail('invalidOption', `The ${name} option must be a string.`);
  }
}

module.exports = { checkNumber, checkText, timeSpan };
