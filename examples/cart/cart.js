// The cart in Express.
//
// Each item is a top-level key of the session ("item:tea": 2). Changes to different keys are merged, so
// two columns that add at the same moment both succeed.

const express = require('express');
const session = require('coatcheck');
const { setTimeout: sleep } = require('node:timers/promises');

const app = express();
app.use(express.json());
app.use(session({ secret: process.env.COATCHECK_SECRET, store: process.env.COATCHECK_STORE }));

function cartOf(req) {
  const entries = Object.entries(req.session).filter(([key]) => key.startsWith('item:'));
  return {
    items: Object.fromEntries(entries.map(([key, count]) => [key.slice(5), count])),
    user: req.session.user ?? null,
  };
}

app.get('/cart', (req, res) => {
  res.json(cartOf(req));
});

app.post('/cart', (req, res) => {
  const key = `item:${req.body.item}`;
  req.session[key] = (req.session[key] ?? 0) + 1;
  res.json(cartOf(req));
});

// Who logs in gets a new session id; the cart comes along.
app.post('/login', async (req, res) => {
  await req.session.regenerate({ keep: true });
  req.session.user = req.body.user;
  res.json(cartOf(req));
});

app.post('/logout', async (req, res) => {
  await req.session.destroy();
  res.json({ items: {}, user: null });
});

// Writes at its end. If somebody logged out meanwhile, nothing is written.
app.get('/slow', async (req, res) => {
  req.session.slow = 'written by Express';
  await sleep(Number(req.query.ms));
  res.json({ done: true });
});

app.listen(Number(process.env.PORT), '127.0.0.1');
