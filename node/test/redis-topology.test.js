'use strict';

// A Redis cluster, and a master that sentinels name, under an Express application: sessions are there before and after
// a master is killed, and while one takes over nobody is served as if he had no session.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const readline = require('node:readline');
const { test } = require('node:test');
const { Browser, COUNTER, start } = require('./support.js');

const SERVERS = path.join(__dirname, '../../tests/redis_topology.py');

async function topology(t, kind) {
  const child = spawn('python3', [SERVERS, kind], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(async () => {
    child.stdin.end();
    if (child.exitCode === null) await once(child, 'exit');
  });
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const url = (await lines.next()).value;
  const failover = async () => {
    child.stdin.write('failover\n');
    assert.equal((await lines.next()).value, 'done');
  };
  return { url, failover };
}

for (const kind of ['cluster', 'sentinel']) {
  test(`redis+${kind}: sessions outlive a master`, { timeout: 120_000 }, async (t) => {
    const servers = await topology(t, kind);
    const first = await start(t, COUNTER, { store: `${servers.url}?timeout=2000` });
    // Enough for every master of a cluster to have some.
    const browsers = [first, ...Array.from({ length: 19 }, () => new Browser(first.url))];
    const all = (target) => Promise.all(browsers.map((one) => one.get(target)));
    for (const answer of await all('/write')) assert.equal(answer.status, 200, answer.body);
    for (const answer of await all('/read')) assert.equal(answer.body, '{"n":1}');

    let over = false;
    const changed = servers.failover().finally(() => {
      over = true;
    });
    const seen = new Map();
    while (!over) {
      for (const { status, body } of await all('/read')) {
        assert.ok(status === 503 || body === '{"n":1}', `${status} ${body}`);
        seen.set(status, (seen.get(status) ?? 0) + 1);
      }
    }
    await changed;
    const switched = Date.now();
    for (;;) {
      const answers = await all('/write');
      if (answers.every(({ status }) => status === 200)) break;
      assert.ok(Date.now() - switched < 10_000, 'writes do not work again');
    }
    t.diagnostic(`${kind}: ${JSON.stringify([...seen])}; all written ${Date.now() - switched} ms after the switch`);
    for (const answer of await all('/read')) assert.ok(JSON.parse(answer.body).n >= 2);
  });
}

test('a process ends by itself, though a sentinel is listened to', { timeout: 60_000 }, async (t) => {
  const { url } = await topology(t, 'sentinel');
  const program = `new (require(${JSON.stringify(path.join(__dirname, '..'))})).Store('${url}').clear()`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'inherit', 'inherit'] });
  const began = Date.now();
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
  assert.ok(Date.now() - began < 10_000);
});
