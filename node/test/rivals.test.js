'use strict';

// Two live sessions in one request, each from another configuration of the cookie: neither counts, and a login or logout
// ends both, so that the next request has one or none.

const assert = require('node:assert/strict');
const { test, describe } = require('node:test');
const { Redis, fileStore, memoryStore, start } = require('./support.js');

const ROUTES = {
  '/write': (req, res) => {
    req.session.user = req.query.user;
    res.end();
  },
  '/login': async (req, res) => {
    await req.session.regenerate();
    req.session.user = 'cat';
    res.end();
  },
  '/logout': async (req, res) => {
    await req.session.destroy();
    res.end();
  },
  '/read': (req, res) => res.json({ user: req.session.user }),
};

const STORES = {
  memory: () => memoryStore(),
  file: (t) => fileStore(t),
  redis: async (t) => `${(await Redis.start(t)).url}?timeout=5000`,
};

for (const [kind, makeStore] of Object.entries(STORES))
  describe(`two live sessions in one request, ${kind}`, () => {
    async function two(t) {
      const store = await makeStore(t);
      const browser = await start(t, ROUTES, { store, cookie: { domain: 'shop.example' } });
      const make = async (user) => {
        browser.jar.clear();
        return (await browser.get(`/write?user=${user}`)).setCookie[0].split(';')[0];
      };
      const cookies = [await make('ann'), await make('bob')];
      browser.jar.clear();
      const user = async (cookie) => (await browser.json('/read', { headers: { cookie } })).user;
      const both = cookies.join('; ');
      assert.equal(await user(both), undefined);
      assert.equal(await user(cookies[0]), 'ann');
      return { browser, cookies, both, user };
    }

    for (const path of ['/login', '/write?user=cat']) {
      test(`${path} ends both, and counts`, async (t) => {
        const { browser, cookies, both, user } = await two(t);
        const { setCookie } = await browser.get(path, { headers: { cookie: both } });
        assert.equal(setCookie.length, 2);
        assert.match(setCookie[0], /^session=; Path=\/; Expires=Thu, 01 Jan 1970/); // host-only, of an older configuration
        assert.match(setCookie[1], /^session=s%3A[^;]+; Domain=shop\.example;/);
        for (const cookie of cookies) assert.equal(await user(cookie), undefined);
        assert.equal(await user(`${cookies[0]}; ${setCookie[1].split(';')[0]}; ${cookies[1]}`), 'cat');
      });
    }

    test('a logout ends both, and clears each form', async (t) => {
      const { browser, cookies, both, user } = await two(t);
      const { setCookie } = await browser.get('/logout', { headers: { cookie: both } });
      assert.deepEqual(
        setCookie.map((line) => /^session=; (Domain=shop\.example; )?Path=\/; Expires=Thu, 01 Jan 1970/.test(line)),
        [true, true],
      );
      for (const cookie of cookies) assert.equal(await user(cookie), undefined);
    });
  });
