// verify() and decode() beside jsonwebtoken's: every option with every kind of value, every claim of every type, every
// key with tokens of every algorithm, key functions. What differs on purpose is in jwt-differences.test.js.

'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { stopClock } = require('./clock.js');
const {
  ALGORITHMS,
  KEYS,
  NOW,
  SECRET,
  VALUES,
  encode,
  forge,
  jwt,
  peer,
  pem,
  same,
  sameDelivery,
} = require('./jwt-peer.js');

const CLAIMS = {
  sub: 'ann',
  iss: 'me',
  aud: ['shop', 'desk'],
  jti: 'j',
  nonce: 'n',
  iat: NOW,
  nbf: NOW,
  exp: NOW + 60,
};
const TOKEN = peer.sign(CLAIMS, SECRET, { keyid: 'k' });
const [HEAD, BODY, SIGNATURE] = TOKEN.split('.');
const AT = { clockTimestamp: NOW + 1 };
const EXPECTED = ['audience', 'issuer', 'subject', 'jwtid', 'nonce'];

describe('every option of verify with every kind of value', () => {
  const more = [' ', 'shop', 'me', 'ann', 'j', 'n', ['HS256'], ['none'], [/sh/], ['x', /desk/g], [undefined], NOW + 59];
  // These refuse here what would check nothing there.
  const strict = {
    issuer: (value) => !value || typeof value === 'string' || Array.isArray(value),
    clockTolerance: (value) => !value || Number.isFinite(value),
    algorithms: (value) => !value || Array.isArray(value),
    allowInsecureKeySizes: (value) => value === undefined || typeof value === 'boolean',
  };
  const names = [
    ...EXPECTED,
    'algorithms',
    'maxAge',
    'clockTolerance',
    'clockTimestamp',
    'ignoreExpiration',
    'complete',
  ];
  names.push('ignoreNotBefore', 'allowInvalidAsymmetricKeyTypes', 'allowInsecureKeySizes', 'unheardOf');
  for (const name of names) {
    it(name, () => {
      for (const value of [...VALUES, ...more]) {
        if (strict[name]?.(value) === false) continue;
        const options = { ...AT, [name]: value };
        same((lib) => lib.verify(TOKEN, SECRET, options), options);
      }
    });
  }
  it('options that are no object', (t) => {
    stopClock(t, NOW * 1000);
    for (const options of VALUES.filter((one) => typeof one !== 'function')) {
      same((lib) => lib.verify(TOKEN, SECRET, options), options);
    }
  });
  it('times', () => {
    for (const seconds of [-3601, -2, -1, 59, 59.5, 60, 61, 70]) {
      for (const clockTolerance of [undefined, 1, 10, -1, 0.5]) {
        for (const maxAge of [undefined, 1, '1s', '60s', 60, '1 m', '1.5m', '70000', '-1s', 0.5]) {
          const options = { clockTimestamp: NOW + seconds, clockTolerance, maxAge };
          same((lib) => lib.verify(TOKEN, SECRET, options), options);
        }
      }
    }
  });
});

describe('claims of every type', () => {
  const all = [{}, { maxAge: 10 }, { maxAge: '1d' }, { ignoreExpiration: true }, { ignoreNotBefore: true }];
  all.push({ complete: true }, { audience: 'x' }, { issuer: 'i' }, { subject: 's' }, { nonce: 'n' });
  for (const claim of ['iat', 'exp', 'nbf', 'iss', 'aud', 'sub', 'jti', 'nonce']) {
    it(claim, () => {
      for (const value of VALUES.filter((one) => typeof one !== 'function')) {
        if (claim === 'iat' && value === 0) continue; // its maxAge counts from now there
        const token = forge({ alg: 'HS256', typ: 'JWT' }, { [claim]: value, other: 1 });
        for (const options of all) {
          same((lib) => lib.verify(token, SECRET, { ...AT, ...options }), { claim, value, options });
        }
        for (const option of EXPECTED) {
          if (typeof value !== 'string' && !Array.isArray(value)) continue;
          same((lib) => lib.verify(token, SECRET, { ...AT, [option]: value }), { claim, value, option });
        }
      }
    });
  }
  it('none at all: a text', () => {
    for (const text of ['hello', '', '5', 'null', 'true', '"x"', 'é✓']) {
      const token = peer.sign(text, SECRET);
      for (const options of [...all, { header: { typ: 'x' } }]) {
        same((lib) => lib.verify(token, SECRET, options), { text, options });
      }
      same((lib) => lib.verify(peer.sign(text, SECRET, { header: { typ: 'x' } }), SECRET), text);
    }
  });
});

describe('tokens that are none, with every kind of secret', () => {
  const tokens = [
    undefined,
    null,
    '',
    0,
    5,
    {},
    [],
    true,
    Buffer.from(TOKEN),
    'a',
    'a.b',
    'a.b.c',
    'a.b.c.d',
    '..',
    '.',
  ];
  tokens.push(`${HEAD}.${BODY}.`, `${HEAD}.${BODY}. `, `${HEAD}.${BODY}`, `${HEAD}..${SIGNATURE}`, `${HEAD}.${BODY}.@`);
  tokens.push(` ${TOKEN}`, `${TOKEN} `, `${TOKEN}=`, `${HEAD}=.${BODY}.${SIGNATURE}`, `${TOKEN}A`, TOKEN.slice(0, -1));
  tokens.push(`${HEAD}.${encode('{"a":1}')}.${SIGNATURE}`);
  tokens.push(`${HEAD}.eyJhIjoxfR.${SIGNATURE}`); // stray bits
  for (const header of ['x', 'null', {}, { alg: 'hs256' }, { alg: 'RS256' }, { alg: 'ES256' }]) {
    tokens.push(`${encode(header)}.${BODY}.${SIGNATURE}`, forge(header, {}));
  }
  const options = [
    undefined,
    { algorithms: ['HS256'] },
    { algorithms: [] },
    { ignoreExpiration: true },
    { complete: true },
  ];
  for (const key of [SECRET, 'wrong', undefined, 5, {}, KEYS.rsa.publicKey, pem(KEYS.p256.publicKey)]) {
    it(key?.type ?? String(key).slice(0, 12), () => {
      for (const token of tokens) {
        for (const one of options) same((lib) => lib.verify(token, key, one), { token, one });
        for (const one of [undefined, null, {}, { complete: true }, { json: true }]) {
          same((lib) => lib.decode(token, one), { token, one });
        }
      }
    });
  }
});

describe('tokens of every algorithm with every key', () => {
  const tokens = { HS256: TOKEN, HS512: peer.sign(CLAIMS, SECRET, { algorithm: 'HS512' }) };
  for (const [name, { privateKey }] of Object.entries(KEYS)) {
    for (const algorithm of ALGORITHMS.filter((one) => /^[REP]S/.test(one))) {
      try {
        tokens[`${algorithm} of ${name}`] = peer.sign(CLAIMS, privateKey, { algorithm });
      } catch {
        // not a key for it
      }
    }
  }
  for (const [name, { publicKey, privateKey }] of Object.entries(KEYS)) {
    it(name, () => {
      for (const [what, token] of Object.entries(tokens)) {
        const [algorithm] = what.split(' ');
        for (const key of [publicKey, pem(publicKey), privateKey, pem(privateKey)]) {
          for (const algorithms of [undefined, [algorithm], ['HS256', 'RS256'], []]) {
            same((lib) => lib.verify(token, key, { ...AT, algorithms }), { what, name, algorithms });
          }
        }
      }
    });
  }
  it('a secret', () => {
    for (const [what, token] of Object.entries(tokens)) {
      for (const algorithms of [undefined, [what.split(' ')[0]], ['HS256', 'ES256']]) {
        same((lib) => lib.verify(token, SECRET, { ...AT, algorithms }), { what, algorithms });
      }
    }
  });
  it('RSA under 2,048 bits where that was asked for', () => {
    const { publicKey, privateKey } = KEYS.small;
    const token = peer.sign(CLAIMS, privateKey, { algorithm: 'RS256', allowInsecureKeySizes: true });
    for (const lib of [peer, jwt]) {
      assert.equal(lib.verify(token, publicKey, { ...AT, allowInsecureKeySizes: true }).sub, 'ann');
      const forged = `${token.slice(0, -4)}AAAA`;
      assert.throws(() => lib.verify(forged, publicKey, AT), { message: 'invalid signature' });
    }
    assert.throws(() => jwt.verify(token, publicKey, AT), { code: 'ERR_KEY_WEAK' });
    assert.throws(() => jwt.createVerifier({ key: publicKey }), { code: 'ERR_KEY_WEAK' });
  });
});

describe('callbacks and key functions of verify', () => {
  const functions = {
    gives: (_header, give) => give(null, SECRET),
    'gives later': (_header, give) => setImmediate(give, null, SECRET),
    'gives another': (_header, give) => give(null, 'another secret'),
    'gives none': (_header, give) => give(null),
    'gives no key': (_header, give) => give(null, 5),
    'gives a public key': (_header, give) => give(null, KEYS.rsa.publicKey),
    fails: (_header, give) => give(new Error('no such key')),
    'fails later': (_header, give) => setImmediate(give, new Error('no such key')),
    'tells the header': (header, give) => give(new Error(JSON.stringify(header))),
  };
  for (const [what, key] of Object.entries(functions)) {
    it(`the key function ${what}`, async () => {
      for (const token of [TOKEN, `${HEAD}.${BODY}.`, 'x', '', 5]) {
        for (const options of [
          AT,
          { ...AT, algorithms: ['HS512'] },
          { clockTimestamp: 'x' },
          { ...AT, complete: true },
        ]) {
          if (token.length > 1 && token.endsWith('.') && what === 'gives none' && options.algorithms) continue; // TypeError
          await sameDelivery((lib, done) => lib.verify(token, key, options, done), { what, token, options });
        }
      }
      same((lib) => lib.verify(TOKEN, key, AT), what);
    });
  }
  it('a secret with a callback', async () => {
    for (const options of [AT, { ...AT, issuer: 'x' }, { ...AT, complete: true }, { nonce: ' ' }, undefined]) {
      await sameDelivery((lib, done) => lib.verify(TOKEN, SECRET, options, done), options);
    }
    await sameDelivery((lib, done) => lib.verify(TOKEN, SECRET, done));
  });
});

describe('what the module exports', () => {
  it('has all of jsonwebtoken’s, as CommonJS and as an ES module', async () => {
    const module = await import('../jwt.mjs');
    assert.deepEqual(
      Object.keys(module)
        .filter((name) => name !== 'default')
        .sort(),
      Object.keys(jwt).sort(),
    );
    for (const name of Object.keys(peer)) {
      assert.equal(typeof jwt[name], typeof peer[name]);
      assert.equal(jwt[name].length, peer[name].length, name);
      assert.equal(module[name], jwt[name]);
      assert.equal(module.default[name], jwt[name]);
    }
  });
  it('has its classes of errors', () => {
    const inner = new Error('inner');
    for (const [name, value] of [
      ['JsonWebTokenError', inner],
      ['TokenExpiredError', new Date(1)],
      ['NotBeforeError', new Date(1)],
    ]) {
      const [theirs, ours] = [peer, jwt].map((lib) => {
        const error = new lib[name]('why', value);
        assert.ok(error instanceof lib.JsonWebTokenError && error instanceof Error);
        return { keys: Object.keys(error).sort(), text: String(error), json: JSON.parse(JSON.stringify(error)) };
      });
      assert.deepEqual(ours, theirs);
    }
  });
});
