'use strict';

// node/memcached/{get,set}@{1,32,256}: 268 bytes with so many callers at once, each awaiting its answer before it asks
// again. Against the `memcached` client, with as many connections as is best for it (10, its default), in the same rounds.

const Memcached = require('memcached');
const { native, operate } = require('../../node/lib/native.js');
const { callers, entry, race, report } = require('./measure.js');
const { SESSION, startMemcached } = require('./support.js');

const VALUE = JSON.stringify(SESSION).slice(0, 268);
const AIM = 2;
const OPERATIONS = { 1: 2000, 32: 10_000, 256: 20_000 };

async function main() {
  const server = await startMemcached();
  const store = native.openStore(`memcached://127.0.0.1:${server.port}?timeout=5000&prefix=`);
  const client = new Memcached(`127.0.0.1:${server.port}`);
  const peer = (start) =>
    new Promise((resolve, reject) => start((error, value) => (error ? reject(error) : resolve(value))));
  const end = Date.now() + 3_600_000;
  const ours = {
    get: async () => {
      if ((await operate((slot) => store.get('bench', slot))) !== VALUE) throw new Error('wrong value');
    },
    set: async () => {
      const stored = await operate((slot) => store.put('bench', VALUE, end, undefined, slot));
      if (stored instanceof Error) throw stored;
    },
  };
  const theirs = {
    get: async () => {
      if ((await peer((done) => client.get('peer', done))) !== VALUE) throw new Error('wrong value');
    },
    set: () => peer((done) => client.set('peer', VALUE, 3600, done)),
  };
  await ours.set();
  await theirs.set();

  const entries = [];
  for (const what of ['get', 'set']) {
    for (const count of [1, 32, 256]) {
      const times = await race(
        { ours: callers(count, ours[what]), peer: callers(count, theirs[what]) },
        { rounds: 11, operations: OPERATIONS[count] },
      );
      entries.push(
        entry(`node/memcached/${what}@${count}`, times.ours, 'memcached 2.2.2', times.peer, count === 1 ? 1 : AIM),
      );
    }
  }
  report(entries);
  store.close();
  client.end();
  server.stop();
}

main();
