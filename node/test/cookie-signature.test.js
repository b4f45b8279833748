'use strict';

// `coatcheck/cookie-signature`: the peer's known answers, and the peer itself beside it.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { test } = require('node:test');
const ours = require('../cookie-signature.js');
const theirs = require('cookie-signature');
const { cases } = require('../../tests/vectors/signed_cookies.json');

test('known answers', () => {
  for (const { value, signed, valid, secret, secret_hex: hex } of cases) {
    if ((secret ?? hex) === undefined || !signed.startsWith('s:')) continue;
    const key = hex === undefined ? secret : Buffer.from(hex, 'hex');
    if (!valid) continue; // the ring refuses more than the peer: an empty value
    assert.equal(ours.sign(value, key), signed.slice(2));
    assert.equal(ours.unsign(signed.slice(2), key), value);
  }
});

test('beside cookie-signature', () => {
  const outcome = (start) => {
    try {
      return start();
    } catch (error) {
      return `${error.constructor.name}: ${error.message}`;
    }
  };
  const secrets = [
    'tobiiscool',
    'é',
    Buffer.from('A0ABBC0C', 'hex'),
    new Uint8Array([1, 2]),
    crypto.createSecretKey(Buffer.from('k')),
    undefined,
    null,
  ];
  const values = ['hello', '', 'a.b.c', '…', 'x'.repeat(5000), 5, undefined];
  for (const secret of secrets) {
    for (const value of values) {
      assert.equal(
        outcome(() => ours.sign(value, secret)),
        outcome(() => theirs.sign(value, secret)),
      );
      const good = outcome(() => theirs.sign(value, secret));
      for (const input of [
        good,
        `garbage${good}`,
        `garbage.${good}`,
        `${good}.garbage`,
        `${good}garbage`,
        good.slice(0, -1),
        good.replaceAll('+', '-'),
        'fake unsigned data',
        '',
        '.',
        value,
      ]) {
        assert.equal(
          outcome(() => ours.unsign(input, secret)),
          outcome(() => theirs.unsign(input, secret)),
          String(input).slice(0, 80),
        );
      }
    }
  }
  assert.equal(ours.unsign(ours.sign('hello', 'tobiiscool'), 'luna'), false);
});
