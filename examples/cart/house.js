// Starts and stops the four services and the front door they share.
//
// The browser must see one origin, or it would need CORS and third-party cookies: the front serves the page
// and hands /express/…, /flask/…, /fastapi/… and /cpp/… on to the service of that name. Everything listens
// on 127.0.0.1, on ports that the system picks.

const { spawn } = require('node:child_process');
const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const { once } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');

const root = path.resolve(__dirname, '../..');
const python = path.join(root, '.venv/bin/python');
const commands = {
  express: [process.execPath, path.join(__dirname, 'cart.js')],
  flask: [python, path.join(__dirname, 'cart_flask.py')],
  fastapi: [python, path.join(__dirname, 'cart_fastapi.py')],
  cpp: [path.join(root, 'build/release/examples/cart_cpp')],
};
const stacks = Object.keys(commands);

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

// One service: a process of its own, which can be killed and started again on the same port.
class Service {
  constructor(name, port, environment) {
    this.name = name;
    this.port = port;
    this.environment = { ...process.env, ...environment, PORT: String(port), PYTHONUNBUFFERED: '1' };
  }

  // Resolves when the service answers; rejects with what it printed when it ends before, or after 30 s.
  async start() {
    const [command, ...args] = commands[this.name];
    // A process group of its own: Ctrl-C reaches the house alone, which then stops its services in order.
    this.process = spawn(command, args, {
      env: this.environment,
      cwd: root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream.on('data', (chunk) => {
        output = (output + chunk).slice(-4000);
      });
    }
    this.output = () => output;
    let ended = false;
    this.exited = once(this.process, 'exit').catch(() => {});
    this.exited.then(() => {
      ended = true;
    });
    this.process.on('error', (err) => {
      output += err.message;
      ended = true;
    });
    const deadline = Date.now() + 30_000;
    while (!(await answers(this.port))) {
      if (ended || Date.now() > deadline) throw new Error(`${this.name} did not start:\n${output}`);
      await sleep(50);
    }
  }

  async stop(signal = 'SIGTERM') {
    if (!this.process || this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill(signal);
    const stubborn = setTimeout(() => this.process.kill('SIGKILL'), 3000);
    await this.exited;
    clearTimeout(stubborn);
  }
}

async function answers(port) {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/cart`, { signal: AbortSignal.timeout(2000) });
    await response.arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

function frontDoor(services) {
  const page = fs.readFileSync(path.join(__dirname, 'page.html'));
  return http.createServer((request, response) => {
    if (request.url === '/') {
      response.writeHead(200, {
        'Content-Type': 'text/html; charset=utf-8',
        'Content-Security-Policy': "default-src 'self' 'unsafe-inline'; img-src data:",
      });
      response.end(page);
      return;
    }
    const [, name, rest] = /^\/(\w+)(\/.*)$/.exec(request.url) ?? [];
    const service = Object.hasOwn(commands, name ?? '') ? services[name] : undefined;
    if (!service) {
      response.writeHead(404).end();
      return;
    }
    const { method, headers } = request;
    const onward = http.request(
      { host: '127.0.0.1', port: service.port, path: rest, method, headers, agent: false },
      (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      },
    );
    onward.on('error', () => {
      if (!response.headersSent) response.writeHead(502);
      response.end();
    });
    request.pipe(onward);
  });
}

// Starts everything. `store`: a store URL; `port`: of the front, 0 for any.
async function open({ store, port = 0 }) {
  const secret = randomBytes(32).toString('base64url');
  const services = {};
  for (const name of stacks) {
    services[name] = new Service(name, await freePort(), { COATCHECK_STORE: store, COATCHECK_SECRET: secret });
  }
  const front = frontDoor(services);
  async function close() {
    front.close();
    front.closeAllConnections();
    await Promise.all(Object.values(services).map((service) => service.stop()));
  }
  try {
    front.listen(port, '127.0.0.1');
    await once(front, 'listening');
    await Promise.all(Object.values(services).map((service) => service.start()));
  } catch (err) {
    await close();
    throw err;
  }
  return { address: `http://127.0.0.1:${front.address().port}/`, services, close };
}

module.exports = { open, stacks, root };
