// coatcheck/jwt: jsonwebtoken's functions, their promise twins, and typed keys, verifiers and encryption beside them.

const { CoatcheckError, JsonWebTokenError, NotBeforeError, TokenExpiredError } = require('./lib/jwt/errors.js');
const { createSigner } = require('./lib/jwt/create-signer.js');
const { createDecoder, createVerifier } = require('./lib/jwt/create-verifier.js');
const { decode } = require('./lib/jwt/decode.js');
const { decrypt, decryptVerify, encrypt, signEncrypt } = require('./lib/jwt/encryption.js');
const { jws } = require('./lib/jwt/jws.js');
const keys = require('./lib/jwt/keys.js');
const { RemoteJwks, createRemoteJwks } = require('./lib/jwt/remote.js');
const { sign, signAsync } = require('./lib/jwt/sign.js');
const { verify, verifyAsync } = require('./lib/jwt/verify.js');

module.exports = {
  sign,
  verify,
  decode,
  signAsync,
  verifyAsync,
  createSigner,
  createVerifier,
  createDecoder,
  encrypt,
  decrypt,
  signEncrypt,
  decryptVerify,
  jws,
  Key: keys.Key,
  KeySet: keys.KeySet,
  generateKey: keys.generateKey,
  importJwk: keys.importJwk,
  importPem: keys.importPem,
  importSecret: keys.importSecret,
  importKeyObject: keys.importKeyObject,
  importJwks: keys.importJwks,
  createKeySet: keys.createKeySet,
  exportJwk: keys.exportJwk,
  exportPem: keys.exportPem,
  thumbprint: keys.thumbprint,
  RemoteJwks,
  createRemoteJwks,
  CoatcheckError,
  JsonWebTokenError,
  NotBeforeError,
  TokenExpiredError,
};
