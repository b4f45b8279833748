'use strict';

// What the middleware leaves on the objects of a request, and how long it holds them: an application must not be
// able to tell that a session is there, but by the session.

const assert = require('node:assert/strict');
const http = require('node:http');
const { PerformanceObserver, constants } = require('node:perf_hooks');
const { test, describe } = require('node:test');
const { Browser, FRAMEWORKS, SECRET, memoryStore, serve, session } = require('./support.js');

const pass = (_req, _res, next) => next();

// Each own property with its attributes, in order.
function propertiesOf(object) {
  const all = Object.getOwnPropertyDescriptors(object);
  return Reflect.ownKeys(all).map((name) => {
    const { enumerable, configurable, writable } = all[name];
    return [name, enumerable, configurable, writable].map(String).join(' ');
  });
}

describe('own properties of Express objects', () => {
  for (const framework of ['express5', 'express4']) {
    const seen = async (t, middleware) => {
      let found;
      const routes = {
        '/': (req, res) => {
          found = { req: propertiesOf(req), res: propertiesOf(res) };
          res.end('ok');
        },
      };
      await new Browser(await serve(t, FRAMEWORKS[framework](middleware, routes))).get('/');
      return found;
    };

    test(`${framework}: a session adds what it shows, what it wraps and nothing else`, async (t) => {
      const without = await seen(t, pass);
      const found = await seen(t, session({ secret: SECRET, store: memoryStore() }));
      const added = (name) => found[name].filter((line) => !without[name].includes(line)).map((l) => l.split(' ')[0]);
      assert.deepEqual(added('req'), ['session', 'sessionID', 'sessionStore']);
      assert.deepEqual(added('res').sort(), ['end', 'flushHeaders', 'write', 'writeHead']);
      for (const name of ['req', 'res']) {
        assert.deepEqual(
          found[name].filter((line) => without[name].includes(line)),
          without[name],
        );
      }
    });
  }

  test('what a stand-in for a request lacks is not added', async () => {
    await new Promise((resolve, reject) => {
      const app = FRAMEWORKS.express5(session({ secret: SECRET, store: memoryStore() }), {
        '/': (req) => {
          try {
            assert.ok(req.session);
            assert.ok(!Object.hasOwn(req, 'complete'));
            resolve();
          } catch (error) {
            reject(error);
          }
        },
      });
      const req = Object.assign(Object.create(http.IncomingMessage.prototype), {
        url: '/',
        method: 'GET',
        headers: {},
        socket: {},
      });
      app(req, new http.ServerResponse(req));
    });
  });
});

test('a request derived from one whose session has ended gets a session of its own', async (t) => {
  const middleware = session({ secret: SECRET, store: memoryStore() });
  const app = FRAMEWORKS.express5(middleware, {
    '/in': (req, res) => {
      req.session.n = 1;
      res.end('ok');
    },
    '/again': async (req, res, next) => {
      await req.session.destroy();
      const derived = Object.create(req);
      middleware(derived, res, (error) => {
        if (error) return next(error);
        derived.session.n = 2;
        return res.end('ok');
      });
    },
    '/n': (req, res) => res.end(String(req.session.n)),
  });
  const browser = new Browser(await serve(t, app));
  await browser.get('/in');
  assert.equal((await browser.get('/again')).status, 200);
  assert.equal((await browser.get('/n')).body, '2');
});

test('requests die young: sessions hold none of them until a full collection', async () => {
  const middleware = session({ secret: SECRET, store: memoryStore() });
  const full = [];
  const observer = new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries()) {
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) full.push(detail);
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  // 400 MB in all: kept, they would fill the heap many times over.
  for (let batch = 0; batch < 200; ++batch) {
    for (let i = 0; i < 100; ++i) {
      const req = { headers: {}, url: '/', method: 'GET', ballast: new Array(2500).fill(batch) };
      const res = Object.assign(Object.create(http.ServerResponse.prototype), { req });
      middleware(req, res, () => req.session);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  observer.disconnect();
  assert.ok(full.length <= 3, `${full.length} full collections`);
});
