'use strict';

// One program on the middleware of any member of a fleet, and what the tests of layouts see of its records: express-session
// with connect-redis or connect-pg-simple on one side, coatcheck on the other.

const assert = require('node:assert/strict');
const express = require('express');
const { Browser, serve } = require('./support.js');

const NAME = 'connect.sid';
const slow = {}; // gates: `reached` is opened by a request to /slow, which waits for `go`

function application(t, middleware) {
  const app = express();
  app.use(middleware);
  app.get('/untouched', (_req, res) => res.end());
  app.get('/read', (req, res) => {
    const { cookie, ...data } = req.session;
    res.json(data);
  });
  app.get('/set', (req, res) => {
    for (const [name, value] of Object.entries(req.query)) req.session[name] = JSON.parse(value);
    res.json(req.session.id);
  });
  app.get('/slow', async (req, res) => {
    for (const [name, value] of Object.entries(req.query)) req.session[name] = JSON.parse(value);
    slow.reached.open();
    await slow.go.opened;
    res.end();
  });
  app.get('/login', (req, res, next) =>
    req.session.regenerate((error) => {
      if (error) return next(error);
      req.session.user = req.query.user;
      res.json(req.session.id);
    }),
  );
  app.get('/logout', (req, res, next) => req.session.destroy((error) => (error ? next(error) : res.end())));
  app.get('/list', async (req, res) => {
    const store = req.sessionStore;
    res.json({ all: await store.all(), length: await store.length(), ids: await store.ids?.() });
  });
  app.get('/age', (req, res) => {
    req.session.cookie.maxAge = Number(req.query.ms);
    req.session.aged = true;
    res.end();
  });
  return serve(t, app);
}

const at = (browser, url) => new Browser(url, browser.jar);
const idOf = (browser) => decodeURIComponent(browser.jar.get(NAME)).slice(2).split('.')[0];

// A record with its cookie's date as a distance from now, in steps of `step` ms. An age that was set loses a millisecond
// when one ends between the peer's two looks at the clock.
function timeless(record, step) {
  return record
    .replace(/("expires":")([^"]+)(")/, (_, before, date, after) => {
      assert.match(date, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      return `${before}+${Math.round((new Date(date) - Date.now()) / step)}${after}`;
    })
    .replace(/(?<="originalMaxAge":)\d+/, (age) => Math.ceil(age / 1000) * 1000);
}

module.exports = { NAME, application, at, idOf, slow, timeless };
