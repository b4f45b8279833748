'use strict';

// node/redis/get@{1,32,256}: GET of 268 bytes with so many callers at once, each awaiting its value before it asks
// again. Against the better of node-redis and ioredis with auto-pipelining, in the same rounds.

const Ioredis = require('ioredis').default;
const redis = require('redis');
const { native, operate } = require('../../node/lib/native.js');
const { entry, race, report } = require('./measure.js');
const { SESSION, startRedis } = require('./support.js');

const VALUE = JSON.stringify(SESSION).slice(0, 268);
const AIMS = { 1: 0.95, 32: 2, 256: 2.5 };
const OPERATIONS = { 1: 2000, 32: 10_000, 256: 20_000 };

function callers(count, get) {
  return async (n) => {
    let left = n;
    const caller = async () => {
      while (left-- > 0) if ((await get()) !== VALUE) throw new Error('wrong value');
    };
    await Promise.all(Array.from({ length: count }, caller));
  };
}

async function main() {
  const server = await startRedis();
  const store = native.openStore(`${server.url}?timeout=5000&prefix=`);
  const nodeRedis = redis.createClient({ url: server.url });
  await nodeRedis.connect();
  const ioredis = new Ioredis(server.port, '127.0.0.1', { enableAutoPipelining: true });
  const stored = await operate((slot) => store.put('bench', VALUE, Date.now() + 3_600_000, undefined, slot));
  if (stored instanceof Error) throw stored;
  await nodeRedis.set('peer', VALUE);

  const entries = [];
  for (const count of [1, 32, 256]) {
    const times = await race(
      {
        ours: callers(count, () => operate((slot) => store.get('bench', slot))),
        'node-redis 6.3.1': callers(count, () => nodeRedis.get('peer')),
        'ioredis 6.0.0': callers(count, () => ioredis.get('peer')),
      },
      { rounds: 21, operations: OPERATIONS[count] },
    );
    const { ours, ...peers } = times;
    const [peer, best] = Object.entries(peers).sort((a, b) => a[1] - b[1])[0];
    entries.push(entry(`node/redis/get@${count}`, ours, peer, best, AIMS[count]));
  }
  report(entries);
  store.close();
  await nodeRedis.close();
  ioredis.disconnect();
  server.stop();
}

main();
