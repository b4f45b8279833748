'use strict';

// node/redis/{get,set}@{1,32,256}: 268 bytes with so many callers at once, each of which awaits its answer before it asks
// again. Against the better of node-redis and ioredis with auto-pipelining, in the same rounds. `…@cpu` is what of that
// time this process ran, `…@tls` the same against ours without TLS: by CPU, for the server is one process for all.

const Ioredis = require('ioredis').default;
const redis = require('redis');
const { native, operate } = require('../../node/lib/native.js');
const { callers, entry, raceByClocks, report } = require('./measure.js');
const { SESSION, startRedis } = require('./support.js');

const VALUE = JSON.stringify(SESSION).slice(0, 268);
const AIMS = { 1: 1.5, 32: 3, 256: 3 };
const CPU_AIM = 3;
const TLS_AIM = 1 / 1.3;
const OPERATIONS = { 1: 1000, 32: 10_000, 256: 20_000 };
const HOUR = 3_600_000;

function check(value) {
  if (value !== VALUE) throw new Error('wrong value');
}

function ours(url) {
  const store = native.openStore(`${url}timeout=5000&prefix=`);
  const end = Date.now() + HOUR;
  return {
    get: async () => check(await operate((slot) => store.get('bench', slot))),
    set: async () => {
      const stored = await operate((slot) => store.put('bench', VALUE, end, undefined, slot));
      if (stored instanceof Error) throw stored;
    },
    close: () => store.close(),
  };
}

async function main() {
  const server = await startRedis({ tls: true });
  const nodeRedis = redis.createClient({ url: server.url });
  await nodeRedis.connect();
  const ioredis = new Ioredis(server.port, '127.0.0.1', { enableAutoPipelining: true });
  const clients = {
    ours: ours(`${server.url}?`),
    tls: ours(`${server.tlsUrl}?ca=${server.ca}&`),
    'node-redis 6.3.1': {
      get: async () => check(await nodeRedis.get('peer')),
      set: () => nodeRedis.set('peer', VALUE, { PX: HOUR }),
      close: () => nodeRedis.close(),
    },
    'ioredis 6.0.0': {
      get: async () => check(await ioredis.get('peer')),
      set: () => ioredis.set('peer', VALUE, 'PX', HOUR),
      close: () => ioredis.disconnect(),
    },
  };
  for (const one of Object.values(clients)) await one.set();

  const entries = [];
  for (const what of ['get', 'set']) {
    for (const count of [1, 32, 256]) {
      const name = `node/redis/${what}@${count}`;
      const contestants = Object.entries(clients).map(([who, client]) => [who, callers(count, client[what])]);
      const found = await raceByClocks(Object.fromEntries(contestants), { rounds: 21, operations: OPERATIONS[count] });
      for (const [clock, suffix, aim] of [
        ['time', '', AIMS[count]],
        ['cpu', '@cpu', CPU_AIM],
      ]) {
        const { ours: own, tls: _tls, ...peers } = found[clock];
        const [peer, best] = Object.entries(peers).sort((a, b) => a[1] - b[1])[0];
        entries.push(entry(name + suffix, own, peer, best, aim));
      }
      entries.push(entry(`${name}@tls`, found.cpu.tls, 'ours, without TLS', found.cpu.ours, TLS_AIM));
    }
  }
  report(entries);
  for (const one of Object.values(clients)) await one.close();
  server.stop();
}

main();
