// bearer() on Express 5, Express 4 and plain http, and key sets that are fetched from a real server.

const assert = require('node:assert/strict');
const http = require('node:http');
const { describe, it } = require('node:test');
const { stopClock } = require('./clock.js');
const { bearer, requireScope } = require('../lib/jwt/bearer.js');
const jwt = require('../jwt.js');

const KEY = jwt.generateKey('HS256');
const sign = (claims, options) => jwt.createSigner({ key: KEY, expiresIn: '1h', ...options })(claims);

async function listen(t, handler) {
  const server = http.createServer(handler);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}
function expressApp(name, ...middleware) {
  const app = require(name)();
  app.set('env', 'test');
  app.get('/', ...middleware, (req, res) => res.json(req.auth ?? null));
  return app;
}
function plainApp(...middleware) {
  return (req, res) => {
    const run = (i) => (error) => {
      if (error) {
        res.statusCode = error.status ?? 500;
        return res.end(error.code);
      }
      return i < middleware.length ? middleware[i](req, res, run(i + 1)) : res.end(JSON.stringify(req.auth ?? null));
    };
    run(0)();
  };
}
const APPS = {
  express5: (...m) => expressApp('express', ...m),
  express4: (...m) => expressApp('express4', ...m),
  http: plainApp,
};
const get = (url, headers) => fetch(url, { headers });

for (const [name, make] of Object.entries(APPS)) {
  describe(`bearer on ${name}`, () => {
    const ask = async (t, options, headers, ...more) => {
      const url = await listen(t, make(bearer({ key: KEY, ...options }), ...more));
      const response = await get(url, headers);
      const body = await response.text();
      return {
        status: response.status,
        challenge: response.headers.get('www-authenticate'),
        auth: response.status === 200 ? JSON.parse(body) : undefined,
      };
    };
    it('a good token', async (t) => {
      const { status, auth } = await ask(t, {}, { authorization: `bearer ${sign({ sub: 'ann' })}` });
      assert.equal(status, 200);
      assert.equal(auth.claims.sub, 'ann');
      assert.deepEqual(Object.keys(auth).sort(), ['claims', 'header']);
    });
    it('no token, another scheme', async (t) => {
      for (const headers of [{}, { authorization: 'Basic YTpi' }]) {
        const { status, challenge } = await ask(t, { realm: 'shop' }, headers);
        assert.deepEqual([status, challenge], [401, 'Bearer realm="shop"']);
      }
      assert.equal((await ask(t, { optional: true }, {})).auth, null);
    });
    it('a bad token', async (t) => {
      const other = jwt.generateKey('HS256');
      for (const token of [sign({}, { expiresIn: -60_000 }), sign({}, { key: other }), 'abc', sign({ aud: 'x' })]) {
        const { status, challenge } = await ask(t, {}, { authorization: `Bearer ${token}` });
        assert.equal(status, 401);
        assert.match(challenge, /^Bearer error="invalid_token", error_description="[\x20-\x7e]+"$/);
        assert.ok(!challenge.includes(token));
      }
    });
    it('a malformed header, two different tokens', async (t) => {
      const one = sign({ sub: 'one' });
      const cases = [
        { authorization: 'Bearer' },
        { authorization: `Bearer ${one} x` },
        { authorization: 'Bearer a,b' },
      ];
      cases.push({ authorization: `Bearer ${one}`, cookie: `at=${sign({ sub: 'two' })}` });
      cases.push({ cookie: `at=${one}; at=${sign({ sub: 'two' })}` });
      for (const headers of cases) {
        const { status, challenge } = await ask(t, { cookie: 'at' }, headers);
        assert.equal(status, 400);
        assert.match(challenge, /error="invalid_request"/);
      }
    });
    it('a cookie, and never the query', async (t) => {
      const { auth } = await ask(t, { cookie: 'at' }, { cookie: `x=1; at=${sign({ sub: 'c' })}` });
      assert.equal(auth.claims.sub, 'c');
      const url = await listen(t, make(bearer({ key: KEY })));
      assert.equal((await get(`${url}/?access_token=${sign({})}`)).status, 401);
    });
    it('scopes', async (t) => {
      const headers = { authorization: `Bearer ${sign({ scope: 'read write' })}` };
      assert.equal((await ask(t, { scopes: ['read'] }, headers, requireScope('write', 'read'))).status, 200);
      for (const refused of [
        await ask(t, { scopes: 'admin' }, headers),
        await ask(t, {}, headers, requireScope('admin')),
      ]) {
        assert.equal(refused.status, 403);
        assert.match(refused.challenge, /error="insufficient_scope".*scope="admin"/);
      }
    });
  });
}

describe('remote key sets', () => {
  // A server of a key set that counts its requests.
  async function keyServer(t, keys) {
    const state = { requests: 0, keys, status: 200, headers: {} };
    state.url = await listen(t, (req, res) => {
      state.requests += 1;
      state.lastEtag = req.headers['if-none-match'];
      res.writeHead(state.status, { 'content-type': 'application/json', ...state.headers });
      res.end(state.status === 200 ? (state.body ?? JSON.stringify(jwt.createKeySet(state.keys).toJwks())) : '');
    });
    return state;
  }
  const rsa = (kid) => jwt.generateKey('ES256', { kid });
  const signed = (key) => jwt.createSigner({ key })({ sub: key.kid });

  it('are fetched once, and again for a key that is new', async (t) => {
    const [a, b] = [rsa('a'), rsa('b')];
    const server = await keyServer(t, [a]);
    const turn = stopClock(t, Date.now());
    const jwks = jwt.createRemoteJwks(server.url, { allowHttp: true, cooldown: 1000 });
    const verify = jwt.createVerifier({ key: jwks });
    const answers = await Promise.all(Array.from({ length: 10 }, () => verify(signed(a))));
    assert.deepEqual(new Set(answers.map((one) => one.sub)), new Set(['a']));
    assert.equal(server.requests, 1);
    server.keys = [a, b];
    turn(1001);
    assert.equal((await verify(signed(b))).sub, 'b');
    assert.equal(server.requests, 2);
  });
  it('a flood of random kids costs one request', async (t) => {
    const server = await keyServer(t, [rsa('a')]);
    const verify = jwt.createVerifier({ key: jwt.createRemoteJwks(server.url, { allowHttp: true }) });
    const floods = Array.from({ length: 200 }, (_, i) => verify(signed(rsa(`random${i}`))));
    for (const one of await Promise.allSettled(floods)) assert.equal(one.reason.code, 'ERR_TOKEN_KEY');
    assert.equal(server.requests, 1);
  });
  it('stay in use while the server is down; without any the answer is 503 and no 401', async (t) => {
    const a = rsa('a');
    const server = await keyServer(t, [a]);
    const start = Date.now();
    const turn = stopClock(t, start);
    const verify = jwt.createVerifier({ key: jwt.createRemoteJwks(server.url, { allowHttp: true }) });
    await verify(signed(a));
    server.status = 500;
    turn(1_200_000);
    assert.equal((await verify(signed(a))).sub, 'a');
    const none = jwt.createVerifier({ key: jwt.createRemoteJwks(server.url, { allowHttp: true }) });
    await assert.rejects(none(signed(a)), { code: 'ERR_KEY_SET_UNAVAILABLE', status: 503 });
  });
  it('refuse plain http, redirects, too much, and private keys', async (t) => {
    assert.throws(() => jwt.createRemoteJwks('http://example.com/jwks'), { code: 'ERR_INVALID_URL' });
    const a = rsa('a');
    const target = await keyServer(t, [a]);
    const server = await keyServer(t, [a]);
    const attempt = () => jwt.createVerifier({ key: jwt.createRemoteJwks(server.url, { allowHttp: true }) })(signed(a));
    server.status = 302;
    server.headers = { location: target.url };
    await assert.rejects(attempt(), { code: 'ERR_KEY_SET_UNAVAILABLE' });
    assert.equal(target.requests, 0);
    server.status = 200;
    server.headers = {};
    for (const body of ['x'.repeat(300_000), JSON.stringify({ keys: [jwt.exportJwk(a, { private: true })] }), '{']) {
      server.body = body;
      await assert.rejects(attempt(), /./);
    }
    server.body = undefined;
    assert.equal((await attempt()).sub, 'a');
  });
  // What identity providers publish, or have published; and the line that says what is wrong with it.
  const good = jwt.generateKey('RS256', { kid: 'good' });
  const published = jwt.exportJwk(good);
  const { alg: _, ...unnamed } = published;
  const bad = {
    'a padded n': [{ ...published, kid: 'bad', n: `${published.n}=` }, /keys\[0\] \(kid bad\): .*"n" is not base64url/],
    'a zero-led n': [{ ...published, n: `AA${published.n}` }, /"n" has leading zeros/],
    'a numeric kid': [{ ...published, kid: 7 }, /keys\[0\]: .*"kid" is not a string/],
    null: [null, /keys\[0\]: a JWK is a JSON object/],
    'an empty object': [{}, /"kty" is missing/],
    'a text': ['x', /a JWK is a JSON object/],
    'a secret': [
      { kty: 'oct', alg: 'HS256', kid: 'bad', k: 'A'.repeat(64) },
      /a symmetric key in a set of public keys/,
    ],
    'a private key': [
      jwt.exportJwk(jwt.generateKey('ES256', { kid: 'bad' }), { private: true }),
      /keys\[0\] \(kid bad\): a private key in a set of public keys: treat it as leaked/,
    ],
  };
  for (const [name, [member, line]] of Object.entries(bad)) {
    it(`keep the others beside ${name}, and say so once`, async (t) => {
      const server = await keyServer(t, []);
      server.body = JSON.stringify({ keys: [member, published] });
      const jwks = jwt.createRemoteJwks(server.url, { allowHttp: true });
      const told = [];
      jwks.on('skipped', (error, lines) => told.push([error, lines]));
      const url = await listen(t, APPS.express5(bearer({ jwks, algorithms: ['RS256'] })));
      assert.equal((await get(url, { authorization: `Bearer ${signed(good)}` })).status, 200);
      await jwt.createVerifier({ key: jwks })(signed(good));
      assert.equal(told.length, 1);
      const [error, lines] = told[0];
      assert.equal(error.code, 'ERR_KEY_SET_INVALID');
      assert.match(lines[0], line);
      assert.ok(error.message.includes(lines[0]) && error.message.includes('127.0.0.1'), error.message);
      assert.deepEqual((await jwks.keys()).skipped, lines);
    });
  }
  it('warn where nobody listens', async (t) => {
    const server = await keyServer(t, []);
    server.body = JSON.stringify({ keys: [null, published] });
    const warned = new Promise((resolve) => process.once('warning', resolve));
    await jwt.createVerifier({ key: jwt.createRemoteJwks(server.url, { allowHttp: true }) })(signed(good));
    const warning = await warned;
    assert.deepEqual([warning.name, warning.code], ['CoatcheckWarning', 'ERR_KEY_SET_INVALID']);
    assert.match(warning.message, /keys\[0\]: a JWK is a JSON object/);
  });
  it('without alg are what the verifier says', async (t) => {
    const server = await keyServer(t, []);
    server.body = JSON.stringify({
      keys: [
        { ...unnamed, use: 'sig' },
        { ...unnamed, kid: 'enc', use: 'enc' },
      ],
    });
    const jwks = jwt.createRemoteJwks(server.url, { allowHttp: true });
    jwks.on('skipped', (error) => assert.match(error.message, /kid enc.*none of the algorithms fits the key/));
    const status = async (options, token = signed(good)) => {
      const url = await listen(t, APPS.express5(bearer({ jwks, ...options })));
      return (await get(url, { authorization: `Bearer ${token}` })).status;
    };
    assert.equal(await status({ algorithms: ['RS256'] }), 200);
    assert.equal(await status({ algorithms: ['ES256', 'PS256', 'RS256'] }), 200);
    assert.equal(await status({ algorithms: ['RS512'] }), 401);
    const pss = jwt.importJwk({ ...jwt.exportJwk(good, { private: true }), alg: 'PS256' });
    assert.equal(await status({ algorithms: ['RS256'] }, signed(pss)), 401);
    // No client's fault, each time.
    for (const options of [{}, { algorithms: ['ES256'] }]) {
      const verify = jwt.createVerifier({ key: jwks, ...options });
      const message = options.algorithms ? 'no key is for ES256' : /the keys name no alg: .*algorithms/;
      for (let i = 0; i < 2; ++i) {
        await assert.rejects(verify(signed(good)), { code: 'ERR_KEY_UNSUITABLE', status: 503, message });
      }
      assert.equal(await status(options), 503);
    }
    assert.equal(server.requests, 1);
    assert.throws(() => bearer({ jwks, algorithms: ['RS25'] }), { code: 'ERR_KEY_UNSUITABLE' });
    assert.throws(() => jwt.createRemoteJwks(server.url, { allowHttp: true, algorithms: ['RS25'] }), /not known/);
  });
  it('of one kid for several keys are chosen from by alg and use', async (t) => {
    const server = await keyServer(t, []);
    const ec = jwt.generateKey('ES256', { kid: 'good' });
    const more = ['RS384', 'RS512'].map((alg) => ({ ...published, alg }));
    server.body = JSON.stringify({
      keys: [jwt.exportJwk(ec), { ...published, alg: 'RSA-OAEP', use: 'enc' }, published, ...more],
    });
    const verify = jwt.createVerifier({ key: jwt.createRemoteJwks(server.url, { allowHttp: true }) });
    const of = (alg) => jwt.importJwk({ ...jwt.exportJwk(good, { private: true }), alg });
    for (const key of [ec, good, of('RS384'), of('RS512')]) assert.equal((await verify(signed(key))).sub, 'good');
    await assert.rejects(verify(signed(of('PS256'))), { code: 'ERR_TOKEN_ALGORITHM' });
  });
  it('in bearer()', async (t) => {
    const a = rsa('a');
    const server = await keyServer(t, [a]);
    const jwks = jwt.createRemoteJwks(server.url, { allowHttp: true });
    const url = await listen(t, APPS.express5(bearer({ jwks, algorithms: ['ES256'] })));
    assert.equal((await get(url, { authorization: `Bearer ${signed(a)}` })).status, 200);
    assert.equal((await get(url, { authorization: `Bearer ${signed(rsa('b'))}` })).status, 401);
  });
});
