'use strict';

// The known answers that all languages share: tests/vectors/*.json, from the peers and the RFCs.

const assert = require('node:assert/strict');
const path = require('node:path');
const { test, describe } = require('node:test');
const { native } = require('../lib/native.js');
const { session } = require('./support.js');

const load = (name) => require(path.join(__dirname, '..', '..', 'tests', 'vectors', `${name}.json`)).cases;
const secretOf = (one) => (one.secret_hex === undefined ? one.secret : Buffer.from(one.secret_hex, 'hex'));

describe('signed_cookies', () => {
  for (const [index, one] of load('signed_cookies').entries()) {
    test(`${index}: ${one.name ?? one.source}`, () => {
      const ring = new session.KeyRing(one.secrets ?? secretOf(one));
      if (one.valid) {
        assert.equal(ring.unsign(one.signed), one.value);
        if (one.secrets === undefined) assert.equal(ring.sign(one.value), one.signed);
      } else {
        assert.equal(ring.unsign(one.signed), false);
      }
    });
  }
});

describe('sealed_records', () => {
  for (const one of load('sealed_records')) {
    test(one.name, () => {
      const ring = native.createKeys([{ id: one.key_id, secret: one.secret }], 'keys');
      const opened = ring.openRecord(one.store_key, Buffer.from(one.sealed, 'hex'));
      if (one.opens) assert.equal(opened, one.record);
      else assert.equal(opened.code, 'ERR_RECORD_DAMAGED');
    });
  }
});

describe('set_cookie', () => {
  for (const one of load('set_cookie')) {
    test(one.name, () => {
      if (one.set_cookie === undefined) {
        assert.throws(() => session.serializeCookie(one.options), { code: 'ERR_INVALID_COOKIE' });
      } else {
        assert.equal(session.serializeCookie(one.options), one.set_cookie);
      }
    });
  }
});

describe('cookie_header', () => {
  for (const one of load('cookie_header')) {
    test(one.name, () => {
      // Node hands header bytes over as latin1.
      const header = one.header ?? Buffer.from(one.header_hex, 'hex').toString('utf8');
      const found = session.parseCookie(Buffer.from(header, 'utf8').toString('latin1'), one.cookie);
      assert.deepEqual(found, { values: one.values, refused: one.refused });
    });
  }
});

describe('keys', () => {
  for (const one of load('keys')) {
    test(one.key_id, () => {
      assert.equal(native.createKeys([one.secret], 'secret').storeKey(one.session_id), one.store_key);
    });
  }
});

describe('merge', () => {
  for (const one of load('merge')) {
    test(`${one.name}, ${one.policy}`, () => {
      const sides = [one.base, one.mine, one.theirs].map((side) => JSON.stringify(side));
      const merge = () => native.mergePayloads(...sides, one.policy, Object.entries(one.rules ?? {}));
      if (one.error === undefined) {
        assert.deepEqual(JSON.parse(merge()), one.merged);
      } else {
        assert.throws(merge, { code: one.error });
      }
    });
  }
});

describe('numbers', () => {
  const refusal = (number) => native.checkPayload(`{"n":${number}}`);
  for (const one of load('numbers')) {
    test(one.name, () => {
      const value = Number(one.javascript);
      assert.equal(JSON.stringify(value), one.javascript);
      for (const text of [one.javascript, one.float, one.integer]) {
        if (text === undefined) continue;
        assert.equal(JSON.parse(text), value);
        assert.equal(refusal(text), undefined);
        assert.equal(native.sameJson(`{"n":${text}}`, `{"n":${one.javascript}}`), true);
      }
    });
  }
  for (const text of require('../../tests/vectors/numbers.json').refused) {
    test(`${text} is refused`, () => assert.equal(refusal(text)?.code, 'ERR_NOT_SERIALISABLE'));
  }
});
