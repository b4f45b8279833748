'use strict';

// Applications inside applications. Express gives each request and response the prototypes of the application that
// handles it, so a sub-application of another copy of Express (or of another version) changes both on the way.

const assert = require('node:assert/strict');
const { test, describe } = require('node:test');
const vhost = require('vhost');
const { Browser, Redis, SECRET, memoryStore, serve, session } = require('./support.js');

const COPIES = { express4: require('express4'), express5: require('express') };
const STORES = { memory: () => memoryStore(), redis: async (t) => (await Redis.start(t)).url };

// How an application gets to its sub-application.
const MOUNTS = {
  'a function': (outer, _express, sub) => outer.use((req, res, next) => sub(req, res, next)),
  use: (outer, _express, sub) => outer.use(sub),
  'use below a path': (outer, _express, sub) => outer.use('/', (req, res, next) => sub.handle(req, res, next)),
  'a router': (outer, express, sub) => outer.use(express.Router().use(sub)),
  vhost: (outer, _express, sub) => outer.use(vhost('127.0.0.1', sub)),
};

const visit = (req, res) => {
  req.session.n = (req.session.n ?? 0) + 1;
  res.json({ n: req.session.n, same: req.sessionID === req.session.id, store: typeof req.sessionStore?.get });
};

function routes(app, before = '') {
  app.get(`${before}/visit`, visit);
  app.get(`${before}/saved`, async (req, res) => {
    req.session.n = (req.session.n ?? 0) + 1;
    await req.session.save();
    res.json({ n: req.session.n });
  });
  app.get(`${before}/renew`, async (req, res) => {
    await req.session.regenerate();
    req.session.n = 100;
    res.redirect('/visit');
  });
  app.get(`${before}/stream`, (req, res) => {
    req.session.n = (req.session.n ?? 0) + 1;
    res.writeHead(200, { 'X-A': '1' });
    res.write('a');
    res.end('b');
  });
  app.get(`${before}/out`, async (req, res) => {
    await req.session.destroy();
    res.end('out');
  });
}

for (const [kind, makeStore] of Object.entries(STORES)) {
  for (const [outerName, outerCopy] of Object.entries(COPIES)) {
    for (const [subName, subCopy] of Object.entries(COPIES)) {
      describe(`${subName} in ${outerName}, ${kind}`, () => {
        for (const [mount, put] of Object.entries(MOUNTS)) {
          test(mount, async (t) => {
            const outer = outerCopy().use(session({ secret: SECRET, store: await makeStore(t) }));
            const sub = subCopy();
            routes(sub);
            put(outer, outerCopy, sub);
            routes(outer, '/outer'); // the sub-application falls through to these
            const browser = new Browser(await serve(t, outer));

            const first = await browser.get('/visit');
            assert.deepEqual(JSON.parse(first.body), { n: 1, same: true, store: 'function' });
            assert.equal(first.setCookie.length, 1);
            assert.equal((await browser.json('/visit')).n, 2);
            assert.equal((await browser.json('/saved')).n, 3);
            assert.equal((await browser.get('/stream')).body, 'ab');
            assert.deepEqual(await browser.json('/outer/visit'), { n: 5, same: true, store: 'function' });
            assert.equal((await browser.get('/renew')).setCookie.length, 1);
            assert.equal((await browser.json('/visit')).n, 101);
            assert.match((await browser.get('/out')).setCookie[0], /^session=;/);
            const fresh = await browser.get('/outer/visit');
            assert.equal(JSON.parse(fresh.body).n, 1);
            assert.equal(fresh.setCookie.length, 1);
          });
        }

        test('the session in the sub-application, and the error handler in the outer one', async (t) => {
          const outer = outerCopy();
          const sub = subCopy().use(session({ secret: SECRET, store: await makeStore(t) }));
          routes(sub);
          sub.get('/bad', (req, res) => {
            req.session.bad = 1n;
            res.send('no');
          });
          outer.use((req, res, next) => sub(req, res, next));
          outer.get('/late', visit);
          outer.use((error, _req, res, _next) => res.status(500).send(error.code));
          const browser = new Browser(await serve(t, outer));
          assert.equal((await browser.json('/visit')).n, 1);
          assert.equal((await browser.json('/late')).n, 2);
          const bad = await browser.get('/bad');
          assert.deepEqual([bad.status, bad.body], [500, 'ERR_NOT_SERIALISABLE']);
          assert.equal((await browser.json('/late')).n, 3);
        });
      });
    }
  }
}
