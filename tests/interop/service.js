// The Express service of the interop tests; see conftest.py for what every service answers.

const fs = require('node:fs');
const path = require('node:path');
const { createRequire } = require('node:module');
const { setTimeout: sleep } = require('node:timers/promises');

const home = path.resolve(__dirname, '../../node');
const session = require(home);
const jwt = require(path.join(home, 'jwt.js'));
const express = createRequire(path.join(home, 'package.json'))('express');

const app = express();
app.use(express.json());

const { MODE: mode, ACCESS_TTL, TOKEN_KEYS, NODE_NAME: affinity } = process.env;
const inCookie = mode && {
  mode,
  accessTtl: Number(ACCESS_TTL),
  tokenKeys: TOKEN_KEYS && JSON.parse(TOKEN_KEYS).map((jwk) => jwt.importJwk(jwk)),
  checkEpoch: true,
};
const secret = process.env.COATCHECK_SECRET;
if (affinity) {
  app.use((_req, res, next) => {
    res.set('X-Node', affinity);
    next();
  });
}
const encrypt = process.env.ENCRYPT === 'required' || process.env.ENCRYPT || false;
const store = encrypt
  ? new session.Store(process.env.COATCHECK_STORE, { secret, encrypt })
  : new session.Store(process.env.COATCHECK_STORE);
app.use(session({ secret, store, owner: (data) => data.user, affinity, ...inCookie }));
const tokens = new session.RefreshTokens(store, { secret });

function dataOf(req) {
  const { cookie, ...data } = req.session;
  return data;
}

app.get('/session', (req, res) => {
  res.json(dataOf(req));
});

app.put('/session', async (req, res) => {
  const { set, maxAge, hold } = req.body;
  if (hold) {
    fs.writeFileSync(`${hold}.open`, '');
    while (!fs.existsSync(`${hold}.go`)) await sleep(2);
  }
  Object.assign(req.session, set);
  if (maxAge !== undefined) req.session.cookie.maxAge = maxAge;
  res.json(dataOf(req));
});

app.post('/count', async (req, res) => {
  for (let i = 0; i < req.body.times; ++i) {
    await req.session.transact((data) => {
      data.n += 1;
    });
  }
  res.json(dataOf(req));
});

app.delete('/session', async (req, res) => {
  await req.session.destroy();
  res.json({});
});

app.post('/login', async (req, res) => {
  await req.session.regenerate({ keep: true });
  res.json(dataOf(req));
});

app.post('/tokens', async (req, res) => {
  const { token, family } = await tokens.issue(req.body.owner);
  res.json({ token, family: family.id });
});

app.post('/tokens/refresh', async (req, res) => {
  try {
    const { token, repeated, family } = await tokens.refresh(req.body.token);
    res.json({ token, repeated, family: family.id });
  } catch (error) {
    res.status(error.status).json({ error: error.code });
  }
});

app.post('/tokens/revoke', async (req, res) => {
  const { count } = await tokens.revokeAll(req.body.owner);
  res.json({ count });
});

app.listen(Number(process.env.PORT), '127.0.0.1');
