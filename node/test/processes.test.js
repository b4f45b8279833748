'use strict';

// Many threads, many processes, and the end of each.

const assert = require('node:assert/strict');
const { execFile, fork } = require('node:child_process');
const path = require('node:path');
const { once } = require('node:events');
const { promisify } = require('node:util');
const vm = require('node:vm');
const { Worker } = require('node:worker_threads');
const { test, describe } = require('node:test');
const { Redis, SECRET, fileStore, freePort, memoryStore, start } = require('./support.js');

const run = promisify(execFile);
const CHILD = path.join(__dirname, 'fixtures', 'add-keys.js');
const PACKAGE = JSON.stringify(path.join(__dirname, '..'));

const ROUTES = {
  '/write': (req, res) => {
    req.session.begun = true;
    res.end();
  },
  '/read': (req, res) => res.json(Object.keys(req.session).length - 1),
};

test('worker threads share one memory store and lose nothing', async (t) => {
  const store = memoryStore();
  const browser = await start(t, ROUTES, { store });
  await browser.get('/write');
  const workers = ['a', 'b', 'c'].map((name) => {
    const workerData = { store, secret: SECRET, cookie: browser.cookieHeader(), name, count: 200 };
    return new Worker(CHILD, { workerData });
  });
  const codes = await Promise.all(workers.map(async (worker) => (await once(worker, 'exit'))[0]));
  assert.deepEqual(codes, [0, 0, 0]);
  assert.equal(await browser.json('/read'), 601);
});

test('processes share one file store and lose nothing', async (t) => {
  const store = fileStore(t);
  const browser = await start(t, ROUTES, { store });
  await browser.get('/write');
  const children = ['a', 'b', 'c'].map((name) => {
    const data = { store, secret: SECRET, cookie: browser.cookieHeader(), name, count: 100 };
    return fork(CHILD, [JSON.stringify(data)]);
  });
  const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0]));
  assert.deepEqual(codes, [0, 0, 0]);
  assert.equal(await browser.json('/read'), 301);
});

for (const kind of ['file', 'redis']) {
  test(`a cluster counts in one session on ${kind}, and every process of it ends by itself`, async (t) => {
    const store = kind === 'file' ? fileStore(t) : (await Redis.start(t)).url;
    const { stdout } = await run(process.execPath, [path.join(__dirname, 'fixtures', 'cluster.js'), store, SECRET]);
    const { n, workers, codes } = JSON.parse(stdout);
    assert.equal(n, 150);
    assert.ok(workers > 1);
    assert.deepEqual(codes, [0, 0, 0]);
  });

  test(`another process clears the ${kind} store: everybody is logged out`, async (t) => {
    const store = kind === 'file' ? fileStore(t) : (await Redis.start(t)).url;
    const [ann, bob] = [await start(t, ROUTES, { store }), await start(t, ROUTES, { store })];
    await ann.get('/write');
    await bob.get('/write');
    const code = `new (require(${PACKAGE})).Store(${JSON.stringify(store)}).clear().then(() => process.exit())`;
    await run(process.execPath, ['-e', code]);
    for (const browser of [ann, bob]) assert.equal(await browser.json('/read'), 0);
    await bob.get('/write');
    assert.equal(await bob.json('/read'), 1);
  });
}

test('a store file that another process deletes is said to be gone once, then all go on with the new one', async (t) => {
  const store = fileStore(t);
  const browser = await start(t, ROUTES, { store });
  await browser.get('/write');
  await run('rm', [store.slice('file:'.length)]);
  assert.equal((await browser.get('/write')).status, 503);
  await browser.get('/write');
  assert.equal(await browser.json('/read'), 1);
  const data = { store, secret: SECRET, cookie: browser.cookieHeader(), name: 'a', count: 5 };
  const child = fork(CHILD, [JSON.stringify(data)]);
  assert.deepEqual((await once(child, 'exit'))[0], 0);
  assert.equal(await browser.json('/read'), 6);
});

test('worker threads that are terminated in the middle of remote work harm nothing', async (t) => {
  const redis = await Redis.start(t);
  const browser = await start(t, ROUTES, { store: redis.url });
  await browser.get('/write');
  for (let round = 0; round < 10; ++round) {
    const workerData = {
      store: redis.url,
      secret: SECRET,
      cookie: browser.cookieHeader(),
      name: `w${round}`,
      count: 1e9,
    };
    const worker = new Worker(CHILD, { workerData });
    const before = await browser.json('/read');
    while ((await browser.json('/read')) < before + 5);
    await worker.terminate();
  }
  assert.equal((await browser.get('/write')).status, 200);
});

test('worker threads end by themselves with a remote store open, and the addon loads again after them', async (t) => {
  const redis = await Redis.start(t);
  const browser = await start(t, ROUTES, { store: redis.url });
  await browser.get('/write');
  for (let round = 0; round < 3; ++round) {
    const workerData = {
      store: redis.url,
      secret: SECRET,
      cookie: browser.cookieHeader(),
      name: `r${round}`,
      count: 5,
    };
    const [code] = await once(new Worker(CHILD, { workerData }), 'exit');
    assert.equal(code, 0);
  }
  assert.equal(await browser.json('/read'), 16);
});

describe('a process ends by itself', () => {
  const ends = async (code, env = {}) => {
    const script = `const session = require(${PACKAGE});
      const secret = '${SECRET}';
      const request = (middleware, cookie, done) => {
        const { IncomingMessage, ServerResponse } = require('node:http');
        const req = Object.assign(new IncomingMessage(new (require('node:net').Socket)()), { url: '/', headers: { cookie } });
        const res = new ServerResponse(req);
        res.end = done;
        middleware(req, res, () => { req.session.n = 1; res.end(); });
      };
      ${code}`;
    const began = Date.now();
    const { stdout } = await run(process.execPath, ['-e', script], {
      env: { ...process.env, ...env },
      timeout: 90_000,
    });
    assert.ok(Date.now() - began < 60_000, 'the process lived on');
    return stdout.trim();
  };

  test('with a memory or file store', async (t) => {
    const code = `for (const store of ['memory:', '${fileStore(t)}']) {
      request(session({ secret, store }), undefined, () => console.log('done'));
    }`;
    assert.equal(await ends(code), 'done\ndone');
  });

  test('with an idle connection to Redis', async (t) => {
    const { url } = await Redis.start(t);
    const code = `request(session({ secret, store: '${url}' }), undefined, () => console.log('done'));`;
    assert.equal(await ends(code), 'done');
  });

  test('with a Redis that was never asked, or is not there', async () => {
    const url = `redis://127.0.0.1:${await freePort()}`;
    assert.equal(await ends(`session({ secret, store: '${url}' }); console.log('made');`), 'made');
  });

  test('but not before an operation under way has ended', async (t) => {
    const redis = await Redis.start(t);
    redis.freeze();
    const code = `session({ secret, store: '${redis.url}?timeout=1000' });
      new session.Store('${redis.url}?timeout=1000').get('x', (error) => console.log(error.code));`;
    assert.match(await ends(code), /^ERR_STORE_(TIMEOUT|UNAVAILABLE)$/);
  });

  test('with process.exit() in the middle', async (t) => {
    const { url } = await Redis.start(t);
    const code = `for (let i = 0; i < 100; ++i) request(session({ secret, store: '${url}' }), undefined, () => {});
      setImmediate(() => { console.log('bye'); process.exit(0); });`;
    assert.equal(await ends(code), 'bye');
  });
});

test('several contexts of one process each load the package', async () => {
  const code = `const s = require(${PACKAGE} + '/lib/binding.js');
    typeof s.createKeys(['${SECRET}'], 'secret').sign('x')`;
  for (let i = 0; i < 3; ++i) {
    const { createRequire } = require('node:module');
    const fresh = createRequire(__filename);
    assert.equal(vm.runInNewContext(code, { require: fresh }), 'string');
  }
});
