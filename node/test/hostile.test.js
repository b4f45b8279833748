'use strict';

// Requests that no browser sends, and connections that end in the middle: through real HTTP, each with its exact answer, on
// every entry of the package. Nobody gets a session by them, nobody loses one, and the server goes on.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const http = require('node:http');
const http2 = require('node:http2');
const net = require('node:net');
const { once } = require('node:events');
const { test, describe, before, after } = require('node:test');
const cookieSession = require('../cookie-session.js');
const v1 = require('../v1.js');
const { Redis, SECRET, memoryStore, session } = require('./support.js');

const sign = (value, secret = SECRET) =>
  `s:${value}.${crypto.createHmac('sha256', secret).update(value).digest('base64').replace(/=+$/, '')}`;
const encoded = (value, secret) => encodeURIComponent(sign(value, secret));

const OPTIONS = { secret: SECRET, name: 'sid', resave: false, saveUninitialized: false };
const ENTRIES = {
  'coatcheck, memory': async () => session({ ...OPTIONS, store: memoryStore() }),
  'coatcheck, redis': async (t) => session({ ...OPTIONS, store: (await Redis.start(t)).url }),
  'coatcheck, jwe': async () => session({ ...OPTIONS, store: memoryStore(), mode: 'jwe' }),
  'coatcheck, another store': async () =>
    session({
      ...OPTIONS,
      store: new (class extends v1.Store {
        #sessions = new Map();
        get(sid, done) {
          setImmediate(done, null, this.#sessions.has(sid) ? JSON.parse(this.#sessions.get(sid)) : undefined);
        }
        set(sid, own, done) {
          this.#sessions.set(sid, JSON.stringify(own));
          setImmediate(done);
        }
        destroy(sid, done) {
          this.#sessions.delete(sid);
          setImmediate(done);
        }
      })(),
    }),
  'coatcheck/v1': async () => v1(OPTIONS),
  'coatcheck/cookie-session': async () => cookieSession({ keys: [SECRET], name: 'sid' }),
  'coatcheck/cookie-session, sealed': async () => cookieSession({ keys: [SECRET], name: 'sid', sealed: true }),
};

// GET /in begins a session, / says whose it is, /add changes it; the others answer in special ways.
function application(middleware) {
  return (req, res) => {
    middleware(req, res, (error) => {
      if (error) {
        res.statusCode = error.status ?? 500;
        return res.end(`error ${error.code ?? error.message}`);
      }
      const { pathname } = new URL(req.url.startsWith('/') ? `http://a${req.url}` : 'http://a/', 'http://a');
      if (pathname === '/in') req.session.user = 'u';
      if (pathname === '/add') req.session.n = (req.session.n ?? 0) + 1;
      if (pathname === '/big') req.session.big = 1n;
      if (pathname === '/304') res.statusCode = 304;
      if (pathname === '/early') res.writeEarlyHints?.({ link: '</a>; rel=preload' });
      if (pathname === '/stream') {
        res.write('part ');
        return setTimeout(() => res.end('end'), 20);
      }
      return res.end(String(req.session?.user ?? 'nobody'));
    });
  };
}

// Sends bytes as they are; answers all that came until the server closed, or after `quiet` ms without a byte.
function raw(port, bytes, { quiet = 150, hangUp = false } = {}) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    const chunks = [];
    let timer;
    const done = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(Buffer.concat(chunks).toString('latin1'));
    };
    const again = () => {
      clearTimeout(timer);
      timer = setTimeout(done, quiet);
    };
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      again();
    });
    socket.on('close', done);
    socket.on('error', done);
    socket.on('connect', () => {
      socket.write(bytes, () => hangUp && setTimeout(done, 5));
      again();
    });
  });
}

const get = (headers = '', path = '/', method = 'GET') =>
  `${method} ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${headers}\r\n`;
const cookie = (value) => `Cookie: ${value}\r\n`;

function read(answer) {
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
  const at = answer.indexOf('\r\n\r\n');
  const head = answer.slice(0, at);
  const chunked = /^transfer-encoding: chunked/im.test(head);
  const body = answer.slice(at + 4);
  return {
    status,
    setCookie: /^set-cookie:/im.test(head),
    body: chunked
      ? body.replace(/^[0-9a-f]+\r\n|\r\n(?=[0-9a-f]+\r\n|$)|0\r\n\r\n$/gim, '').replace(/^[0-9a-f]+\r\n/gim, '')
      : body,
  };
}

const long = (n, letter = 'x') => letter.repeat(n);

// [what, bytes of (the good cookie), status, body, whether a cookie may come]
const REQUESTS = [
  ['a cookie without a value', () => get(cookie('sid')), 200, 'nobody'],
  ['an empty value', () => get(cookie('sid=')), 200, 'nobody'],
  ['a header that is empty', () => get('Cookie:\r\n'), 200, 'nobody'],
  ['separators alone', () => get(cookie(';;;,,,===;')), 200, 'nobody'],
  ['no signature', () => get(cookie('sid=s%3Aabc')), 200, 'nobody'],
  ['an empty signature', () => get(cookie('sid=s%3Aabc.')), 200, 'nobody'],
  ['an empty id that is signed', () => get(cookie(`sid=${encoded('')}`)), 200, 'nobody'],
  ['an id of nobody that is signed', () => get(cookie(`sid=${encoded('nobody-has-it')}`)), 200, 'nobody'],
  ['a signature of another secret', () => get(cookie(`sid=${encoded('abc', 'another secret')}`)), 200, 'nobody'],
  [
    'an id with a line break that is signed',
    () => get(cookie(`sid=${encoded('a\r\nSet-Cookie: x=y')}`)),
    200,
    'nobody',
  ],
  ['an id with a NUL that is signed', () => get(cookie(`sid=${encoded('a\0b')}`)), 200, 'nobody'],
  ['an id with a path that is signed', () => get(cookie(`sid=${encoded('../../etc/passwd')}`)), 200, 'nobody'],
  ['an id that names a prototype', () => get(cookie(`sid=${encoded('__proto__')}`)), 200, 'nobody'],
  ['an id of 200 characters that is signed', () => get(cookie(`sid=${encoded(long(200))}`)), 200, 'nobody'],
  ['an id of 5,000 characters that is signed', () => get(cookie(`sid=${encoded(long(5000))}`)), 200, 'nobody'],
  ['percent signs that are no encoding', () => get(cookie('sid=%E0%A4%A')), 200, 'nobody'],
  ['bytes that are no UTF-8', () => Buffer.from(get(cookie('sid=\xff\xfe')), 'latin1'), 200, 'nobody'],
  ['a token that is none', () => get(cookie('sid=cc1.a.b.c')), 200, 'nobody'],
  ['a JWT with alg none', () => get(cookie('sid=eyJhbGciOiJub25lIn0.eyJ1c2VyIjoidSJ9.')), 200, 'nobody'],
  ['JSON as express wrote it long ago', () => get(cookie('sid=j%3A%7B%22user%22%3A%22u%22%7D')), 200, 'nobody'],
  ['eight hundred cookies of the name', () => get(cookie(Array(800).fill('sid=x').join('; '))), 200, 'nobody'],
  ['another name in other letters', (good) => get(cookie(good.replace('sid', 'SID'))), 200, 'nobody'],
  ['a name that ends so', (good) => get(cookie(`x${good}`)), 200, 'nobody'],
  ['a value in quotes', (good) => get(cookie(good.replace(/=(.*?)(?=;|$)/, '="$1"'))), 200, 'u'],
  ['tabs and spaces around', (good) => get(cookie(`  \t${good} \t`)), 200, 'u'],
  ['a forged one before the good one', (good) => get(cookie(`sid=s%3Ax.y; ${good}`)), 200, 'u'],
  ['a forged one after the good one', (good) => get(cookie(`${good}; sid=s%3Ax.y`)), 200, 'u'],
  [
    'the good one, with its last character changed',
    (good) => get(cookie(good.replace(/.(?=;|$)/, (c) => (c === 'A' ? 'B' : 'A')))),
    200,
    'nobody',
  ],
  ['the good one, cut', (good) => get(cookie(good.replace(/.{5}(?=;|$)/, ''))), 200, 'nobody'],
  ['two Cookie headers', (good) => get(`Cookie: a=b\r\nCookie: ${good}\r\n`), 200, 'u'],
  ['HEAD', (good) => get(cookie(good), '/', 'HEAD'), 200, ''],
  ['HEAD that begins a session', () => get('', '/in', 'HEAD'), 200, '', true],
  ['304', (good) => get(cookie(good), '/304'), 304, ''],
  ['early hints', (good) => get(cookie(good), '/early'), 103, undefined],
  ['OPTIONS *', (good) => get(cookie(good), '*', 'OPTIONS'), 200, 'u'],
  ['a path of dots', (good) => get(cookie(good), '/../../in/..'), 200, 'u', true],
  ['an absolute URL', (good) => get(cookie(good), 'http://elsewhere/x'), 200, 'u'],
  ['a path of 8,000 characters', (good) => get(cookie(good), `/${long(8000)}`), 200, 'u'],
  ['a method that is none', (good) => get(cookie(good), '/', 'BREW'), 400, undefined],
  ['HTTP/1.0', (good) => `GET / HTTP/1.0\r\n${cookie(good)}\r\n`, 200, 'u'],
  ['X-Forwarded-Proto of many', (good) => get(`${cookie(good)}X-Forwarded-Proto: https, http, ,,\r\n`), 200, 'u'],
  ['headers over 16 KiB', () => get(cookie(`sid=${long(17_000)}`)), 431, undefined],
  [
    'a body that is announced and does not come',
    (good) => get(`${cookie(good)}Content-Length: 10\r\n`, '/', 'POST'),
    200,
    'u',
  ],
  ['a length that is none', (good) => get(`${cookie(good)}Content-Length: -1\r\n`, '/', 'POST'), 400, undefined],
  [
    'two framings at once',
    (good) => get(`${cookie(good)}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n`, '/', 'POST'),
    400,
    undefined,
  ],
  [
    'Expect: 100-continue',
    (good) => get(`${cookie(good)}Expect: 100-continue\r\nContent-Length: 0\r\n`, '/', 'POST'),
    100,
    undefined,
  ],
  ['a value that can not be stored', (good) => get(cookie(good), '/big'), 500, 'error ERR_NOT_SERIALISABLE'],
  ['a stream', (good) => get(cookie(good), '/stream'), 200, 'part end'],
  ['a line break in a header value', (good) => get(`${cookie(good)}X-A: b\r\n c\r\n`), 400, undefined],
  ['a NUL in a header value', (good) => get(`${cookie(good)}X-A: b\0\r\n`), 400, undefined],
  ['no host', (good) => `GET / HTTP/1.1\r\nConnection: close\r\n${cookie(good)}\r\n`, 400, undefined],
  ['nothing of HTTP', () => '\x16\x03\x01\x02\x00', 400, undefined],
];

for (const [name, make] of Object.entries(ENTRIES)) {
  describe(name, () => {
    let server;
    let port;
    let good;
    const stops = [];
    before(async () => {
      const middleware = await make({ after: (stop) => stops.push(stop) });
      server = http.createServer({ keepAliveTimeout: 1000 }, application(middleware));
      await once(server.listen(0, '127.0.0.1'), 'listening');
      port = server.address().port;
      const response = await fetch(`http://127.0.0.1:${port}/in`);
      good = response.headers
        .getSetCookie()
        .map((line) => line.split(';')[0])
        .reverse()
        .join('; ');
      // cookie-session's signature first: what is changed at the end is its value's.
      if (good.startsWith('sid.sig=')) good = good.split('; ').reverse().join('; ');
    });
    after(async () => {
      server.closeAllConnections();
      server.close();
      for (const stop of stops) await stop();
    });
    const stillGood = async () => {
      const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { cookie: good } });
      assert.equal(await response.text(), 'u');
    };

    for (const [what, bytes, status, body, mayBegin] of REQUESTS) {
      test(what, async () => {
        const answer = read(await raw(port, bytes(good)));
        assert.equal(answer.status, status);
        if (body !== undefined) assert.equal(answer.body, body);
        // cookie-session takes a signature that nobody has made off the browser.
        if (!mayBegin && !name.includes('cookie-session')) assert.equal(answer.setCookie, false);
        await stillGood();
      });
    }

    test('many requests on one connection', async () => {
      const one = (path, value) => `GET ${path} HTTP/1.1\r\nHost: a\r\n${value ? cookie(value) : ''}\r\n`;
      const answers = await raw(
        port,
        one('/', good) + one('/') + one('/stream', good) + one('/big', good) + one('/', good),
      );
      const bodies = answers
        .split('HTTP/1.1 ')
        .slice(1)
        .map((part) => part.slice(0, 3));
      assert.deepEqual(bodies, ['200', '200', '200', '500', '200']);
    });

    test('connections that end in the middle', async () => {
      const starts = [
        'GET',
        'GET / HTTP/1.1\r\nHost: a\r\nCook',
        get(cookie(good), '/stream'),
        get(cookie(good), '/add'),
        get(`${cookie(good)}Content-Length: 100\r\n`, '/add', 'POST'),
      ];
      await Promise.all(Array.from({ length: 50 }, (_, i) => raw(port, starts[i % starts.length], { hangUp: true })));
      await stillGood();
    });

    test('a hundred hostile requests at once', async () => {
      const hostile = REQUESTS.filter(([, , status]) => status === 200).map(([, bytes]) => bytes);
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, i) => raw(port, hostile[i % hostile.length](good), { quiet: 1500 })),
      );
      assert.ok(answers.every((answer) => answer.startsWith('HTTP/1.1 200')));
      await stillGood();
    });

    test('an upgrade that nobody takes', async () => {
      const bytes = `GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${cookie(good)}\r\n`;
      assert.equal(read(await raw(port, bytes)).body, 'u');
    });
  });

  test(`${name}: HTTP/2, with streams that are reset`, async (t) => {
    const stops = [];
    const server = http2.createServer(application(await make({ after: (stop) => stops.push(stop) })));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const client = http2.connect(`http://127.0.0.1:${server.address().port}`);
    t.after(async () => {
      client.destroy();
      server.close();
      for (const stop of stops) await stop();
    });
    const ask = (path, headers, reset) =>
      new Promise((resolve) => {
        const stream = client.request({ ':path': path, ...headers });
        let head = {};
        let text = '';
        stream.on('response', (found) => {
          head = found;
        });
        stream.on('data', (chunk) => {
          text += chunk;
        });
        stream.on('close', () => resolve({ head, text }));
        stream.on('error', () => {});
        if (reset) setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), 3);
        stream.end();
      });
    const { head } = await ask('/in', {});
    const good = head['set-cookie'].map((line) => line.split(';')[0]);
    assert.equal((await ask('/', { cookie: good })).text, 'u');
    await Promise.all(
      Array.from({ length: 40 }, (_, i) => ask(['/stream', '/add', '/'][i % 3], { cookie: good }, i % 2 === 0)),
    );
    assert.equal((await ask('/', { cookie: ['sid=x', ...good] })).text, 'u');
    assert.equal((await ask('/big', { cookie: good })).text, 'error ERR_NOT_SERIALISABLE');
    assert.equal((await ask('/', { cookie: good })).text, 'u');
  });
}
