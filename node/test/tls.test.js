'use strict';

// rediss: from Express: Redis behind TLS, with a certificate of the test's own, through libuv's loop. Node's OpenSSL has no
// part in it.

const assert = require('node:assert/strict');
const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const tls = require('node:tls');
const { COUNTER, freePort, session, start } = require('./support.js');

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'coatcheck-tls-'));
test.after(() => fs.rmSync(directory, { recursive: true, force: true }));

function certificate(name) {
  const cert = path.join(directory, `${name}.pem`);
  const key = path.join(directory, `${name}.key`);
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-days', '1'];
  args.push(
    '-subj',
    `/CN=${name}`,
    '-addext',
    'subjectAltName=DNS:localhost,IP:127.0.0.1',
    '-out',
    cert,
    '-keyout',
    key,
  );
  execFileSync('openssl', args, { stdio: 'ignore' });
  return { cert, key };
}

const answers = (port, ca) =>
  new Promise((resolve) => {
    const socket = tls.connect({ port, host: 'localhost', ca: fs.readFileSync(ca) }, () => socket.write('PING\r\n'));
    socket.on('data', () => resolve(socket.destroy() !== undefined));
    socket.on('error', () => resolve(false));
  });

async function serve(t, { cert, key }) {
  const port = await freePort();
  const args = ['--port', '0', '--tls-port', String(port), '--tls-cert-file', cert, '--tls-key-file', key];
  args.push('--tls-ca-cert-file', cert, '--tls-auth-clients', 'no', '--save', '', '--dir', directory);
  const child = spawn('redis-server', args, { stdio: 'ignore' });
  t.after(async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  while (!(await answers(port, cert))) await new Promise((resolve) => setTimeout(resolve, 10));
  return port;
}

test('sessions live in a Redis behind TLS, through all sizes of payload', async (t) => {
  const own = certificate('server');
  const port = await serve(t, own);
  const routes = {
    ...COUNTER,
    '/big': (req, res) => {
      req.session.big = 'x'.repeat(600_000);
      res.end('ok');
    },
    '/size': (req, res) => res.end(String(req.session.big.length)),
  };
  for (const host of ['localhost', '127.0.0.1']) {
    const store = `rediss://${host}:${port}?timeout=5000&ca=${encodeURIComponent(own.cert)}`;
    const browser = await start(t, routes, { store });
    for (let n = 1; n <= 3; n++) assert.equal((await browser.get('/write')).status, 200);
    assert.equal(JSON.parse((await browser.get('/read')).body).n, 3);
    assert.equal((await browser.get('/big')).status, 200);
    assert.equal((await browser.get('/size')).body, '600000');
    const reads = await Promise.all(Array.from({ length: 100 }, () => browser.get('/read')));
    assert.deepEqual([...new Set(reads.map(({ body }) => JSON.parse(body).n))], [3]);
  }
});

test('a server that is not trusted is a 503, and the error says why', async (t) => {
  const port = await serve(t, certificate('server'));
  const other = certificate('other');
  const url = `rediss://localhost:${port}?timeout=5000&ca=${encodeURIComponent(other.cert)}`;
  const browser = await start(t, COUNTER, { store: url });
  assert.equal((await browser.get('/write')).status, 503);
  const store = new session.Store(url);
  t.after(() => store.close());
  await assert.rejects(store.get('abc'), (error) => {
    assert.equal(error.code, 'ERR_STORE_UNAVAILABLE');
    assert.match(error.message, /^cannot connect to Redis at localhost:\d+: the server's certificate is self-signed/);
    return true;
  });
});

test('a file that does not fit is told at start-up', () => {
  const { key } = certificate('one');
  const { cert } = certificate('two');
  const open = (parameters) => () => new session.Store(`rediss://localhost?${parameters}`);
  assert.throws(open('ca=/nowhere.pem'), /store URL: ca: No such file/);
  assert.throws(open(`cert=${cert}&key=${key}`), /store URL: key: it is not the key of the certificate in cert/);
  assert.throws(open('tls_insecure=true'), /tls_insecure=1 is all there is/);
});

test('TLS beside the URL, by the names of node:tls: text or file', async (t) => {
  const own = certificate('server');
  const port = await serve(t, own);
  const url = `rediss://127.0.0.1:${port}?timeout=5000`;
  const ca = fs.readFileSync(own.cert);
  for (const given of [{ ca: own.cert }, { ca }, { ca: ca.toString() }, { ca: [ca], servername: 'localhost' }]) {
    const browser = await start(t, COUNTER, { store: { url, tls: { ...given, cert: own.cert, key: own.key } } });
    assert.equal((await browser.get('/write')).status, 200);
  }
  const store = new session.Store({ url, tls: { ca, cert: ca, key: fs.readFileSync(own.key) } });
  t.after(() => store.close());
  assert.equal(await store.get('abc'), undefined);
});

test('TLS beside the URL: what is wrong is told, and never quoted', () => {
  const { key } = certificate('one');
  const { cert } = certificate('two');
  const secret = fs.readFileSync(key, 'utf8');
  const open = (tls, url = 'rediss://localhost') => {
    try {
      new session.Store({ url, tls }).close();
      return 'opened';
    } catch (error) {
      assert.ok(!error.message.includes(secret.split('\n')[1]), error.message);
      return error.message;
    }
  };
  assert.match(open({ ca: secret }), /ca: a certificate in the text cannot be read/);
  assert.match(open({ cert: fs.readFileSync(cert), key: secret }), /key: it is not the key of the certificate in cert/);
  assert.match(open({ cert: fs.readFileSync(cert, 'utf8') }), /key: there is no private key in the text/);
  assert.match(open({ ca: '/nowhere.pem' }), /store URL: ca: No such file/);
  assert.match(open({ certificate: 'x' }), /unknown tls option 'certificate'; there are: ca, cert, key/);
  assert.match(open({ ca: 7 }), /tls: ca must be PEM or a path/);
  assert.match(open({ rejectUnauthorized: 'no' }), /tls: rejectUnauthorized must be true or false/);
  assert.match(open({ ca: cert }, 'redis://localhost'), /unknown parameter 'ca'/);
  assert.match(open({ ca: cert }, 'cached:memory:|rediss://h'), /tls is not for cached:/);
  assert.equal(open({ rejectUnauthorized: false }), 'opened');
  assert.throws(() => new session.Store({ url: 'memory:', tsl: {} }), /unknown store option 'tsl'/);
});
