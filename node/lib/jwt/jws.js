// JWS of any bytes (RFC 7515): compact, detached, unencoded (RFC 7797) and the JSON serialisations.

const { native } = require('../native.js');
const { fromToken } = require('./errors.js');
const { handleOf, nativeSet } = require('./keys.js');
const { checkNames, flag, number, wrong } = require('./options.js');

const FLAGS = { async: 1, detached: 2, unencoded: 4 };
const SIGN = new Set('header async detached unencoded'.split(' '));
const VERIFY = new Set('maxTokenSize allowUnencoded payload any'.split(' '));

const headerText = (header) => (header === undefined ? '' : JSON.stringify(header));

function opened([payload, header, unprotected, kid]) {
  return {
    payload,
    header: JSON.parse(header),
    unprotected: unprotected === undefined ? undefined : JSON.parse(unprotected),
    kid: kid === '' ? undefined : kid,
  };
}

function readOptions(options) {
  checkNames(options, VERIFY, 'jws');
  return {
    maxToken: number(options, 'maxTokenSize', { least: 64, most: 16 * 1024 * 1024 }),
    allowUnencoded: flag(options, 'allowUnencoded'),
  };
}

// sign(payload, key, { header, detached, unencoded, async }); with `async` a promise.
function sign(payload, key, options = {}) {
  checkNames(options, SIGN, 'jws.sign');
  let flags = 0;
  for (const name of Object.keys(FLAGS)) if (flag(options, name)) flags |= FLAGS[name];
  const handle = handleOf(key);
  const header = { ...(handle.kid === '' ? {} : { kid: handle.kid }), ...options.header };
  const token = native.jwsSign(handle, payload, headerText(header), flags);
  if (typeof token === 'string') return token;
  if (token instanceof Error) throw fromToken(token);
  return token.catch((error) => {
    throw fromToken(error);
  });
}

// verify(token, key, { payload, allowUnencoded, maxTokenSize }) → { payload: Buffer, header, kid }.
function verify(token, key, options = {}) {
  const settings = readOptions(options);
  if (typeof token !== 'string') throw wrong('token must be a string');
  const good = native.jwsVerify(token, nativeSet(key), settings, options.payload);
  if (good instanceof Error) throw fromToken(good);
  return opened(good);
}

// signJson(payload, [{ key, header, unprotected }], { flattened }) → JSON text.
function signJson(payload, signers, options = {}) {
  checkNames(options, new Set(['flattened']), 'jws.signJson');
  const list = signers.map((one) => [handleOf(one.key), headerText(one.header), headerText(one.unprotected)]);
  const text = native.jwsSignJson(list, payload, flag(options, 'flattened'));
  if (text instanceof Error) throw fromToken(text);
  return text;
}

// verifyJson(text, keys, { any }) → one { payload, header, unprotected, kid } for each signature. All must hold, or
// with `any: true` at least one.
function verifyJson(text, keys, options = {}) {
  const settings = readOptions(options);
  if (typeof text !== 'string') throw wrong('a JWS in JSON must be given as text');
  const good = native.jwsVerifyJson(text, nativeSet(keys), settings, flag(options, 'any'));
  if (good instanceof Error) throw fromToken(good);
  return good.map(opened);
}

module.exports = { jws: { sign, verify, signJson, verifyJson } };
