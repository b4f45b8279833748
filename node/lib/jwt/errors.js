// The errors of tokens: jsonwebtoken's three classes, with coatcheck's stable `code`.
//
// `name` and `message` are own and enumerable, as jsonwebtoken's are: applications print these errors as JSON.

const { CoatcheckError, fromNative } = require('../errors.js');

// Own but not enumerable: what jsonwebtoken's errors don't have must not turn up where they are printed.
function hide(error, values) {
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(error, name, { value, enumerable: false, writable: true, configurable: true });
  }
}

class JsonWebTokenError extends CoatcheckError {
  constructor(message, inner) {
    super('ERR_TOKEN_MALFORMED', message);
    hide(this, { code: this.code, status: 401, claim: undefined, reason: undefined });
    this.name = 'JsonWebTokenError';
    Object.defineProperty(this, 'message', { value: message, enumerable: true, writable: true, configurable: true });
    if (inner) this.inner = inner;
  }
}

class TokenExpiredError extends JsonWebTokenError {
  constructor(message, expiredAt) {
    super(message);
    this.name = 'TokenExpiredError';
    this.expiredAt = expiredAt;
    this.code = 'ERR_TOKEN_EXPIRED';
  }
}

class NotBeforeError extends JsonWebTokenError {
  constructor(message, date) {
    super(message);
    this.name = 'NotBeforeError';
    this.date = date;
    this.code = 'ERR_TOKEN_NOT_ACTIVE';
  }
}

// A JsonWebTokenError of a given code.
function tokenError(code, message, more) {
  const error = new JsonWebTokenError(message);
  error.code = code;
  if (more !== undefined) hide(error, more);
  return error;
}

// An error of the addon in other words.
function reworded(message, inner) {
  const { code, claim, reason } = inner;
  return tokenError(code, message, { claim, reason, inner });
}

// An error of the addon. Those of tokens become the classes above, with the core's own message.
function fromToken(error) {
  const { code, message, claim, reason, value } = error;
  if (!code?.startsWith('ERR_TOKEN_')) {
    const other = fromNative(error);
    if (code === 'ERR_KEY_SET_UNAVAILABLE' || code === 'ERR_KEY_SET_INVALID') other.status = 503;
    return other;
  }
  const date = value === undefined ? undefined : new Date(value * 1000);
  let out;
  if (code === 'ERR_TOKEN_EXPIRED') out = new TokenExpiredError(message, date);
  else if (code === 'ERR_TOKEN_NOT_ACTIVE') out = new NotBeforeError(message, date);
  else return tokenError(code, message, { claim, reason });
  hide(out, { claim, reason });
  return out;
}

// Calls an addon function that makes something.
function make(build, ...args) {
  try {
    return build(...args);
  } catch (error) {
    throw typeof error.code === 'string' && !(error instanceof TypeError) ? fromToken(error) : error;
  }
}

module.exports = {
  CoatcheckError,
  JsonWebTokenError,
  NotBeforeError,
  TokenExpiredError,
  fromToken,
  make,
  reworded,
  tokenError,
};
