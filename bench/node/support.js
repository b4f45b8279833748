'use strict';

// What the benchmarks share: servers of their own, a directory that goes away, one session's data.

const { spawn } = require('node:child_process');
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

async function startRedis() {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  const child = spawn('redis-server', ['--port', String(port), '--save', '', '--appendonly', 'no'], {
    stdio: 'ignore',
  });
  const answers = () =>
    new Promise((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
      socket.on('data', () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', () => resolve(false));
    });
  while (!(await answers())) await new Promise((resolve) => setTimeout(resolve, 10));
  return { port, url: `redis://127.0.0.1:${port}`, stop: () => child.kill() };
}

async function startMemcached() {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  const words = ['-l', '127.0.0.1', '-p', String(port), '-U', '0', '-u', 'nobody', '-m', '64'];
  const child = spawn('memcached', words, { stdio: 'ignore' });
  const answers = () =>
    new Promise((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => resolve(socket.destroy()));
      socket.on('error', () => resolve(null));
    });
  while (!(await answers())) await new Promise((resolve) => setTimeout(resolve, 10));
  return { port, stop: () => child.kill() };
}

function temporaryDirectory() {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'coatcheck-bench-'));
  process.on('exit', () => fs.rmSync(directory, { recursive: true, force: true }));
  return directory;
}

module.exports = { SECRET, SESSION, startMemcached, startRedis, temporaryDirectory };
