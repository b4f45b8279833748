'use strict';

// Middlewares that wrap what a response is made of, before and after the session, on a store that answers at once and on
// a remote one, where every call is held back: the answer is the one that the same application gives without a session.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { Readable, Writable, pipeline } = require('node:stream');
const { test, describe, before, after } = require('node:test');
const zlib = require('node:zlib');
const http = require('node:http');
const compression = require('compression');
const morgan = require('morgan');
const onHeaders = require('on-headers');
const responseTime = require('response-time');
const { Redis, SECRET, memoryStore, serve, session } = require('./support.js');

const COPIES = { express4: require('express4'), express5: require('express') };
const STORES = { memory: async () => memoryStore(), redis: async (t) => (await Redis.start(t)).url };
const pass = (_req, _res, next) => next();

const MIDDLEWARES = {
  compression: () => compression({ threshold: 0 }),
  'on-headers': () => (_req, res, next) => {
    onHeaders(res, () => res.setHeader('X-On-Headers', '1'));
    next();
  },
  morgan: () => morgan('tiny', { stream: new Writable({ write: (_chunk, _encoding, done) => done() }) }),
  'response-time': () => responseTime((_req, res) => res.setHeader('X-Time', 'some')),
  'a wrapped end': () => (_req, res, next) => {
    const { end } = res;
    res.end = function wrapped(...args) {
      if (!res.headersSent) res.setHeader('X-End', '1');
      return end.apply(this, args);
    };
    next();
  },
};

const PARTS = Array.from({ length: 50 }, (_, i) => `part ${i} `);
const LARGE = Array.from({ length: 20 }, (_, i) => String(i % 10).repeat(40_000));

async function drainLoop(res, parts) {
  for (const part of parts) if (!res.write(part)) await once(res, 'drain');
  res.end();
}

// Each answers text.
const STYLES = {
  end: (_req, res) => res.end('the body'),
  send: (_req, res) => res.send('the body '.repeat(300)),
  json: (_req, res) => res.status(201).json({ a: 1 }),
  'write and end': (_req, res) => {
    res.write('a');
    res.write('b');
    res.end('c');
  },
  'writeHead, cork': (_req, res) => {
    res.writeHead(202, { 'X-A': '1' });
    res.cork();
    res.write('a');
    res.uncork();
    res.end('b');
  },
  'a pipe of small parts': (_req, res) => Readable.from(PARTS).pipe(res),
  'a pipe of large parts': (_req, res) => Readable.from(LARGE).pipe(res),
  pipeline: (_req, res) => pipeline(Readable.from(PARTS), res, () => {}),
  'a web stream': (_req, res) => Readable.fromWeb(new Blob(PARTS).stream()).pipe(res),
  'a loop that waits for drain': (_req, res) => drainLoop(res, PARTS),
  'a loop of large parts': (_req, res) => drainLoop(res, LARGE),
  'a drain listener from the start': (_req, res) => {
    const parts = [...PARTS];
    const go = () => {
      while (parts.length > 0) if (!res.write(parts.shift())) return;
      res.removeListener('drain', go);
      res.end();
    };
    res.on('drain', go);
    go();
  },
};

async function get(url, { method = 'GET', headers = {} } = {}) {
  const request = http.request(url, { method, headers: { 'accept-encoding': 'gzip', ...headers } }).end();
  const [response] = await once(request, 'response', { signal: AbortSignal.timeout(3_000) });
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  const raw = Buffer.concat(chunks);
  const body = response.headers['content-encoding'] === 'gzip' && raw.length > 0 ? zlib.gunzipSync(raw) : raw;
  return { status: response.statusCode, headers: response.headers, body: body.toString() };
}

// But for what the session adds, and what may change from one answer to the next.
function others({ status, headers, body }) {
  const { 'set-cookie': _c, 'cache-control': _n, date: _d, vary, ...rest } = headers;
  const names = (vary ?? '').split(', ').filter((name) => name !== 'Cookie' && name !== '');
  return { status, body, headers: rest, vary: names };
}

for (const [kind, makeStore] of Object.entries(STORES)) {
  describe(`middlewares, ${kind}`, () => {
    const cleanups = [];
    let middleware;
    before(async () => {
      middleware = session({ secret: SECRET, store: await makeStore({ after: (one) => cleanups.push(one) }) });
    });
    after(() => Promise.all(cleanups.map((one) => one())));

    for (const [framework, express] of Object.entries(COPIES)) {
      const build = (order, style, touch) => {
        const app = express();
        app.use(...order);
        app.get('/n', (req, res) => res.end(String(req.session.n)));
        app.get('/fails', (req, res) => {
          req.session.bad = 1n;
          res.type('text').send('never seen '.repeat(300));
        });
        app.get('/', (req, res) => {
          touch(req);
          res.type('text');
          return style(req, res);
        });
        app.use((error, _req, res, _next) => res.status(500).end(`error: ${error.code}`));
        return app;
      };
      for (const [name, make] of Object.entries(MIDDLEWARES)) {
        for (const place of ['before', 'after']) {
          const order = () => (place === 'before' ? [make(), middleware] : [middleware, make()]);
          test(`${framework}, ${name} ${place} the session`, async (t) => {
            for (const [label, style] of Object.entries(STYLES)) {
              const plain = await serve(
                t,
                build([make()], style, () => {}),
              );
              const write = await serve(
                t,
                build(order(), style, (req) => Object.assign(req.session, { n: 1 })),
              );
              const read = await serve(
                t,
                build(order(), style, (req) => req.session.n),
              );
              const expected = others(await get(`${plain}/`));
              const got = await get(`${write}/`).catch((error) => assert.fail(`${label}: ${error.message}`));
              assert.deepEqual(others(got), expected, label);
              const cookie = got.headers['set-cookie'].map((line) => line.split(';')[0]);
              assert.equal(cookie.length, 1, label);
              assert.equal((await get(`${write}/n`, { headers: { cookie } })).body, '1', label);
              const looked = await get(`${read}/`, { headers: { cookie } });
              assert.deepEqual(others(looked), expected, label);
              assert.equal(looked.headers['set-cookie'], undefined, label);
              const head = { method: 'HEAD', headers: { cookie } };
              assert.deepEqual(others(await get(`${write}/`, head)), others(await get(`${plain}/`, head)), label);
            }
          });
          test(`${framework}, ${name} ${place}: a commit that fails reaches the client`, async (t) => {
            const got = await get(`${await serve(t, build(order(), STYLES.end, pass))}/fails`);
            assert.deepEqual([got.status, got.body], [500, 'error: ERR_NOT_SERIALISABLE']);
          });
        }
      }
    }
  });
}
