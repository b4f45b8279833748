// JWE: encrypt and decrypt. Decrypting says nothing about who made a token: for that sign first (signEncrypt).

const { native } = require('../native.js');
const { fromToken } = require('./errors.js');
const { handleOf, nativeSet } = require('./keys.js');
const { checkNames, flag, number, string, strings, wrong } = require('./options.js');

const ENCRYPT = new Set('enc header apu apv passwordCount'.split(' '));
const DECRYPT = new Set('encryptions maxTokenSize allowPassword maxPasswordCount text'.split(' '));

const remembered = new WeakMap();
function setOf(key) {
  let set = remembered.get(key);
  if (set === undefined) {
    set = nativeSet(key);
    remembered.set(key, set);
  }
  return set;
}

function headerText(header) {
  if (header === undefined) return '';
  if (typeof header !== 'object' || header === null) throw wrong('header must be an object');
  return JSON.stringify(header);
}

// Headers repeat from token to token: each text is parsed once. Frozen, for it is handed out again.
const headers = new Map();
function headerOf(text) {
  let header = headers.get(text);
  if (header === undefined) {
    header = Object.freeze(JSON.parse(text));
    if (headers.size >= 64) headers.clear();
    headers.set(text, header);
  }
  return header;
}

// encrypt(plaintext, key, { enc, header, apu, apv, passwordCount }): a string, bytes, or an object printed as JSON.
function encrypt(plaintext, key, options) {
  let header = '';
  let more;
  if (options !== undefined) {
    checkNames(options, ENCRYPT, 'encrypt');
    header = headerText(options.header);
    more = {
      ...options,
      enc: string(options, 'enc'),
      passwordCount: number(options, 'passwordCount', { least: 1000 }),
    };
  }
  const plain = typeof plaintext === 'string' || ArrayBuffer.isView(plaintext) ? plaintext : JSON.stringify(plaintext);
  const token = native.jwtEncrypt(handleOf(key), plain, header, more);
  if (typeof token !== 'string') throw fromToken(token);
  return token;
}

// decrypt(token, key, options) → { plaintext, header, kid }; plaintext is a Buffer, or with `text: true` a string.
function decrypt(token, key, options) {
  let more;
  let text = false;
  if (options !== undefined) {
    checkNames(options, DECRYPT, 'decrypt');
    text = flag(options, 'text');
    more = {
      encryptions: strings(options, 'encryptions'),
      maxToken: number(options, 'maxTokenSize', { least: 64, most: 16 * 1024 * 1024 }),
      allowPassword: flag(options, 'allowPassword'),
      maxPasswordCount: number(options, 'maxPasswordCount', { least: 1000 }),
    };
  }
  if (typeof token !== 'string') throw wrong('token must be a string');
  // A plaintext is never longer than three quarters of its token.
  const room = text ? undefined : Buffer.allocUnsafe((token.length * 3) >> 2);
  const opened = native.jwtDecrypt(token, setOf(key), room, more);
  if (opened instanceof Error) throw fromToken(opened);
  return {
    plaintext: text ? opened[0] : room.subarray(0, opened[0]),
    header: headerOf(opened[1]),
    kid: opened[2] === '' ? undefined : opened[2],
  };
}

// signEncrypt(claims, signer, key, options): signed by a function of createSigner, then encrypted (RFC 7519, 11.2).
function signEncrypt(claims, signer, key, options) {
  const nest = (token) => encrypt(token, key, { ...options, header: { ...options?.header, cty: 'JWT' } });
  const token = signer(claims);
  return typeof token === 'string' ? nest(token) : token.then(nest);
}

// decryptVerify(token, key, verifier, options): what a function of createVerifier makes of what was inside.
function decryptVerify(token, key, verifier, options) {
  const { plaintext, header } = decrypt(token, key, { ...options, text: true });
  if (typeof header.cty !== 'string' || !/^(?:application\/)?jwt$/i.test(header.cty)) {
    throw fromToken({ code: 'ERR_TOKEN_TYPE', message: 'cty of the encrypted token is not JWT' });
  }
  return verifier(plaintext);
}

module.exports = { decrypt, decryptVerify, encrypt, signEncrypt };
