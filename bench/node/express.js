'use strict';

// node/express/{untouched,read,write}@{memory,file,redis,postgres}: what a session adds to a whole Express 5 request.
//
// Real requests over real sockets: 16 keep-alive connections to a server in this process, each sending its next
// request when it has the answer. Client and server share one thread, so what is measured is all the time that a
// request costs; the same requests, with the same Cookie header, to the same routes without a session are
// subtracted. What is below RESOLUTION counts as that much, and the whole times are printed too.
//
// Peers: express-session with its MemoryStore, with connect-redis on node-redis, with connect-pg-simple on pg, and with what people use in place of a
// file of ours: session-file-store and a store on node:sqlite. `@memory-floor` is against a middleware written by hand
// (floor.js), `@file-memory` against the MemoryStore. `@v1-…` and `@cookie-session` are what takes the place of a package.

const net = require('node:net');
const path = require('node:path');
const { once } = require('node:events');
const connectPgSimple = require('connect-pg-simple');
const connectRedis = require('connect-redis');
const express = require('express');
const expressSession = require('express-session');
const redis = require('redis');
const sessionFileStore = require('session-file-store');
const cookieSession = require('cookie-session');
const memorystore = require('memorystore');
const pg = require('pg');
const coatcheck = require('../../node');
const ourCookieSession = require('../../node/cookie-session.js');
const v1 = require('../../node/v1.js');
const { floor } = require('./floor.js');
const { entry, race, report } = require('./measure.js');
const { SqliteStore } = require('./sqlite-store.js');
const { SECRET, SESSION, startPostgres, startRedis, temporaryDirectory } = require('./support.js');

const CONNECTIONS = 16;
const BODY_END = 'ok';
const RESOLUTION = 1000; // ns, of a whole request's 30 to 200 µs

// [what of ours, what is added to the case's name, contestant, its name, the aim for untouched, for the others]
const MEMORY_STORE = 'express-session 1.19.0, MemoryStore';
const CONNECT_REDIS = 'express-session 1.19.0, connect-redis 9.0.0';
const COMPARED = [
  ['memory', '', 'peer memory', MEMORY_STORE, 12, 5],
  ['memory', '-floor', 'floor', 'a middleware by hand', 1, 1],
  ['file', '', 'peer file', 'express-session 1.19.0, session-file-store 1.5.0', 5, 5],
  ['file', '-sqlite', 'peer sqlite', 'express-session 1.19.0, node:sqlite', 5, 5],
  ['file', '-memory', 'peer memory', MEMORY_STORE, 1, 1],
  ['redis', '', 'peer redis', CONNECT_REDIS, 12, 4],
  ['near', '', 'peer redis', CONNECT_REDIS, 12, 10, 4],
  ['postgres', '', 'peer postgres', 'express-session 1.19.0, connect-pg-simple 10.0.0', 2, 2],
  // What takes the place of a package, with that package's own parts where it has some.
  ['v1-memory', '', 'peer memory', MEMORY_STORE, 1, 1],
  ['v1-memory', '-memorystore', 'peer memorystore', 'express-session 1.19.0, memorystore 1.6.7', 1, 1],
  ['v1-connect-redis', '', 'peer redis', CONNECT_REDIS, 1, 1],
  ['cookie-session', '', 'peer cookie-session', 'cookie-session 2.1.1', 1, 1],
];

// Without a session, the routes work on an object of this process.
async function serve(middleware) {
  const app = express().disable('x-powered-by').disable('etag');
  if (middleware) {
    app.use(middleware);
  } else {
    app.use((req, _res, next) => {
      req.session = held;
      next();
    });
  }
  const held = { ...SESSION };
  let visits = 0;
  app.get('/login', (req, res) => {
    Object.assign(req.session, SESSION);
    res.end('ok');
  });
  app.get('/untouched', (_req, res) => res.end('ok'));
  app.get('/read', (req, res) => res.end(`${req.session.user.name} ok`));
  app.get('/write', (req, res) => {
    req.session.visits = ++visits;
    res.end('ok');
  });
  const server = app.listen(0, '127.0.0.1');
  server.keepAliveTimeout = 0; // connections wait while the others have their round
  await once(server, 'listening');
  return { port: server.address().port, close: () => server.close() };
}

const cookiesOf = ({ headers }) =>
  headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .join('; ');
// A session for each connection, as each would be another user's.
function logIn(port) {
  const one = async () => cookiesOf(await fetch(`http://127.0.0.1:${port}/login`));
  return Promise.all(Array.from({ length: CONNECTIONS }, one));
}

class Client {
  static async connect(port, target, cookies) {
    const client = new Client();
    client.sockets = await Promise.all(
      cookies.map(async (cookie) => {
        const socket = net.connect(port, '127.0.0.1');
        socket.request = `GET ${target} HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\n\r\n`;
        socket.setNoDelay(true);
        await once(socket, 'connect');
        return socket;
      }),
    );
    return client;
  }

  // Every answer is checked: a fast 500 is no success.
  run(n) {
    return new Promise((resolve, reject) => {
      let toSend = n;
      let toGet = n;
      for (const socket of this.sockets) {
        socket.removeAllListeners('data').removeAllListeners('close');
        socket.once('close', () => reject(new Error('the server closed a connection')));
        let text = '';
        socket.on('data', (chunk) => {
          text += chunk.latin1Slice(0, chunk.length);
          if (!text.startsWith('HTTP/1.1 200')) reject(new Error(`unexpected answer: ${text}`));
          // express-session sends what it stores first in chunks.
          const end = text.includes('chunked') ? '0\r\n\r\n' : BODY_END;
          if (!text.endsWith(end)) return;
          text = '';
          if (--toGet === 0) resolve();
          else if (toSend-- > 0) socket.write(socket.request);
        });
      }
      for (const socket of this.sockets) if (toSend-- > 0) socket.write(socket.request);
    });
  }

  close() {
    for (const socket of this.sockets) socket.destroy();
  }
}

async function main() {
  const server = await startRedis();
  const database = await startPostgres();
  await coatcheck.createSchema(database.url);
  const pool = new pg.Pool({ connectionString: database.url });
  const PgStore = connectPgSimple(expressSession);
  const client = redis.createClient({ url: server.url });
  await client.connect();
  const common = { secret: SECRET, resave: false, saveUninitialized: false };
  const directory = temporaryDirectory();
  const file = `file:${path.join(directory, 'sessions')}`;
  const FileStore = sessionFileStore(expressSession);
  const MemoryStore = memorystore(expressSession);
  const contestants = {
    none: undefined,
    memory: coatcheck({ secret: SECRET, store: 'memory:' }),
    file: coatcheck({ secret: SECRET, store: file }),
    redis: coatcheck({ secret: SECRET, store: server.url }),
    near: coatcheck({ secret: SECRET, store: `${server.url}?prefix=near:`, nearCache: { size: 1 << 26 } }),
    postgres: coatcheck({ secret: SECRET, store: database.url }),
    floor: floor(SECRET),
    'peer memory': expressSession(common),
    'peer file': expressSession({
      ...common,
      store: new FileStore({ path: path.join(directory, 'files'), logFn() {} }),
    }),
    'peer sqlite': expressSession({ ...common, store: new SqliteStore(path.join(directory, 'sessions.sqlite')) }),
    'peer redis': expressSession({ ...common, store: new connectRedis.RedisStore({ client }) }),
    'peer postgres': expressSession({
      ...common,
      store: new PgStore({ pool, createTableIfMissing: true, pruneSessionInterval: false }),
    }),
    'v1-memory': v1(common),
    'peer memorystore': expressSession({ ...common, store: new MemoryStore({ checkPeriod: 86_400_000 }) }),
    'v1-connect-redis': v1({ ...common, store: new connectRedis.RedisStore({ client, prefix: 'v1:' }) }),
    'cookie-session': ourCookieSession({ keys: [SECRET] }),
    'peer cookie-session': cookieSession({ keys: [SECRET] }),
  };
  const servers = {};
  const cookies = {};
  for (const [name, middleware] of Object.entries(contestants)) {
    servers[name] = await serve(middleware);
    cookies[name] = await logIn(servers[name].port);
  }
  cookies.none = cookies['peer memory'];

  const entries = [];
  for (const route of ['untouched', 'read', 'write']) {
    const clients = {};
    for (const name of Object.keys(contestants)) {
      clients[name] = await Client.connect(servers[name].port, `/${route}`, cookies[name]);
    }
    const times = await race(
      Object.fromEntries(Object.entries(clients).map(([name, one]) => [name, (n) => one.run(n)])),
      { rounds: Number(process.env.ROUNDS ?? 21), operations: Number(process.env.OPERATIONS ?? 1000) },
    );
    for (const one of Object.values(clients)) one.close();
    const added = (who) => Math.max(times[who] - times.none, RESOLUTION);
    for (const [ours, suffix, peer, name, untouched, read, write = read] of COMPARED) {
      const aim = { untouched, read, write }[route];
      entries.push(entry(`node/express/${route}@${ours}${suffix}`, added(ours), name, added(peer), aim));
    }
    const whole = Object.entries(times).map(([who, ns]) => `${who} ${(ns / 1000).toFixed(1)}`);
    console.log(`${route}, whole requests in µs: ${whole.join(', ')}`);
  }
  report(entries);
  for (const one of Object.values(servers)) one.close();
  await client.close();
  await pool.end();
  server.stop();
  database.stop();
  process.exit(); // session-file-store's timer
}

main();
