// bearer() against RFC 6750 and what applications come with from express-jwt: where a token is looked for, what is
// answered when there is none, a bad one, two or a revoked one, and functions of the application that fail.

'use strict';

const assert = require('node:assert/strict');
const http = require('node:http');
const { describe, it } = require('node:test');
const express = require('express');
const { BearerError, bearer, requireScope } = require('../bearer.js');
const jwt = require('../jwt.js');

const KEY = jwt.generateKey('HS256');
const sign = (claims, options) => jwt.createSigner({ key: KEY, expiresIn: '1h', ...options })(claims);
const GOOD = sign({ sub: 'ann', scope: 'read write', jti: '1' });

// Asks a real server once. `raw`: header lines as [name, value, …], for what fetch would not send.
async function ask(t, options, { headers, raw, path = '/', more = [] } = {}) {
  const app = express();
  let seen;
  app.get('/', bearer({ key: KEY, ...options }), ...more, (req, res) => res.json(req.auth ?? null));
  app.use((error, _req, res, _next) => {
    seen = error;
    res.status(error.status ?? 500).end();
  });
  const server = http.createServer(app);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return new Promise((resolve, reject) => {
    const request = http.request(
      { port: server.address().port, path, headers: raw ?? headers, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => {
          const { statusCode: status, headers: answered } = response;
          resolve({ status, challenge: answered['www-authenticate'], text, error: seen });
        });
      },
    );
    request.on('error', reject).end();
  });
}
const withToken = (token, scheme = 'Bearer') => ({ headers: { authorization: `${scheme} ${token}` } });

describe('RFC 6750, 2.1: the header', () => {
  it('the scheme in any case', async (t) => {
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
      assert.equal((await ask(t, {}, withToken(GOOD, scheme))).status, 200);
    }
  });
  it('two of them, or two ways at once, are a bad request', async (t) => {
    const twice = { raw: ['Authorization', `Bearer ${GOOD}`, 'Authorization', `Bearer ${GOOD}`, 'Host', 'x'] };
    const both = { headers: { authorization: `Bearer ${GOOD}`, cookie: `at=${sign({ sub: 'bob' })}` } };
    for (const request of [twice, both]) {
      const { status, challenge, error } = await ask(t, { cookie: 'at' }, request);
      assert.deepEqual([status, error.code], [400, 'ERR_TOKEN_MALFORMED']);
      assert.match(challenge, /^Bearer error="invalid_request", error_description="[^"\\]+"$/);
    }
  });
  it('a token in the query counts for nothing', async (t) => {
    assert.equal((await ask(t, {}, { path: `/?access_token=${GOOD}` })).status, 401);
  });
});

describe('RFC 6750, 3: the challenge', () => {
  it('no error code for a request without a token', async (t) => {
    assert.equal((await ask(t, {})).challenge, 'Bearer');
    assert.equal((await ask(t, { realm: 'shop' })).challenge, 'Bearer realm="shop"');
  });
  it('a realm with quotes stays one quoted string', async (t) => {
    const { challenge } = await ask(t, { realm: 'the "best"\\ shop\r\nX: ü' });
    assert.equal(challenge, 'Bearer realm="the \\"best\\"\\\\ shop  X:  "');
  });
  it('invalid_token, with the reason as code and cause', async (t) => {
    const bad = [
      [sign({}, { expiresIn: -60_000 }), 'ERR_TOKEN_EXPIRED', jwt.TokenExpiredError],
      [sign({}, { key: jwt.generateKey('HS256') }), 'ERR_TOKEN_SIGNATURE', jwt.JsonWebTokenError],
      ['abc', 'ERR_TOKEN_MALFORMED', jwt.JsonWebTokenError],
    ];
    for (const [token, code, cause] of bad) {
      const { status, challenge, error } = await ask(t, { realm: 'shop' }, withToken(token));
      assert.deepEqual([status, error.code, error.statusCode], [401, code, 401]);
      assert.ok(error instanceof BearerError && error.cause instanceof cause);
      assert.match(challenge, /^Bearer realm="shop", error="invalid_token", error_description="[^"\\]+"$/);
    }
  });
  it('insufficient_scope, with the scope that is needed', async (t) => {
    const { status, challenge } = await ask(t, { scopes: ['read', 'admin'] }, withToken(GOOD));
    assert.equal(status, 403);
    assert.match(challenge, /^Bearer error="insufficient_scope", error_description="[^"\\]+", scope="read admin"$/);
    const { status: later } = await ask(t, {}, { ...withToken(GOOD), more: [requireScope('admin')] });
    assert.equal(later, 403);
  });
});

describe('getToken', () => {
  it('says where the token is, at once or later', async (t) => {
    const ways = [(req) => req.headers['x-token'], async (req) => req.headers['x-token']];
    for (const getToken of ways) {
      assert.equal((await ask(t, { getToken }, { headers: { 'x-token': GOOD } })).status, 200);
      assert.equal((await ask(t, { getToken }, withToken(GOOD))).status, 401); // nowhere else
      assert.equal((await ask(t, { getToken, optional: true })).text, 'null');
    }
  });
  it('that gives something else is a bad request', async (t) => {
    for (const value of [5, {}, [GOOD], true]) {
      assert.equal((await ask(t, { getToken: () => value })).status, 400);
    }
    for (const value of [undefined, null, '']) assert.equal((await ask(t, { getToken: () => value })).status, 401);
  });
  it('is no option beside a cookie', () => {
    assert.throws(() => bearer({ key: KEY, cookie: 'at', getToken: () => GOOD }), { code: 'ERR_INVALID_OPTION' });
    assert.throws(() => bearer({ key: KEY, getToken: 'x-token' }), { code: 'ERR_INVALID_OPTION' });
  });
});

describe('isRevoked', () => {
  it('refuses a token that is good otherwise', async (t) => {
    const revoked = new Set(['1']);
    for (const isRevoked of [
      (_req, { claims }) => revoked.has(claims.jti),
      async (_req, { claims }) => revoked.has(claims.jti),
    ]) {
      const { status, challenge, error } = await ask(t, { isRevoked }, withToken(GOOD));
      assert.deepEqual([status, error.code], [401, 'ERR_TOKEN_REVOKED']);
      assert.match(challenge, /error="invalid_token"/);
      assert.equal((await ask(t, { isRevoked }, withToken(sign({ jti: '2' })))).status, 200);
    }
  });
  it('is not asked about a token that is bad anyway', async (t) => {
    const isRevoked = () => assert.fail('asked');
    assert.equal((await ask(t, { isRevoked }, withToken(sign({}, { expiresIn: -60_000 })))).status, 401);
  });
  it('that does not know lets nobody in', async (t) => {
    for (const answer of [undefined, null, 0, 'no']) {
      assert.equal((await ask(t, { isRevoked: () => answer }, withToken(GOOD))).status, 500);
    }
  });
});

describe('functions of the application that fail', () => {
  // Express takes `next('route')` and `next(undefined)` for leave to go on.
  const failures = [new Error('down'), 'route', 'router', undefined, null, 0];
  for (const name of ['getToken', 'isRevoked', 'key']) {
    it(`${name}: nobody is let in, and nobody logged out`, async (t) => {
      for (const failure of failures) {
        const throws = () => {
          throw failure;
        };
        for (const run of [throws, async () => throws()]) {
          const { status, error } = await ask(t, { [name]: run }, withToken(GOOD));
          assert.equal(status, 500);
          assert.ok(error instanceof Error);
        }
      }
    });
  }
  it('a verifier without `complete` is noticed', async (t) => {
    const verifier = jwt.createVerifier({ key: KEY });
    const { error } = await ask(t, { key: undefined, verifier }, withToken(GOOD));
    assert.equal(error.code, 'ERR_INVALID_OPTION');
    const whole = jwt.createVerifier({ key: KEY, complete: true });
    assert.equal((await ask(t, { key: undefined, verifier: whole }, withToken(GOOD))).status, 200);
  });
});

// jsonwebtoken's `sign` and fast-jwt's signer write them; RFC 7519 has texts there.
describe('claims of another type, which sign() and createSigner() write', () => {
  const OTHER = [{ sub: 42 }, { jti: 7 }, { iss: 5 }, { aud: ['shop', 1] }, { sub: null }, { iss: ['a'] }];
  for (const claims of OTHER) {
    const [claim] = Object.keys(claims);
    const options = { audience: false };
    const secret = 'a secret of the tests, 32 bytes or more';
    for (const [by, key, token] of [
      ['createSigner', KEY, sign(claims)],
      ['sign', secret, jwt.sign(claims, secret)],
    ]) {
      it(`${by}: ${JSON.stringify(claims)} is refused, and taken with looseTypes`, async (t) => {
        const refused = await ask(t, { ...options, key }, withToken(token));
        assert.deepEqual([refused.status, refused.error.code], [401, 'ERR_TOKEN_CLAIM']);
        assert.match(refused.error.message, new RegExp(`claim ${claim} is not a string`));
        const taken = await ask(t, { ...options, key, looseTypes: true }, withToken(token));
        assert.equal(taken.status, 200);
        assert.deepEqual(JSON.parse(taken.text).claims[claim], claims[claim]);
      });
    }
  }
  it('with looseTypes they are not taken for what is expected', async (t) => {
    for (const [claims, expected] of [
      [{ iss: 5 }, { issuer: '5', audience: false }],
      [{ aud: ['shop', 1] }, { audience: '1' }],
      [{ aud: 1 }, {}],
    ]) {
      const { status, error } = await ask(t, { looseTypes: true, ...expected }, withToken(sign(claims)));
      assert.deepEqual([status, error.code], [401, 'ERR_TOKEN_CLAIM']);
    }
  });
});
