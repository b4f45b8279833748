'use strict';

// What a million sessions cost in memory: bytes of the process for each, and the longest time that the event loop was
// held while they are filled, counted (a scan), expired and filled again in their place.
//
//   node --expose-gc bench/node/probe-sessions.js [ours|peer] [sessions]
//
// 380 bytes of JSON each, the cookie's part included, through the calls of express-session. The peer's MemoryStore drops an expired session when it
// is asked for it, or when all are counted.

const { performance } = require('node:perf_hooks');
const expressSession = require('express-session');
const coatcheck = require('../../node');
const { SESSION } = require('./support.js');

const [who = 'ours', count = '1000000'] = process.argv.slice(2);
const SESSIONS = Number(count);
const BATCH = 20; // calls between two turns of the loop, as so many requests would make
const TTL = 60_000;
const DATA = { ...SESSION, theme: 'dark-green' };

// Looks at the clock in every turn of the loop.
let longest = 0;
let last = performance.now();
(function look() {
  const now = performance.now();
  longest = Math.max(longest, now - last);
  last = now;
  setImmediate(look);
})();
const turn = () => new Promise(setImmediate);

async function phase(name, work) {
  await turn();
  longest = 0;
  const began = performance.now();
  await work();
  await turn();
  console.log(
    `${name.padEnd(10)} ${((performance.now() - began) / 1000).toFixed(1)} s, longest pause ${longest.toFixed(1)} ms`,
  );
}
const memory = () => {
  global.gc?.();
  return process.memoryUsage().rss;
};
const call = (store, method, ...args) =>
  new Promise((resolve, reject) => store[method](...args, (error, value) => (error ? reject(error) : resolve(value))));

function check(error) {
  if (error) throw error;
}

async function fill(store, prefix, expires) {
  const session = { ...DATA, cookie: { originalMaxAge: TTL, expires, httpOnly: true, path: '/' } };
  for (let i = 0; i < SESSIONS; ++i) {
    // A session object for each, as a request has one; what it is known by ends with it.
    store.set(`${prefix}-${i}`, { ...session }, check);
    if (i % BATCH === 0) await turn();
  }
}

async function main() {
  const store =
    who === 'peer' ? new expressSession.MemoryStore() : new coatcheck.Store('memory:probe?max_bytes=4000000000');
  const before = memory();
  const soon = new Date(Date.now() + 1000 * Math.max(20, SESSIONS / 20_000));
  await phase('fill', () => fill(store, 'a', soon));
  console.log(`bytes      ${Math.round((memory() - before) / SESSIONS)} a session`);
  await phase('count', async () => {
    const found = await call(store, 'length');
    if (who === 'ours' && found !== SESSIONS) throw new Error(`${found} of ${SESSIONS} sessions are there`);
  });
  if (Date.now() >= soon.getTime()) throw new Error('the machine is too slow: they have expired already');
  while (Date.now() < soon.getTime()) await new Promise((resolve) => setTimeout(resolve, 100));
  await phase('expire', () => fill(store, 'b', new Date(Date.now() + 3_600_000)));
  console.log(`bytes      ${Math.round((memory() - before) / SESSIONS)} a session`);
  process.exit();
}

main();
