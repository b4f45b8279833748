'use strict';

// createDecoder({ complete, checkTyp }): what a token says, unverified.

const { TokenError, fail } = require('./error.js');

const BASE64URL = /^[A-Za-z0-9_-]*$/;

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const parse = (segment) => JSON.parse(Buffer.from(segment, 'base64url').toString('utf-8'));

// A token as text.
function tokenText(token) {
  if (token instanceof Buffer) return token.toString('utf-8');
  if (typeof token === 'string') return token;
  return fail('invalidType', 'The token must be a string or a buffer.');
}

function split(token) {
  const first = token.indexOf('.');
  const last = token.lastIndexOf('.');
  if (first === -1 || first >= last) fail('malformed', 'The token is malformed.');
  return {
    header: token.slice(0, first),
    payload: token.slice(first + 1, last),
    signature: token.slice(last + 1),
    input: token.slice(0, last),
  };
}

function decode({ complete, checkTyp }, token) {
  const parts = split(tokenText(token));
  for (const part of ['header', 'payload']) {
    if (!BASE64URL.test(parts[part])) {
      fail('malformed', `The token ${part} is not a valid base64url serialized JSON.`);
    }
  }
  if (!BASE64URL.test(parts.signature)) fail('invalidSignature', 'The token signature is invalid.');
  let part = 'header';
  try {
    const header = parse(parts.header);
    if (!isObject(header)) fail('malformed', 'The token header is not a valid JSON object.');
    if (checkTyp && header.typ !== checkTyp) fail('invalidType', `The type must be "${checkTyp}".`, { header });
    part = 'payload';
    const payload = parse(parts.payload);
    if (!isObject(payload)) fail('invalidPayload', 'The payload must be an object', { payload });
    return complete ? { header, payload, signature: parts.signature, input: parts.input } : payload;
  } catch (error) {
    throw TokenError.wrap(
      error,
      TokenError.codes.malformed,
      `The token ${part} is not a valid base64url serialized JSON.`,
    );
  }
}

function createDecoder(options = {}) {
  const settings = { complete: options.complete || false, checkTyp: options.checkTyp };
  return (token) => decode(settings, token);
}

module.exports = { createDecoder, tokenText };
