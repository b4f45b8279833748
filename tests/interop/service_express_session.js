// The real express-session on coatcheck's Store: what it shares with the other services; see conftest.py.

const path = require('node:path');
const { createRequire } = require('node:module');

const home = path.resolve(__dirname, '../../node');
const { Store } = require(home);
const fromHome = createRequire(path.join(home, 'package.json'));
const express = fromHome('express');
const expressSession = fromHome('express-session');

const secret = process.env.COATCHECK_SECRET;
const app = express();
app.use(express.json());
app.use(
  expressSession({
    secret,
    name: 'session',
    resave: false,
    saveUninitialized: false,
    store: new Store(process.env.COATCHECK_STORE, { secret, encrypt: process.env.ENCRYPT === 'required' }),
  }),
);

const dataOf = ({ session: { cookie, ...data } }) => data;
app.get('/session', (req, res) => res.json(dataOf(req)));
app.put('/session', (req, res) => {
  Object.assign(req.session, req.body.set);
  res.json(dataOf(req));
});
app.delete('/session', (req, res, next) => {
  req.session.destroy((error) => (error ? next(error) : res.json({})));
});

app.listen(Number(process.env.PORT), '127.0.0.1');
