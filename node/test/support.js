'use strict';

// What the suites share: servers of each kind, a client with a cookie jar, stores that clean up after themselves,
// a real redis-server and a real PostgreSQL.

const { spawn, spawnSync } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { once } = require('node:events');
const session = require('..');

const SECRET = 'a secret of the tests, 32 bytes or more';

let made = 0;
// A store URL that no other test uses.
function memoryStore() {
  return `memory:test-${process.pid}-${++made}`;
}
function fileStore(t) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'coatcheck-'));
  t.after(() => fs.rmSync(directory, { recursive: true, force: true }));
  return `file:${path.join(directory, 'sessions')}`;
}

// The same application on each framework: routes are { '/path': (req, res, next) => … }.
function expressApp(express) {
  return (middleware, routes, onError) => {
    const app = express();
    app.use(middleware);
    for (const [route, handler] of Object.entries(routes)) app.all(route, handler);
    app.use((error, req, res, _next) => {
      onError?.(error, req, res);
      if (!res.headersSent) res.status(error.status ?? 500).end(`error: ${error.code ?? error.message}`);
    });
    return app;
  };
}
function plainApp(middleware, routes, onError) {
  return (req, res) => {
    middleware(req, res, (error) => {
      if (error) {
        onError?.(error, req, res);
        res.statusCode = error.status ?? 500;
        return res.end(`error: ${error.code ?? error.message}`);
      }
      return routes[req.url.split('?')[0]](req, res);
    });
  };
}
const FRAMEWORKS = {
  express5: expressApp(require('express')),
  express4: expressApp(require('express4')),
  http: plainApp,
};

// Serves `handler` until the test ends; answers the address.
async function serve(t, handler) {
  const server = http.createServer(handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

// An application with a session on Express 5, the usual case.
async function start(t, routes, options = {}, onError = undefined) {
  const middleware = session({ secret: SECRET, store: memoryStore(), ...options });
  return new Browser(await serve(t, FRAMEWORKS.express5(middleware, routes, onError)));
}

// A client that keeps cookies as a browser does, each by its name.
class Browser {
  constructor(url, jar = new Map()) {
    this.url = url;
    this.jar = jar;
  }

  // Another browser window of the same user: the cookies as they are now.
  clone() {
    return new Browser(this.url, new Map(this.jar));
  }

  cookieHeader() {
    return [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  async get(target, { method = 'GET', headers = {}, agent } = {}) {
    const cookie = headers.cookie ?? this.cookieHeader();
    const all = { ...headers, ...(cookie ? { cookie } : {}) };
    const request = http.request(this.url + target, { method, headers: all, agent });
    request.end();
    const [response] = await once(request, 'response');
    const chunks = [];
    for await (const chunk of response) chunks.push(chunk);
    const setCookie = response.headers['set-cookie'] ?? [];
    for (const line of setCookie) this.#keep(line);
    const body = Buffer.concat(chunks).toString();
    return { status: response.statusCode, headers: response.headers, rawHeaders: response.rawHeaders, setCookie, body };
  }

  async json(target, options) {
    return JSON.parse((await this.get(target, options)).body);
  }

  #keep(line) {
    const [pair, ...attributes] = line.split('; ');
    const name = pair.slice(0, pair.indexOf('='));
    const expires = attributes.find((one) => one.toLowerCase().startsWith('expires='));
    const ended = attributes.includes('Max-Age=0') || (expires && new Date(expires.slice(8)) <= new Date());
    if (ended) this.jar.delete(name);
    else this.jar.set(name, pair.slice(name.length + 1));
  }
}

// A counter, written by one route and read by another.
const COUNTER = {
  '/write': (req, res) => {
    req.session.n = (req.session.n ?? 0) + 1;
    res.json({ n: req.session.n });
  },
  '/read': (req, res) => res.json({ n: req.session.n }),
};

// A promise and its resolve, for handlers that wait for the test.
function gate() {
  let open;
  const opened = new Promise((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

// A loopback port that nobody has, and none of those that the system gives to outgoing connections (32768 and more): one
// of these would keep a server that was killed from coming back to its port.
async function freePort() {
  for (;;) {
    const port = crypto.randomInt(11_000, 22_000); // a cluster's bus has 10,000 more
    const server = net.createServer();
    const free = await new Promise((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

// A PostgreSQL of this test's own. It does not run as root: there it runs as `postgres` or `nobody`.
class Postgres {
  // `more`: further lines of postgresql.conf; `files`: of its data directory, by name.
  static async start(t, { more = [], files = {} } = {}) {
    const postgres = new Postgres();
    postgres.port = await freePort();
    postgres.directory = fs.mkdtempSync(path.join(os.tmpdir(), 'coatcheck-postgres-'));
    t.after(() => postgres.stop());
    const data = path.join(postgres.directory, 'data');
    postgres.#who = unprivileged(postgres.directory);
    postgres.#run('initdb', ['-D', data, '-U', 'coatcheck', '-A', 'trust', '--no-sync', '-E', 'UTF8', '--locale=C']);
    for (const [name, content] of Object.entries(files)) {
      fs.writeFileSync(path.join(data, name), content, { mode: 0o600 });
      if (postgres.#who.uid !== undefined) fs.chownSync(path.join(data, name), postgres.#who.uid, postgres.#who.gid);
    }
    const lines = [`port = ${postgres.port}`, "listen_addresses = '127.0.0.1'", 'fsync = off', 'shared_buffers = 16MB'];
    lines.push(`unix_socket_directories = '${postgres.directory}'`, ...more);
    fs.appendFileSync(path.join(data, 'postgresql.conf'), `\n${lines.join('\n')}\n`);
    await postgres.run();
    return postgres;
  }

  static get programs() {
    const versions = fs.readdirSync('/usr/lib/postgresql').sort((a, b) => Number(b) - Number(a));
    return `/usr/lib/postgresql/${versions[0]}/bin`;
  }

  #who = {};

  get url() {
    return `postgresql://coatcheck@127.0.0.1:${this.port}/postgres?timeout=5000`;
  }

  #run(program, words) {
    const done = spawnSync(path.join(Postgres.programs, program), words, { ...this.#who, cwd: '/', encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`${program}: ${done.stdout}${done.stderr}`);
    return done.stdout.trim();
  }

  sql(text) {
    const at = ['-h', this.directory, '-p', String(this.port), '-U', 'coatcheck', 'postgres'];
    return this.#run('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c', text, ...at]);
  }

  async run() {
    const data = path.join(this.directory, 'data');
    const options = { ...this.#who, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] };
    this.child = spawn(path.join(Postgres.programs, 'postgres'), ['-D', data], options);
    let log = '';
    await new Promise((resolve, reject) => {
      this.child.once('exit', () => reject(new Error(`PostgreSQL does not start: ${log}`)));
      this.child.stderr.on('data', (chunk) => {
        log = (log + chunk).slice(-10_000);
        if (log.includes('ready to accept')) resolve();
      });
    });
  }

  async kill() {
    if (this.child === undefined || this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGQUIT');
    await once(this.child, 'exit');
  }

  async stop() {
    await this.kill();
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}

// As whom a program runs that refuses to be root; the directory becomes theirs.
function unprivileged(directory) {
  if (process.getuid() !== 0) return {};
  const found = fs.readFileSync('/etc/passwd', 'utf8').match(/^(?:postgres):[^:]*:(\d+):(\d+):/m) ?? [0, 65534, 65534];
  const [uid, gid] = found.slice(1, 3).map(Number);
  fs.chownSync(directory, uid, gid);
  return { uid, gid };
}

// A redis-server of this test's own.
class Redis {
  static async start(t) {
    const redis = new Redis();
    redis.port = await freePort();
    redis.directory = fs.mkdtempSync(path.join(os.tmpdir(), 'coatcheck-redis-'));
    await redis.run();
    t.after(() => redis.stop());
    return redis;
  }

  get url() {
    return `redis://127.0.0.1:${this.port}`;
  }

  async run() {
    const args = ['--port', String(this.port), '--save', '', '--appendonly', 'no', '--dir', this.directory];
    this.child = spawn('redis-server', args, { stdio: 'ignore' });
    for (;;) {
      if (await this.#answers()) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  #answers() {
    return new Promise((resolve) => {
      const socket = net.connect(this.port, '127.0.0.1', () => socket.write('PING\r\n'));
      socket.on('data', () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', () => resolve(false));
    });
  }

  async kill() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }

  freeze() {
    this.child.kill('SIGSTOP');
  }

  thaw() {
    this.child.kill('SIGCONT');
  }

  async stop() {
    await this.kill();
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}

module.exports = {
  Browser,
  COUNTER,
  FRAMEWORKS,
  Postgres,
  Redis,
  SECRET,
  fileStore,
  freePort,
  gate,
  memoryStore,
  serve,
  session,
  start,
};
