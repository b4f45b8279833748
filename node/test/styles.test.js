'use strict';

// Ways to answer, and to ask, over {Express 4, Express 5, http, http2} × {a store that answers at once, a remote one}:
// each answer is the one that the same application gives without a session, and the session is stored by then.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const http2 = require('node:http2');
const net = require('node:net');
const path = require('node:path');
const { Readable, pipeline } = require('node:stream');
const { test, describe, before, after } = require('node:test');
const { Redis, SECRET, memoryStore, session } = require('./support.js');

const STORES = { memory: async () => memoryStore(), redis: async (t) => `${(await Redis.start(t)).url}?timeout=5000` };
const FILE = path.resolve(__dirname, '../../docs/guide.md');
const PARTS = Array.from({ length: 40 }, (_, i) => `part ${i} `);
const LARGE = Array.from({ length: 12 }, (_, i) => String(i % 10).repeat(40_000));

async function drainLoop(res, parts) {
  for (const part of parts) if (!res.write(part)) await once(res, 'drain');
  res.end();
}

function sendPart(req, res) {
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(req.headers.range);
  const text = PARTS.join('');
  res.writeHead(206, {
    'Content-Range': `bytes ${from}-${to}/${text.length}`,
    'Content-Length': to - from + 1,
  });
  res.end(text.slice(Number(from), Number(to) + 1));
}

// name → what the application does, how it is asked, and where it makes no sense.
const STYLES = {
  end: [(_req, res) => res.end('body')],
  'end after a while': [(_req, res) => setTimeout(() => res.end('body'), 5)],
  'write and end': [
    (_req, res) => {
      res.write('a');
      setImmediate(() => res.end('b'));
    },
  ],
  'writeHead and end': [(_req, res) => res.writeHead(201, { 'x-a': '1', 'content-type': 'text/plain' }).end('made')],
  cork: [
    (_req, res) => {
      res.cork?.();
      for (const part of PARTS) res.write(part);
      res.uncork?.();
      res.end();
    },
  ],
  'flushHeaders, then a while': [
    (_req, res) => {
      res.flushHeaders();
      setTimeout(() => res.end('later'), 5);
    },
  ],
  'drain loop': [(_req, res) => drainLoop(res, PARTS)],
  'drain loop of large parts': [(_req, res) => drainLoop(res, LARGE)],
  pipe: [(_req, res) => Readable.from(PARTS).pipe(res)],
  'pipe of a file': [(_req, res) => fs.createReadStream(FILE, { highWaterMark: 1000 }).pipe(res)],
  pipeline: [(_req, res) => pipeline(Readable.from(LARGE), res, () => {})],
  'a web stream': [(_req, res) => Readable.fromWeb(new Blob(LARGE).stream()).pipe(res)],
  'server-sent events': [
    async (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const part of PARTS.slice(0, 5)) {
        res.write(`data: ${part}\n\n`);
        await new Promise(setImmediate);
      }
      res.end();
    },
  ],
  trailers: [
    (_req, res) => {
      res.setHeader('Trailer', 'x-sum');
      res.write('body');
      res.addTrailers({ 'x-sum': '42' });
      res.end();
    },
  ],
  'early hints': [
    (_req, res) => {
      res.writeEarlyHints({ link: '</a.css>; rel=preload' });
      setImmediate(() => res.end('body'));
    },
  ],
  'a status without a body, 204': [(_req, res) => res.writeHead(204).end()],
  'a part, 206': [sendPart, { headers: { range: 'bytes=5-9' } }],
  'not modified, 304': [
    (_req, res) => {
      res.statusCode = 304;
      res.setHeader('ETag', '"x"');
      res.end();
    },
    { headers: { 'if-none-match': '"x"' } },
  ],
  HEAD: [(_req, res) => res.end('body'), { method: 'HEAD' }],
  'HEAD of a stream': [(_req, res) => Readable.from(PARTS).pipe(res), { method: 'HEAD' }],
  'a body that is read first': [
    async (req, res) => {
      let text = '';
      for await (const chunk of req) text += chunk;
      res.end(`got ${text}`);
    },
    { method: 'POST', body: 'some text' },
  ],
  'Expect: 100-continue': [
    (req, res) => req.pipe(res),
    { method: 'POST', headers: { expect: '100-continue', 'content-length': 9 }, body: 'some text' },
    ['http2'],
  ],
  'HTTP/1.0': [(_req, res) => Readable.from(PARTS).pipe(res), { version: '1.0' }, ['http2']],
  'HTTP/1.0, end': [(_req, res) => res.end('body'), { version: '1.0' }, ['http2']],
  sendFile: [(_req, res) => res.sendFile(FILE), {}, ['http', 'http2']],
  'sendFile, a range': [(_req, res) => res.sendFile(FILE), { headers: { range: 'bytes=0-99' } }, ['http', 'http2']],
  'sendFile, a range that can not be': [
    (_req, res) => res.sendFile(FILE, (error) => error && res.status(error.status).end('no such part')),
    { headers: { range: 'bytes=99999999-' } },
    ['http', 'http2'],
  ],
  redirect: [(_req, res) => res.redirect('/elsewhere'), {}, ['http', 'http2']],
  'res.send and its ETag': [(_req, res) => res.send('body'), {}, ['http', 'http2']],
};

// The application: a handler of every path, behind the middleware.
const KINDS = {
  express4: (middleware, handler) => require('express4')().use(middleware).use(handler),
  express5: (middleware, handler) => require('express')().use(middleware).use(handler),
  http: (middleware, handler) => (req, res) => middleware(req, res, () => handler(req, res)),
  http2: (middleware, handler) => (req, res) => middleware(req, res, () => handler(req, res)),
};

const CLIENTS = {
  async http1(port, { method = 'GET', headers = {}, body, version } = {}) {
    if (version !== undefined) return raw(port, method, headers, version);
    const request = http.request({ port, host: '127.0.0.1', method, headers, agent: false });
    const hints = [];
    request.on('information', ({ statusCode, headers: given }) => hints.push([statusCode, given.link]));
    if (headers.expect === undefined) request.end(body);
    else request.flushHeaders();
    request.on('continue', () => request.end(body));
    const [response] = await once(request, 'response', { signal: AbortSignal.timeout(5000) });
    const text = await textOf(response);
    return { status: response.statusCode, headers: response.headers, trailers: response.trailers, hints, text };
  },
  async http2(port, { method = 'GET', headers = {}, body } = {}) {
    const client = http2.connect(`http://127.0.0.1:${port}`);
    try {
      const stream = client.request({ ':method': method, ':path': '/', ...headers });
      const hints = [];
      let trailers = {};
      stream.on('headers', (given) => hints.push([given[':status'], given.link]));
      stream.on('trailers', (given) => {
        trailers = { ...given };
      });
      stream.end(body);
      const [answered] = await once(stream, 'response', { signal: AbortSignal.timeout(5000) });
      const text = await textOf(stream);
      const { ':status': status, ...rest } = answered;
      return { status, headers: { ...rest }, trailers, hints, text };
    } finally {
      client.close();
    }
  },
};

async function textOf(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function raw(port, method, headers, version) {
  const socket = net.connect(port, '127.0.0.1');
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`${method} / HTTP/${version}\r\n${lines.join('')}\r\n`);
  const text = await textOf(socket);
  const end = text.indexOf('\r\n\r\n');
  const [first, ...rest] = text.slice(0, end).split('\r\n');
  const found = Object.fromEntries(
    rest.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
  );
  const cookies = found['set-cookie'];
  if (cookies !== undefined) found['set-cookie'] = [cookies];
  return { status: Number(first.split(' ')[1]), headers: found, trailers: {}, hints: [], text: text.slice(end + 4) };
}

// But for what the session adds, and what may change from one answer to the next.
function others({ headers, ...answer }) {
  const { 'set-cookie': _c, 'cache-control': cache, vary: _v, date: _d, ...rest } = headers;
  const own = cache === 'no-store' || cache === undefined ? {} : { 'cache-control': cache };
  return { ...answer, headers: { ...rest, ...own } };
}

for (const [store, makeStore] of Object.entries(STORES))
  describe(`styles, ${store}`, () => {
    let middleware;
    const cleanups = [];
    before(async () => {
      middleware = session({ secret: SECRET, store: await makeStore({ after: (one) => cleanups.push(one) }) });
    });
    after(() => Promise.all(cleanups.map((one) => one())));

    for (const [kind, build] of Object.entries(KINDS)) {
      const ask = kind === 'http2' ? CLIENTS.http2 : CLIENTS.http1;
      const serve = async (t, handler) => {
        const server = (kind === 'http2' ? http2 : http).createServer(handler);
        server.listen(0, '127.0.0.1');
        await once(server, 'listening');
        t.after(() => {
          server.closeAllConnections?.();
          server.close();
        });
        return server.address().port;
      };
      const pass = (_req, _res, next) => next();
      const look = (req, res) => res.end(JSON.stringify({ n: req.session.n }));

      for (const [name, [handler, request = {}, except = []]] of Object.entries(STYLES)) {
        if (except.includes(kind)) continue;
        test(`${kind}: ${name}`, async (t) => {
          const plain = await serve(t, build(pass, handler));
          const written = build(middleware, (req, res) => {
            req.session.n = (req.session.n ?? 0) + 1;
            return handler(req, res);
          });
          const port = await serve(t, written);
          const looking = await serve(t, build(middleware, look));
          const expected = others(await ask(plain, request));
          const got = await ask(port, request);
          assert.deepEqual(others(got), expected);
          assert.equal(got.headers['set-cookie']?.length, 1);
          const cookie = got.headers['set-cookie'][0].split(';')[0];
          assert.equal((await ask(looking, { headers: { cookie } })).text, '{"n":1}');
          const again = await ask(port, { ...request, headers: { ...request.headers, cookie } });
          assert.deepEqual(others(again), expected);
          assert.equal(again.headers['set-cookie'], undefined);
          assert.equal((await ask(looking, { headers: { cookie } })).text, '{"n":2}');
        });
      }

      test(`${kind}: a client that leaves in the middle of a body`, async (t) => {
        let closed = 0;
        const port = await serve(
          t,
          build(middleware, async (req, res) => {
            if (req.url === '/n') return look(req, res);
            req.session.n = 1;
            res.on('close', () => {
              closed += 1;
            });
            res.write('x'.repeat(100_000));
            if (!res.write('x'.repeat(5_000_000))) await Promise.race([once(res, 'drain'), once(res, 'close')]);
            return res.end('y');
          }),
        );
        const leave = async () => {
          if (kind === 'http2') {
            const client = http2.connect(`http://127.0.0.1:${port}`);
            const stream = client.request({ ':path': '/' });
            await once(stream, 'data');
            client.destroy();
          } else {
            const request = http.get({ port, host: '127.0.0.1', agent: false });
            request.on('error', () => {});
            const [response] = await once(request, 'response');
            response.on('error', () => {});
            await once(response, 'data');
            request.destroy();
          }
        };
        for (let i = 0; i < 5; ++i) await leave();
        while (closed < 5) await new Promise(setImmediate);
        const client = kind === 'http2' ? http2.connect(`http://127.0.0.1:${port}`) : undefined;
        t.after(() => client?.destroy());
        const text =
          client === undefined
            ? await textOf((await once(http.get({ port, host: '127.0.0.1', path: '/n', agent: false }), 'response'))[0])
            : await textOf(client.request({ ':path': '/n' }));
        assert.equal(text, '{}');
      });

      if (kind !== 'http2')
        test(`${kind}: three requests in one packet are answered in order`, async (t) => {
          const port = await serve(
            t,
            build(middleware, (req, res) => {
              req.session.n = Number(req.url.slice(1));
              res.end(`<${req.url.slice(1)}>`);
            }),
          );
          const socket = net.connect(port, '127.0.0.1');
          const one = (n, more = '') => `GET /${n} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
          socket.write(one(1) + one(2) + one(3, 'Connection: close\r\n'));
          const text = await textOf(socket);
          assert.deepEqual(text.match(/<\d>/g), ['<1>', '<2>', '<3>']);
          assert.equal(text.match(/Set-Cookie: session=/g).length, 3);
        });
    }
  });
