'use strict';

// `require('coatcheck/fast-jwt')` takes the place of fast-jwt (6): createSigner, createVerifier, createDecoder, TokenError.
// What it refuses and that takes stands in docs/tokens.md.

const { createDecoder } = require('./lib/fast-jwt/decoder.js');
const { CODES, TokenError } = require('./lib/fast-jwt/error.js');
const { createSigner } = require('./lib/fast-jwt/signer.js');
const { createVerifier } = require('./lib/fast-jwt/verifier.js');

module.exports = { TokenError, TOKEN_ERROR_CODES: CODES, createDecoder, createVerifier, createSigner };
