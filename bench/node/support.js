'use strict';

// What the benchmarks share: servers of their own, a directory that goes away, one session's data.

const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { once } = require('node:events');

const SECRET = 'a secret of the benchmarks, 32 bytes or more';

// 268 bytes as JSON: a login, a small cart, a flash message.
const SESSION = {
  user: { id: 48213, name: 'Ann Example', email: 'ann@example.org', roles: ['customer', 'editor'] },
  cart: [
    { sku: 'A-1043', quantity: 2, price: 19.9 },
    { sku: 'B-2201', quantity: 1, price: 5 },
  ],
  csrf: 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ',
  locale: 'en-GB',
  theme: 'dark',
  visits: 17,
};

async function freePort() {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

const connects = (port) =>
  new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Both servers open their ports when they are ready.
async function startServer(program, words, port) {
  const child = spawn(program, words, { stdio: 'ignore' });
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${program} ended`);
  });
  ended.catch(() => {});
  while (!(await Promise.race([connects(port), ended]))) await pause(10);
  return () => child.kill();
}

// With `tls` it answers there, too: `tlsUrl`, whose certificate `ca` (a file) signs.
async function startRedis({ tls = false } = {}) {
  const port = await freePort();
  const words = ['--port', String(port), '--save', '', '--appendonly', 'no'];
  const url = `redis://127.0.0.1:${port}`;
  if (!tls) return { port, url, stop: await startServer('redis-server', words, port) };
  const [tlsPort, directory] = [await freePort(), temporaryDirectory()];
  const [key, ca] = [path.join(directory, 'key.pem'), path.join(directory, 'ca.pem')];
  const made = '-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost';
  const names = ['-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost', '-keyout', key, '-out', ca];
  execFileSync('openssl', ['req', ...made.split(' '), ...names], { stdio: 'ignore' });
  words.push('--tls-port', String(tlsPort), '--tls-cert-file', ca, '--tls-key-file', key, '--tls-ca-cert-file', ca);
  words.push('--tls-auth-clients', 'no');
  const stop = await startServer('redis-server', words, tlsPort);
  return { port, url, tlsUrl: `rediss://127.0.0.1:${tlsPort}`, ca, stop };
}

async function startMemcached() {
  const port = await freePort();
  const words = ['-l', '127.0.0.1', '-p', String(port), '-U', '0', '-u', 'nobody', '-m', '64'];
  return { port, stop: await startServer('memcached', words, port) };
}

// A PostgreSQL of its own, without fsync, on a free port; as the user postgres where this runs as root, whom it refuses.
async function startPostgres() {
  const versions = fs.readdirSync('/usr/lib/postgresql').sort((a, b) => Number(a) - Number(b));
  const program = (name) => path.join('/usr/lib/postgresql', versions.at(-1), 'bin', name);
  const as = process.getuid() === 0 ? ['runuser', '-u', 'postgres', '--'] : [];
  const run = (name, words) => [...as, program(name), ...words];
  const port = await freePort();
  const directory = temporaryDirectory();
  if (as.length > 0) execFileSync('chown', ['postgres', directory]);
  const data = path.join(directory, 'data');
  const [init, ...how] = run('initdb', ['-D', data, '-U', 'bench', '-A', 'trust', '--no-sync', '-E', 'UTF8']);
  execFileSync(init, how, { cwd: '/', stdio: 'ignore' });
  const settings = ['fsync=off', 'shared_buffers=64MB', `unix_socket_directories=${directory}`];
  const control = (words) => {
    const [file, ...rest] = run('pg_ctl', ['-D', data, '-w', ...words]);
    execFileSync(file, rest, { cwd: '/', stdio: 'ignore' });
  };
  control(['-l', path.join(directory, 'log'), '-o', [`-p ${port} -h 127.0.0.1`, ...settings].join(' -c '), 'start']);
  const stop = () => control(['-m', 'immediate', 'stop']);
  return { url: `postgresql://bench@127.0.0.1:${port}/postgres`, stop };
}

function temporaryDirectory() {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'coatcheck-bench-'));
  process.on('exit', () => fs.rmSync(directory, { recursive: true, force: true }));
  return directory;
}

module.exports = { SECRET, SESSION, startMemcached, startPostgres, startRedis, temporaryDirectory };
