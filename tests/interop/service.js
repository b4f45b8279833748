// The Express service of the interop tests; see conftest.py for what every service answers.

const fs = require('node:fs');
const path = require('node:path');
const { createRequire } = require('node:module');
const { setTimeout: sleep } = require('node:timers/promises');

const home = path.resolve(__dirname, '../../node');
const session = require(home);
const express = createRequire(path.join(home, 'package.json'))('express');

const app = express();
app.use(express.json());
app.use(session({ secret: process.env.COATCHECK_SECRET, store: process.env.COATCHECK_STORE }));

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

app.delete('/session', async (req, res) => {
  await req.session.destroy();
  res.json({});
});

app.post('/login', async (req, res) => {
  await req.session.regenerate({ keep: true });
  res.json(dataOf(req));
});

app.listen(Number(process.env.PORT), '127.0.0.1');
