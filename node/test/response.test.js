'use strict';

// The response is what the application wrote, byte for byte and in order, on a store that answers at once and on a
// remote one, where every call is held back until the session is stored.

const assert = require('node:assert/strict');
const http = require('node:http');
const net = require('node:net');
const { Readable } = require('node:stream');
const { once } = require('node:events');
const { test, describe, before, after } = require('node:test');
const { Browser, FRAMEWORKS, Redis, SECRET, memoryStore, serve, session, start } = require('./support.js');

const STORES = { memory: async () => memoryStore(), redis: async (t) => (await Redis.start(t)).url };

for (const [kind, makeStore] of Object.entries(STORES)) {
  describe(`a response on ${kind}`, () => {
    let middleware;
    const cleanups = [];
    before(async () => {
      const store = await makeStore({ after: (cleanup) => cleanups.push(cleanup) });
      middleware = session({ secret: SECRET, store });
    });
    after(() => Promise.all(cleanups.map((cleanup) => cleanup())));

    // Serves one handler, on plain http, that has changed its session.
    const answer = async (t, handler, options = {}) => {
      const app = FRAMEWORKS.http(middleware, {
        '/': (req, res) => {
          req.session.n = 1;
          return handler(req, res);
        },
      });
      return new Browser(await serve(t, app)).get('/', options);
    };
    const plain = async (t, handler, options) => {
      const browser = new Browser(await serve(t, handler));
      return browser.get('/', options);
    };
    // The same headers but for the session's own.
    const others = ({ headers }) => {
      const { 'set-cookie': _c, vary: _v, 'cache-control': _n, date: _d, ...rest } = headers;
      return rest;
    };

    const RESPONSES = {
      'end()': (_req, res) => res.end(),
      'end(text)': (_req, res) => res.end('body'),
      'end(text, encoding)': (_req, res) => res.end('626f6479', 'hex'),
      'end(buffer)': (_req, res) => res.end(Buffer.from('body')),
      'end(null)': (_req, res) => res.end(null),
      'write and end': (_req, res) => {
        res.write('a');
        res.write('b', 'utf8');
        res.end('c');
      },
      'Content-Length': (_req, res) => {
        res.setHeader('Content-Length', 4);
        res.write('bo');
        res.end('dy');
      },
      'writeHead and end': (_req, res) => res.writeHead(201, { 'X-A': 'b' }).end('made'),
      'writeHead with a reason and raw headers': (_req, res) => {
        res.writeHead(202, 'Fine', ['X-A', '1', 'X-B', '2']);
        res.end('x');
      },
      'status and headers set before': (_req, res) => {
        res.statusCode = 404;
        res.setHeader('X-A', ['1', '2']);
        res.end('no');
      },
      flushHeaders: (_req, res) => {
        res.flushHeaders();
        res.end('later');
      },
      204: (_req, res) => res.writeHead(204).end(),
      'a stream': (_req, res) => Readable.from(['a', 'b'.repeat(100_000), 'c'.repeat(100_000)]).pipe(res),
      trailers: (_req, res) => {
        res.setHeader('Trailer', 'X-T');
        res.write('x');
        res.addTrailers({ 'X-T': '1' });
        res.end();
      },
    };
    for (const [name, handler] of Object.entries(RESPONSES)) {
      test(`${name}: as without a session`, async (t) => {
        const expected = await plain(t, handler);
        const got = await answer(t, handler);
        assert.equal(got.status, expected.status);
        assert.equal(got.body, expected.body);
        assert.deepEqual(others(got), others(expected));
        assert.equal(got.setCookie.length, 1);
      });
    }

    test('HEAD has the headers and no body', async (t) => {
      const got = await answer(t, (_req, res) => res.end('body'), { method: 'HEAD' });
      assert.equal(got.body, '');
      assert.equal(got.setCookie.length, 1);
    });

    test('304 of Express keeps its meaning', async (t) => {
      const express = require('express');
      const app = express().use(middleware);
      app.get('/', (req, res) => res.send(String(req.session.n)));
      const browser = new Browser(await serve(t, app));
      const { etag } = (await browser.get('/')).headers;
      const again = await browser.get('/', { headers: { 'if-none-match': etag } });
      assert.equal(again.status, 304);
      assert.equal(again.body, '');
    });

    test('callbacks run and calls answer what they should', async (t) => {
      const seen = [];
      await answer(t, (_req, res) => {
        const wrote = res.write('a', () => seen.push('write'));
        seen.push(typeof wrote);
        const ended = res.end('b', 'utf8', () => seen.push('end'));
        seen.push(ended === res, res.headersSent, res.writableEnded);
      });
      assert.deepEqual(seen, ['boolean', true, true, true, 'write', 'end']);
    });

    test('headers that come too late are refused as ever', async (t) => {
      let thrown;
      await answer(t, (_req, res) => {
        res.end('x');
        try {
          res.setHeader('X-Late', '1');
        } catch (error) {
          thrown = error.code;
        }
      });
      assert.equal(thrown, 'ERR_HTTP_HEADERS_SENT');
    });

    test('the session is stored before the client has the first byte', async (t) => {
      const app = FRAMEWORKS.http(middleware, {
        '/': (req, res) => {
          req.session.n = (req.session.n ?? 0) + 1;
          res.write(`${req.session.n} `);
          // The rest of the body never comes: the head alone must do.
        },
      });
      const url = new URL(await serve(t, app));
      const first = http.get(url);
      const [response] = await once(first, 'response');
      const cookie = response.headers['set-cookie'][0].split(';')[0];
      const [chunk] = await once(response, 'data');
      assert.equal(chunk.toString(), '1 ');
      const second = http.get(url, { headers: { cookie } });
      const [again] = await once(second, 'response');
      assert.equal((await once(again, 'data'))[0].toString(), '2 ');
      first.destroy();
      second.destroy();
    });

    test('cookies and Cache-Control of the application are kept, Vary is added to', async (t) => {
      const got = await answer(t, (_req, res) => {
        res.setHeader('Set-Cookie', 'a=1');
        res.setHeader('Vary', 'Accept');
        res.writeHead(200, { 'Set-Cookie': ['b=2', 'c=3'], 'Cache-Control': 'private' });
        res.end();
      });
      assert.deepEqual(
        got.setCookie.map((line) => line.split('=')[0]),
        ['b', 'c', 'session'],
      );
      assert.equal(got.headers.vary, 'Accept, Cookie');
      assert.equal(got.headers['cache-control'], 'private');
    });

    test('Vary: Cookie when the session was read; no-store when its cookie is set', async (t) => {
      const app = FRAMEWORKS.http(middleware, {
        '/untouched': (_req, res) => res.end(),
        '/read': (req, res) => res.end(String(req.session.n)),
        '/write': (req, res) => {
          req.session.n = 1;
          res.end();
        },
      });
      const browser = new Browser(await serve(t, app));
      const untouched = await browser.get('/untouched');
      assert.deepEqual([untouched.headers.vary, untouched.headers['cache-control']], [undefined, undefined]);
      const read = await browser.get('/read');
      assert.deepEqual([read.headers.vary, read.headers['cache-control']], ['Cookie', undefined]);
      const written = await browser.get('/write');
      assert.deepEqual([written.headers.vary, written.headers['cache-control']], ['Cookie', 'no-store']);
    });

    test('a cookie that is sent without anybody looking keeps the response out of caches', async (t) => {
      const rolling = session({ secret: SECRET, store: await makeStore(t), rolling: true });
      const app = FRAMEWORKS.http(rolling, {
        '/write': (req, res) => {
          req.session.n = 1;
          res.end();
        },
        '/untouched': (_req, res) => res.end(),
      });
      const browser = new Browser(await serve(t, app));
      await browser.get('/write');
      const { headers } = await browser.get('/untouched');
      assert.ok(headers['set-cookie']);
      assert.deepEqual([headers.vary, headers['cache-control']], ['Cookie', 'no-store']);
    });

    test('a stream that is sent before its commit fails does not reach the client', async (t) => {
      const app = FRAMEWORKS.http(middleware, {
        '/': (req, res) => {
          req.session.bad = 1n;
          Readable.from(['secret part one', 'secret part two']).pipe(res);
        },
      });
      const got = await new Browser(await serve(t, app)).get('/');
      assert.equal(got.status, 500);
      assert.equal(got.body, 'error: ERR_NOT_SERIALISABLE');
    });

    test('an explicit writeHead whose commit fails is not sent', async (t) => {
      const app = FRAMEWORKS.http(middleware, {
        '/': (req, res) => {
          req.session.bad = 1n;
          res.writeHead(200, { 'Content-Length': 5 });
          res.write('12');
          res.end('345');
        },
      });
      const got = await new Browser(await serve(t, app)).get('/');
      assert.equal(got.status, 500);
      assert.equal(got.body, 'error: ERR_NOT_SERIALISABLE');
    });

    test('wrong use of the response is reported as ever', async (t) => {
      const errors = [];
      const express = require('express');
      const app = express().use(middleware);
      app.get('/', (req, res) => {
        req.session.n = 1;
        res.writeHead(9999);
        res.end();
      });
      app.use((error, _req, res, _next) => {
        errors.push(error.code);
        res.status(500).end('told');
      });
      const got = await new Browser(await serve(t, app)).get('/');
      assert.deepEqual([got.status, got.body, errors], [500, 'told', ['ERR_HTTP_INVALID_STATUS_CODE']]);
    });

    test('a client that leaves while its session is stored harms nothing', async (t) => {
      const reached = [];
      const app = FRAMEWORKS.http(middleware, {
        '/': (req, res) => {
          req.session.n = 1;
          req.socket.destroy();
          res.end('nobody reads this');
          reached.push(true);
        },
        '/alive': (_req, res) => res.end('yes'),
      });
      const url = await serve(t, app);
      const socket = net.connect(new URL(url).port, '127.0.0.1', () =>
        socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      );
      socket.on('error', () => {});
      await once(socket, 'close');
      assert.equal((await new Browser(url).get('/alive')).body, 'yes');
      assert.equal(reached.length, 1);
    });

    test('methods that others wrap, before and after, still run', async (t) => {
      const calls = [];
      const wrap = (name) => (_req, res, next) => {
        const end = res.end;
        res.end = function wrapped(...args) {
          calls.push(name);
          return end.apply(this, args);
        };
        next();
      };
      const express = require('express');
      const app = express().use(wrap('before'), middleware, wrap('after'));
      app.get('/', (req, res) => {
        req.session.n = 1;
        res.send('x');
      });
      const got = await new Browser(await serve(t, app)).get('/');
      assert.equal(got.body, 'x');
      assert.equal(got.setCookie.length, 1);
      assert.deepEqual(calls, ['after', 'before']);
    });

    test('nobody awaits destroy() and its callback: the response waits, and the cookie is cleared', async (t) => {
      const app = FRAMEWORKS.http(middleware, {
        '/write': (req, res) => {
          req.session.n = 1;
          res.end();
        },
        '/out': (req, res) => {
          req.session.destroy();
          res.end();
        },
      });
      const browser = new Browser(await serve(t, app));
      await browser.get('/write');
      assert.match((await browser.get('/out')).setCookie[0], /^session=;/);
    });
  });
}

describe('after the end of a response', () => {
  for (const [kind, makeStore] of Object.entries(STORES)) {
    test(`a second end and a write do nothing, and tell their callbacks: ${kind}`, async (t) => {
      const told = [];
      const browser = await start(
        t,
        {
          '/': (req, res) => {
            req.session.n = 1;
            res.end('first');
            res.end('second');
            res.write('third', (error) => told.push(error?.code));
            res.end('fourth', (error) => told.push(error?.code));
          },
        },
        { store: await makeStore(t) },
      );
      assert.equal((await browser.get('/')).body, 'first');
      assert.deepEqual(told, ['ERR_STREAM_ALREADY_FINISHED', 'ERR_STREAM_ALREADY_FINISHED']);
    });
  }
});
