'use strict';

// After a login has renewed a session's id: who still sends the old one gets nothing of it, at once, for it may be a
// planted one; what a request that had read the session before writes is not lost (docs/decisions/0046).

const assert = require('node:assert/strict');
const { test, describe } = require('node:test');
const { Redis, fileStore, gate, memoryStore, start } = require('./support.js');

const STORES = {
  memory: () => memoryStore(),
  file: (t) => fileStore(t),
  redis: async (t) => `${(await Redis.start(t)).url}?timeout=5000`,
};

for (const [kind, makeStore] of Object.entries(STORES))
  describe(`a renewed id, ${kind}`, () => {
    async function open(t) {
      const [reached, go] = [gate(), gate()];
      const browser = await start(
        t,
        {
          '/write': (req, res) => {
            req.session.cart = ['tea'];
            res.end();
          },
          '/login': async (req, res) => {
            await req.session.regenerate({ keep: true });
            req.session.user = 'ann';
            res.end();
          },
          '/slow': async (req, res) => {
            req.session.cart.push('milk');
            req.session.user = 'planted';
            reached.open();
            await go.opened;
            res.json({ user: req.session.user });
          },
          '/read': (req, res) => res.json({ user: req.session.user, cart: req.session.cart }),
        },
        { store: await makeStore(t) },
      );
      return { browser, reached, go };
    }

    test('a new request with the old id is a stranger, from the first moment on', async (t) => {
      const { browser } = await open(t);
      await browser.get('/write');
      const planted = browser.clone(); // whoever planted the id has it, too
      await browser.get('/login');
      assert.deepEqual(await planted.json('/read'), {});
      await planted.get('/write'); // and can't write into what was renewed
      assert.deepEqual(await browser.json('/read'), { user: 'ann', cart: ['tea'] });
    });

    test('a request that was under way writes into the renewed session, and undoes nothing that the login set', async (t) => {
      const { browser, reached, go } = await open(t);
      await browser.get('/write');
      const planted = browser.clone();
      const slow = planted.get('/slow');
      await reached.opened;
      await browser.get('/login');
      go.open();
      const { setCookie } = await slow;
      assert.deepEqual(setCookie, []); // it gets no cookie for what it did not log into
      assert.deepEqual(await browser.json('/read'), { user: 'ann', cart: ['tea', 'milk'] });
      assert.deepEqual(await planted.json('/read'), {});
    });
  });
