// decode(token, options): what a token says, unverified. Null for what is no token.

const FORM = /^[\w-]+\.[\w-]+\.([\w-]+)?$/;

// { header, body, signature } with the text of the payload, or null.
function split(token) {
  const text = typeof token === 'string' ? token : Buffer.isBuffer(token) ? token.toString() : undefined;
  if (text === undefined || !FORM.test(text)) return null;
  const [head, body, signature] = text.split('.');
  const header = parseObject(Buffer.from(head, 'base64url').toString());
  return header === undefined ? null : { header, body: Buffer.from(body, 'base64url').toString(), signature };
}

// The payload as jsonwebtoken gives it: JSON where it has to be, a text where it may be one.
function payloadOf({ header, body }, json) {
  let payload;
  try {
    payload = JSON.parse(body);
  } catch {
    // Not the parser's own words: they quote the token.
    if (header.typ === 'JWT' || json) throw new SyntaxError('the payload of the token is not JSON');
    return body;
  }
  const structured = payload !== null && typeof payload === 'object';
  return structured || header.typ === 'JWT' || json ? payload : body;
}

function read(token, json) {
  const found = split(token);
  return found && { header: found.header, payload: payloadOf(found, json), signature: found.signature };
}

// { header, payload, signature }, or null where there is no token or its payload is not what it must be.
function decodeParts(token, options) {
  try {
    return read(token, options?.json);
  } catch {
    return null;
  }
}

function parseObject(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

// The header of a token, unverified; undefined when there is none.
function peekHeader(token) {
  const dot = token.indexOf('.');
  return dot <= 0 || dot > 16_384 ? undefined : parseObject(Buffer.from(token.slice(0, dot), 'base64url').toString());
}

function decode(token, options) {
  const parts = read(token, options?.json);
  return parts === null || options?.complete === true ? parts : parts.payload;
}

module.exports = { decode, decodeParts, peekHeader };
