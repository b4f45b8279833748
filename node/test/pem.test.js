'use strict';

// PEM text as people have it: with what openssl prints around it, indented in YAML, on one line in a variable.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { test, describe } = require('node:test');
const jwt = require('../jwt.js');

const { privateKey, publicKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
const publicPem = publicKey.export({ type: 'spki', format: 'pem' });
const old = privateKey.export({ type: 'pkcs1', format: 'pem', cipher: 'aes-128-cbc', passphrase: 'pw' });
const bag = 'Bag Attributes\n    localKeyID: 01 02\nKey Attributes: <No Attributes>\n';
const indent = (text) => text.replace(/^/gm, '    ');

const TAKEN = {
  'as it is': pem,
  'leading blanks and lines': ` \n\t${pem}`,
  'a byte order mark': `\ufeff${pem}`,
  'Bag Attributes before it': bag + pem,
  'indented, as in YAML': indent(pem),
  'CR LF': pem.replaceAll('\n', '\r\n'),
  'CR alone': pem.replaceAll('\n', '\r'),
  'on one line': pem.replaceAll('\n', ' '),
  'on one line without blanks': pem.replaceAll('\n', ''),
  'text after it': `${pem}\nthat was the key\n`,
  'a public key': publicPem,
  'a public key, indented': indent(publicPem),
};

describe('PEM is taken with', () => {
  for (const [name, text] of Object.entries(TAKEN)) {
    test(name, () => {
      const key = jwt.importPem(text, { alg: 'RS256' });
      assert.equal(jwt.exportPem(key.publicKey()), publicPem);
    });
  }
  test('an encrypted key of the older form, indented and with CR', () => {
    for (const text of [old, indent(old), old.replaceAll('\n', '\r\n')]) {
      jwt.importPem(text, { alg: 'RS256', passphrase: 'pw' });
    }
  });
});

describe('PEM is refused, by name,', () => {
  const refusal = (text) => {
    try {
      jwt.importPem(text, { alg: 'RS256' });
    } catch (error) {
      assert.equal(error.code, 'ERR_KEY_INVALID');
      assert.doesNotMatch(error.message, /MII/);
      return error.message;
    }
    return assert.fail('it was taken');
  };
  test('with the two characters \\n for line ends', () => {
    assert.match(refusal(pem.replaceAll('\n', '\\n')), /two characters \\n/);
  });
  test('with two keys', () => assert.match(refusal(pem + pem), /several keys/));
  test('without its end', () => assert.match(refusal(pem.slice(0, -20)), /END line/));
  test('that is none', () => assert.match(refusal('MIIBVgIBADANBgkqhkiG9w0'), /not a PEM text/));
});
