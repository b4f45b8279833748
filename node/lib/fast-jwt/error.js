'use strict';

// fast-jwt's TokenError and its codes, which are API.

const CODES = {
  invalidType: 'FAST_JWT_INVALID_TYPE',
  invalidOption: 'FAST_JWT_INVALID_OPTION',
  invalidAlgorithm: 'FAST_JWT_INVALID_ALGORITHM',
  invalidClaimType: 'FAST_JWT_INVALID_CLAIM_TYPE',
  invalidClaimValue: 'FAST_JWT_INVALID_CLAIM_VALUE',
  invalidKey: 'FAST_JWT_INVALID_KEY',
  invalidSignature: 'FAST_JWT_INVALID_SIGNATURE',
  invalidPayload: 'FAST_JWT_INVALID_PAYLOAD',
  malformed: 'FAST_JWT_MALFORMED',
  inactive: 'FAST_JWT_INACTIVE',
  expired: 'FAST_JWT_EXPIRED',
  missingKey: 'FAST_JWT_MISSING_KEY',
  keyFetchingError: 'FAST_JWT_KEY_FETCHING_ERROR',
  signError: 'FAST_JWT_SIGN_ERROR',
  verifyError: 'FAST_JWT_VERIFY_ERROR',
  missingRequiredClaim: 'FAST_JWT_MISSING_REQUIRED_CLAIM',
  missingSignature: 'FAST_JWT_MISSING_SIGNATURE',
  invalidCritHeader: 'FAST_JWT_INVALID_CRIT_HEADER',
};

class TokenError extends Error {
  static codes = CODES;

  constructor(code, message, additional) {
    super(message);
    Error.captureStackTrace(this, this.constructor);
    this.code = code;
    Object.assign(this, additional);
  }

  // An error that is none of ours, as one.
  static wrap(originalError, code, message) {
    return originalError instanceof TokenError ? originalError : new TokenError(code, message, { originalError });
  }
}

// Throws the error of a name in CODES.
function fail(name, message, additional) {
  throw new TokenError(CODES[name], message, additional);
}

module.exports = { CODES, TokenError, fail };
