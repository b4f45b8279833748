'use strict';

// The response operations on http2's compatibility layer, on a store that answers in the call and on a remote one, which
// holds the response back.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const http2 = require('node:http2');
const { test, describe } = require('node:test');
const { Redis, SECRET, memoryStore, session } = require('./support.js');

const STORES = { local: () => memoryStore(), remote: async (t) => (await Redis.start(t)).url };

// Each answers with status 200 and the body "one two".
const ENDINGS = {
  end: (res) => res.end('one two'),
  'end with a callback': (res) => new Promise((resolve) => res.end('one two', resolve)),
  'write and end': (res) => {
    res.write('one ');
    res.end('two');
  },
  'writeHead and end': (res) => res.writeHead(200, { 'x-a': '1' }).end('one two'),
  flushHeaders: (res) => {
    res.flushHeaders();
    res.end('one two');
  },
  'a write after a while': (res) => {
    res.write('one ');
    setImmediate(() => res.end('two'));
  },
  'end twice': (res) => {
    res.end('one two');
    res.end('three');
    res.write('four');
  },
  'what a framework looks at': (res) => {
    assert.equal(res.headersSent, false);
    assert.equal(res.writableEnded, false);
    res.setHeader('x-a', '1');
    res.appendHeader?.('x-a', '2');
    res.removeHeader('x-a');
    res.end('one two');
    assert.equal(res.headersSent, true);
    assert.equal(res.writableEnded, true);
    assert.throws(() => res.setHeader('x-b', '1'), { code: /^ERR_HTTP2?_HEADERS_SENT$|^ERR_HTTP2_INVALID_STREAM$/ });
  },
  trailers: (res) => {
    res.write('one ');
    res.addTrailers({ 'x-t': '1' });
    res.end('two');
  },
};

for (const [kind, makeStore] of Object.entries(STORES)) {
  describe(`http2, ${kind} store`, () => {
    const serve = async (t, handle) => {
      const middleware = session({ secret: SECRET, store: await makeStore(t) });
      const failures = [];
      const server = http2.createServer((req, res) =>
        middleware(req, res, (error) => {
          if (error) {
            failures.push(error);
            res.statusCode = error.status ?? 500;
            res.end('failed');
            return;
          }
          handle(req, res);
        }),
      );
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const client = http2.connect(`http://127.0.0.1:${server.address().port}`);
      t.after(() => {
        client.destroy();
        server.close();
      });
      const get = async (path, cookie) => {
        const stream = client.request({ ':path': path, ...(cookie ? { cookie } : {}) });
        const [headers] = await once(stream, 'response');
        let body = '';
        for await (const chunk of stream.setEncoding('utf8')) body += chunk;
        return { headers, body };
      };
      return { get, failures };
    };

    for (const [name, finish] of Object.entries(ENDINGS)) {
      test(`${name}: new, written again, untouched`, async (t) => {
        let failed;
        const { get } = await serve(t, (req, res) => {
          if (req.url === '/read') return res.end(String(req.session.n));
          if (req.url !== '/untouched') req.session.n = (req.session.n ?? 0) + 1;
          try {
            return finish(res);
          } catch (error) {
            failed = error;
            return res.end();
          }
        });
        const first = await get('/');
        assert.equal(first.headers[':status'], 200);
        assert.equal(first.body, 'one two');
        const cookie = first.headers['set-cookie'][0].split(';')[0];
        assert.equal((await get('/', cookie)).body, 'one two');
        assert.equal((await get('/untouched', cookie)).body, 'one two');
        assert.equal((await get('/read', cookie)).body, '2');
        assert.equal(failed, undefined);
      });
    }

    test('what changes after the first byte is stored at the end', async (t) => {
      const { get } = await serve(t, (req, res) => {
        if (req.url === '/read') return res.end(String(req.session.n));
        req.session.n = 1;
        res.write('one ');
        req.session.n = 2;
        return res.end('two');
      });
      const { headers, body } = await get('/');
      assert.equal(body, 'one two');
      assert.equal((await get('/read', headers['set-cookie'][0].split(';')[0])).body, '2');
    });

    test('what can not be stored is an error that reaches the handler', async (t) => {
      const { get, failures } = await serve(t, (req, res) => {
        req.session.n = 1n;
        res.end('ok');
      });
      const answer = await get('/');
      assert.equal(answer.headers[':status'], 500);
      assert.equal(answer.body, 'failed');
      assert.equal(failures.length, 1);
    });
  });
}
