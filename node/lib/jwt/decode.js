// decode(token, options): what a token says, unverified. Null for what is no token.

const FORM = /^[\w-]+\.[\w-]+\.([\w-]+)?$/;

// { header, payload, signature } with the payload as jsonwebtoken gives it, or null.
function decodeParts(token, options) {
  const text = typeof token === 'string' ? token : Buffer.isBuffer(token) ? token.toString() : undefined;
  if (text === undefined || !FORM.test(text)) return null;
  const [head, body, signature] = text.split('.');
  const header = parseObject(Buffer.from(head, 'base64url').toString());
  if (header === undefined) return null;
  const decoded = Buffer.from(body, 'base64url').toString(options?.encoding ?? 'utf8');
  let payload;
  try {
    payload = JSON.parse(decoded);
  } catch {
    if (header.typ === 'JWT' || options?.json) return null;
    return { header, payload: decoded, signature };
  }
  const structured = payload !== null && typeof payload === 'object';
  return { header, payload: structured || header.typ === 'JWT' || options?.json ? payload : decoded, signature };
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
  const parts = decodeParts(token, options);
  return parts === null || options?.complete === true ? parts : parts.payload;
}

module.exports = { decode, decodeParts, peekHeader };
