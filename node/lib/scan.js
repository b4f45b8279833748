'use strict';

// The keys of a native store that are wanted, a page at a time. The loop has its turn after each step, whatever the store
// holds.

const { checked } = require('./errors.js');
const { operate } = require('./native.js');

const PAGE = 256; // keys of one step
const STEP = 1; // ms that a scan may hold the loop

const turnOfTheLoop = () => new Promise(setImmediate);

async function* pagesOf(store, wanted) {
  const seen = store.scanRepeats ? new Set() : undefined;
  let cursor = '';
  let began = performance.now();
  do {
    const [next, ...keys] = checked(await operate((slot) => store.scan(cursor, PAGE, slot)));
    yield keys.filter((key) => wanted(key) && !seen?.has(key));
    for (const key of seen === undefined ? [] : keys) seen.add(key);
    cursor = next;
    if (performance.now() - began > STEP) {
      await turnOfTheLoop();
      began = performance.now();
    }
  } while (cursor !== '');
}

// How many keys there are.
async function countOf(pages) {
  let count = 0;
  for await (const keys of pages) count += keys.length;
  return count;
}

// Runs `look` for each key, a page at a time.
async function eachOf(pages, look) {
  for await (const keys of pages) await Promise.all(keys.map(look));
}

module.exports = { countOf, eachOf, pagesOf };
