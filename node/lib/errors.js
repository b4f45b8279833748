'use strict';

// The error class of the package and the HTTP status that goes with each code.

const STATUS_OF = {
  ERR_SESSION_CONFLICT: 409,
  ERR_SESSION_GONE: 409,
  ERR_RECORD_DAMAGED: 503,
  ERR_RECORD_MISMATCH: 503,
  ERR_INVALID_COOKIE: 500,
};

class CoatcheckError extends Error {
  constructor(code, message, options) {
    super(message, options);
    this.code = code;
    // Express answers with this status when no error handler of the application's does.
    this.status = STATUS_OF[code] ?? (code.startsWith('ERR_STORE_') ? 503 : 500);
  }
}
// Not in the constructor: an own `name` would show up in every printed error.
Object.defineProperty(CoatcheckError.prototype, 'name', {
  value: 'CoatcheckError',
  configurable: true,
  writable: true,
});

// An error of the addon, which has a code and a message alone.
function fromNative(error) {
  return new CoatcheckError(error.code, error.message);
}

// An answer of the addon; one that is an Error becomes an exception.
function checked(answer) {
  if (answer instanceof Error) throw fromNative(answer);
  return answer;
}

// Calls an addon function that makes something; what it throws gets our class.
function construct(make, ...args) {
  try {
    return make(...args);
  } catch (error) {
    throw typeof error.code === 'string' && !(error instanceof TypeError) ? fromNative(error) : error;
  }
}

const goneError = () =>
  new CoatcheckError(
    'ERR_SESSION_GONE',
    'the session was destroyed or expired while this request was under way; its changes were not stored',
  );

const tamperedError = () =>
  new CoatcheckError('ERR_INVALID_COOKIE', 'a session cookie came whose signature no key of ours has made');

// Whether the store's answer is not known, as opposed to "the data can't be stored".
function isUnknown(error) {
  return error.status === 503;
}

const foreignError = () =>
  new CoatcheckError('ERR_RECORD_DAMAGED', "what another package stored for this session can't be read (migrateFrom)");

module.exports = { CoatcheckError, checked, construct, foreignError, fromNative, goneError, isUnknown, tamperedError };
