// The drop-in functions beside jsonwebtoken itself: the same call must end in the same way, value by value and message
// by message. What differs on purpose is in "where jsonwebtoken is unsafe".

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { describe, it } = require('node:test');
const peer = require('jsonwebtoken');
const jwt = require('../jwt.js');

const SECRET = 'a secret of the tests, 32 bytes or more';
const rsa = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = (key) => key.export({ format: 'pem', type: key.type === 'public' ? 'spki' : 'pkcs8' });
const NOW = 1_700_000_000;

// How a call ended, in terms that a caller can see.
function outcome(run) {
  try {
    return { value: run() };
  } catch (error) {
    const { name, message, expiredAt, date } = error;
    return { name, message, expiredAt, date };
  }
}
function same(run, what) {
  const expected = outcome(() => run(peer));
  assert.deepEqual(
    outcome(() => run(jwt)),
    expected,
    what,
  );
  return expected;
}
const forge = (header, payload, secret = SECRET) => {
  const encode = (value) =>
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${crypto.createHmac('sha256', secret).update(input).digest('base64url')}`;
};

describe('sign is jsonwebtoken’s', () => {
  const payload = () => ({ sub: 'ann', n: 1, nested: { ü: '✓' } });
  const options = [
    {},
    { algorithm: 'HS512' },
    { expiresIn: '2 days', notBefore: -30 },
    { expiresIn: 60, issuer: 'me', subject: undefined },
    { audience: ['a', 'b'], jwtid: 'j', issuer: 'i' },
    { header: { cty: 'x', kid: 'other' }, keyid: 'k' },
    { noTimestamp: true },
    { encoding: 'latin1' },
    { algorithm: 'HS1' },
    { expiresIn: '1 fortnight' },
    { expiresIn: 1.5 },
    { expiresIn: '' },
    { notBefore: {} },
    { audience: 7 },
    { subject: 'again' },
    { unheardOf: 1 },
    { keyid: 5 },
    { noTimestamp: 'yes' },
    { mutatePayload: 1 },
    { header: 'no' },
    { algorithm: 'RS256' },
  ];
  for (const one of options) {
    it(`with ${JSON.stringify(one)}`, () => same((lib) => lib.sign({ ...payload(), iat: NOW }, SECRET, one)));
  }
  const payloads = [
    undefined,
    null,
    'text',
    7,
    true,
    Buffer.from('bytes'),
    [],
    new Date(0),
    { exp: '1' },
    { iat: null },
  ];
  for (const one of payloads) {
    it(`payload ${JSON.stringify(one)}`, () => {
      same((lib) => lib.sign(one, SECRET, { noTimestamp: undefined }));
      same((lib) => lib.sign(one, SECRET, { expiresIn: 5 }));
    });
  }
  it('keys of all forms, and keys of the wrong kind', () => {
    const forms = [
      SECRET,
      Buffer.from(SECRET),
      crypto.createSecretKey(Buffer.from(SECRET)),
      '',
      null,
      undefined,
      5,
      {},
    ];
    for (const form of forms) same((lib) => lib.sign({ iat: NOW }, form));
    for (const form of [pem(rsa.privateKey), rsa.privateKey, Buffer.from(pem(rsa.privateKey))]) {
      same((lib) => lib.sign({ iat: NOW }, form, { algorithm: 'RS256' }));
      same((lib) => lib.sign({ iat: NOW }, form, { algorithm: 'ES256' }));
      same((lib) => lib.sign({ iat: NOW }, form));
    }
    same((lib) => lib.sign({ iat: NOW }, rsa.publicKey, { algorithm: 'RS256' }));
    same((lib) => lib.sign({ iat: NOW }, ec.privateKey, { algorithm: 'ES384' }));
    const locked = rsa.privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'p' });
    same((lib) => lib.sign({ iat: NOW }, { key: locked, passphrase: 'p' }, { algorithm: 'RS384' }));
    same((lib) => lib.sign({ iat: NOW }, { key: locked, passphrase: 'wrong' }, { algorithm: 'RS384' }));
  });
  it('mutatePayload puts the claims into the object that was given', () => {
    const given = { iat: NOW };
    jwt.sign(given, SECRET, { mutatePayload: true, expiresIn: 5, issuer: 'i' });
    assert.deepEqual(given, { iat: NOW, exp: NOW + 5, iss: 'i' });
  });
  it('errors go to the callback, once, and tokens come later', async () => {
    let early = true;
    const token = await new Promise((resolve, reject) => {
      jwt.sign({ a: 1 }, rsa.privateKey, { algorithm: 'RS256' }, (error, token) => {
        assert.equal(early, false);
        if (error) reject(error);
        else resolve(token);
      });
      early = false;
    });
    assert.equal(peer.verify(token, rsa.publicKey).a, 1);
    const errors = [];
    jwt.sign({}, '', (error) => errors.push(error.message));
    assert.deepEqual(errors, ['secretOrPrivateKey must have a value']);
  });
});

describe('verify is jsonwebtoken’s', () => {
  const claims = {
    sub: 'ann',
    iss: 'me',
    aud: ['shop', 'desk'],
    jti: 'j',
    nonce: 'n',
    iat: NOW,
    nbf: NOW,
    exp: NOW + 60,
  };
  const token = peer.sign(claims, SECRET, { keyid: 'k' });
  const at = (seconds) => ({ clockTimestamp: NOW + seconds });
  const options = [
    at(0),
    at(59),
    at(60),
    at(-1),
    { ...at(65), clockTolerance: 6 },
    { ...at(65), clockTolerance: 5 },
    { ...at(-3), clockTolerance: 3 },
    { ...at(65), ignoreExpiration: true },
    { ...at(-5), ignoreNotBefore: true },
    { ...at(1), complete: true },
    { ...at(1), audience: 'shop', issuer: 'me', subject: 'ann', jwtid: 'j', nonce: 'n' },
    { ...at(1), audience: ['x', /^de/] },
    { ...at(1), audience: ['x', 'y'] },
    { ...at(1), audience: [] },
    { ...at(1), issuer: ['a', 'me'] },
    { ...at(1), issuer: ['a', 'b'] },
    { ...at(1), issuer: 'm' },
    { ...at(1), subject: 'bob' },
    { ...at(1), jwtid: 'x' },
    { ...at(1), nonce: 'x' },
    { nonce: ' ' },
    { nonce: 5 },
    { clockTimestamp: 'now' },
    { allowInvalidAsymmetricKeyTypes: 'no' },
    { ...at(10), maxAge: 11 },
    { ...at(10), maxAge: 10 },
    { ...at(10), maxAge: '9s' },
    { ...at(10), maxAge: '1 h' },
    { ...at(10), maxAge: 'eternal' },
    { ...at(1), algorithms: ['HS256'] },
    { ...at(1), algorithms: ['HS384', 'HS256'] },
    { ...at(1), algorithms: ['HS384'] },
    { ...at(1), algorithms: [] },
    { ...at(1), algorithms: ['RS256'] },
  ];
  for (const one of options) {
    it(`with ${JSON.stringify(one, (_, v) => (v instanceof RegExp ? String(v) : v))}`, () => {
      same((lib) => lib.verify(token, SECRET, one));
    });
  }
  it('tokens that are none, and secrets that are none', () => {
    const [head, body, signature] = token.split('.');
    const tokens = [undefined, null, '', 0, 5, {}, 'a', 'a.b', 'a.b.c', 'a.b.c.d', `${head}.${body}.`, `${token}.`];
    tokens.push(
      `${head}.${body}.${signature}x`,
      `x${token}`,
      `${head}..${signature}`,
      `${head}.${body}.@`,
      ` ${token}`,
    );
    for (const one of tokens) same((lib) => lib.verify(one, SECRET), String(one));
    for (const one of [undefined, null, '', 5, {}, 'other', Buffer.from('other'), pem(rsa.publicKey), ec.publicKey]) {
      same((lib) => lib.verify(token, one, at(1)), String(one));
    }
    same((lib) => lib.verify(`${head}.${body}.`, ''));
  });
  it('asymmetric keys: PEM, KeyObject, JWK, certificates of the wrong kind', () => {
    const signed = peer.sign({ iat: NOW }, rsa.privateKey, { algorithm: 'RS256' });
    const jwk = { key: rsa.publicKey.export({ format: 'jwk' }), format: 'jwk' };
    for (const key of [
      rsa.publicKey,
      pem(rsa.publicKey),
      pem(rsa.privateKey),
      jwk,
      rsa.privateKey,
      ec.publicKey,
      SECRET,
    ]) {
      same((lib) => lib.verify(signed, key));
      same((lib) => lib.verify(signed, key, { algorithms: ['RS256'] }));
      same((lib) => lib.verify(signed, key, { algorithms: ['PS256', 'RS512'] }));
    }
    for (const [algorithm, pair] of [
      ['PS384', rsa],
      ['ES256', ec],
    ]) {
      same((lib) => lib.verify(peer.sign({ iat: NOW }, pair.privateKey, { algorithm }), pair.publicKey));
    }
  });
  it('dates of the wrong type', () => {
    for (const claim of ['exp', 'nbf']) {
      for (const value of ['1', true, [], {}, null]) {
        same((lib) => lib.verify(forge({ alg: 'HS256', typ: 'JWT' }, { [claim]: value }), SECRET), `${claim} ${value}`);
      }
    }
    same((lib) => lib.verify(forge({ alg: 'HS256' }, { iat: 'x' }), SECRET, { maxAge: 5 }));
  });
  it('texts that were signed as they are', () => {
    for (const text of ['hello', '', '123', 'true', '"quoted"']) {
      same((lib) => lib.verify(lib.sign(text, SECRET), SECRET));
    }
  });
  it('callbacks: called at once, getKey with the header', () => {
    for (const key of [SECRET, (header, give) => give(header.kid === 'k' ? null : new Error('?'), SECRET)]) {
      const calls = [];
      jwt.verify(token, key, at(1), (error, value) => calls.push([error, value.sub]));
      assert.deepEqual(calls, [[null, 'ann']]);
    }
    const failed = [];
    for (const lib of [peer, jwt]) {
      lib.verify(
        token,
        (_header, give) => give(new Error('no such key')),
        (error) => failed.push(error.message),
      );
      lib.verify(
        'a.b',
        () => assert.fail('no header, no key'),
        (error) => failed.push(error.message),
      );
      failed.push(outcome(() => lib.verify(token, () => SECRET)).message);
    }
    assert.deepEqual(failed.slice(3), failed.slice(0, 3));
  });
  it('reads the clock in JavaScript', (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: (NOW + 59) * 1000 });
    assert.equal(jwt.verify(token, SECRET).sub, 'ann');
    t.mock.timers.tick(1000);
    assert.throws(() => jwt.verify(token, SECRET), { name: 'TokenExpiredError', code: 'ERR_TOKEN_EXPIRED' });
  });
  it('a Buffer that changed is another secret', () => {
    const secret = Buffer.from(SECRET);
    assert.equal(jwt.verify(token, secret, at(1)).sub, 'ann');
    secret.fill(0);
    assert.throws(() => jwt.verify(token, secret, at(1)), { message: 'invalid signature' });
  });
});

describe('decode is jsonwebtoken’s', () => {
  const tokens = [peer.sign({ a: 1 }, SECRET), peer.sign('text', SECRET), 'a.b.c', '', null, undefined, 5, 'x'];
  for (const token of tokens) {
    it(String(token), () => {
      same((lib) => lib.decode(token));
      same((lib) => lib.decode(token, { complete: true }));
    });
  }
});

describe('where jsonwebtoken is unsafe', () => {
  const code = (expected, run) =>
    assert.throws(run, (error) => error.code === expected || assert.equal(error.code, expected));
  it('unsigned tokens are never taken, whatever the options say', () => {
    const token = jwt.sign({ admin: true }, undefined, { algorithm: 'none' });
    assert.equal(peer.verify(token, '', { algorithms: ['none'] }).admin, true);
    for (const options of [{ algorithms: ['none'] }, { algorithms: ['none', 'HS256'] }, {}]) {
      for (const key of ['', undefined, null]) code('ERR_TOKEN_ALGORITHM', () => jwt.verify(token, key, options));
    }
  });
  it('an empty secret, and a public key as a secret', () => {
    assert.throws(() => jwt.sign({}, Buffer.alloc(0)));
    assert.throws(() => jwt.verify(forge({ alg: 'HS256' }, {}, ''), Buffer.alloc(0)));
    for (const text of [`\u200b${pem(rsa.publicKey)}`, JSON.stringify(rsa.publicKey.export({ format: 'jwk' }))]) {
      const forged = forge({ alg: 'HS256' }, { admin: true }, text);
      assert.equal(peer.verify(forged, text).admin, true);
      code('ERR_KEY_UNSUITABLE', () => jwt.sign({}, text));
      assert.throws(() => jwt.verify(forged, text), jwt.JsonWebTokenError);
    }
  });
  it('crit, duplicate members, a string as tolerance, an issuer of the wrong type', () => {
    const crit = forge({ alg: 'HS256', crit: ['x'], x: 1 }, {});
    assert.ok(peer.verify(crit, SECRET));
    code('ERR_TOKEN_CRITICAL', () => jwt.verify(crit, SECRET));
    code('ERR_TOKEN_PAYLOAD', () => jwt.verify(forge({ alg: 'HS256' }, '{"sub":"a","sub":"b"}'), SECRET));
    const old = forge({ alg: 'HS256' }, { exp: 1 });
    assert.ok(peer.verify(old, SECRET, { clockTolerance: '9999999999' }));
    code('ERR_INVALID_OPTION', () => jwt.verify(old, SECRET, { clockTolerance: '9999999999' }));
    assert.ok(peer.verify(crit, SECRET, { issuer: /^me$/ }));
    code('ERR_INVALID_OPTION', () => jwt.verify(crit, SECRET, { issuer: /^me$/ }));
    assert.ok(peer.verify(crit, SECRET, { audience: /e/ }));
    code('ERR_TOKEN_CLAIM', () => jwt.verify(forge({ alg: 'HS256' }, {}), SECRET, { audience: /e/ }));
  });
  it('a short secret is taken, with one warning', async () => {
    const warnings = [];
    const note = (warning) => warnings.push(warning.code);
    process.on('warning', note);
    for (let i = 0; i < 3; i += 1) jwt.verify(jwt.sign({}, `short${i}`), `short${i}`);
    await new Promise(setImmediate);
    process.off('warning', note);
    assert.ok(warnings.filter((one) => one === 'COATCHECK_SHORT_SECRET').length <= 1);
  });
});

describe('promises', () => {
  it('signAsync and verifyAsync', async () => {
    for (const [alg, pair] of [
      ['RS256', rsa],
      ['ES256', ec],
    ]) {
      const token = await jwt.signAsync({ a: 1 }, pair.privateKey, { algorithm: alg, expiresIn: '1m' });
      assert.equal((await jwt.verifyAsync(token, async () => pair.publicKey)).a, 1);
      assert.equal(peer.verify(token, pair.publicKey).a, 1);
    }
    await assert.rejects(jwt.signAsync({}, ''), { message: 'secretOrPrivateKey must have a value' });
    await assert.rejects(jwt.verifyAsync('x', SECRET), { message: 'jwt malformed' });
  });
  it('RSA is signed off the loop', async () => {
    const key = crypto.generateKeyPairSync('rsa', { modulusLength: 4096 }).privateKey;
    let turns = 0;
    let signing = true;
    const count = () => {
      turns += 1;
      if (signing) setImmediate(count);
    };
    setImmediate(count);
    try {
      await Promise.all(Array.from({ length: 20 }, () => jwt.signAsync({}, key, { algorithm: 'RS512' })));
    } finally {
      signing = false;
    }
    assert.ok(turns > 5, `the loop turned ${turns} times`);
  });
});
