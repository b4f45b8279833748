'use strict';

// Sessions in a real PostgreSQL: through Express, over TLS, without its table, when it goes away, and those that
// connect-pg-simple has left there.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const signature = require('cookie-signature');
const { COUNTER, Postgres, SECRET, session, start } = require('./support.js');

const { Store, createSchema, schemaSql } = session;
const ROUTES = {
  ...COUNTER,
  '/all': (req, res) => {
    const { cookie, ...data } = req.session;
    res.json(data);
  },
  '/logout': (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.end('out')));
  },
};

test('a request writes, another reads, a logout ends it', async (t) => {
  const postgres = await Postgres.start(t);
  assert.equal(await createSchema(postgres.url), 1);
  assert.deepEqual(await Promise.all([createSchema(postgres.url), createSchema(postgres.url)]), [1, 1]);
  const browser = await start(t, ROUTES, { store: postgres.url });
  assert.equal((await browser.json('/write')).n, 1);
  assert.equal((await browser.json('/write')).n, 2);
  assert.equal((await browser.json('/read')).n, 2);
  assert.equal(postgres.sql('SELECT count(*) FROM coatcheck_sessions'), '1');
  const many = await Promise.all(Array.from({ length: 100 }, () => browser.get('/read')));
  assert.ok(many.every(({ status }) => status === 200));
  assert.equal((await browser.get('/logout')).status, 200);
  assert.equal(postgres.sql('SELECT count(*) FROM coatcheck_sessions'), '0');
  assert.equal((await browser.json('/read')).n, undefined);
});

test('a Store lists, prunes and clears', async (t) => {
  const postgres = await Postgres.start(t);
  const url = `${postgres.url}&table=mine`;
  await createSchema(url);
  const store = new Store(url);
  t.after(() => store.close());
  const cookie = { maxAge: 60_000 };
  await store.set('a', { cookie, n: 1 });
  await store.set('b', { cookie, n: 2 });
  assert.equal((await store.get('b')).n, 2);
  assert.equal(await store.length(), 2);
  postgres.sql("UPDATE mine SET expires_at = 1 WHERE convert_from(value, 'UTF8') LIKE '%\"n\":1%'");
  assert.equal(await store.get('a'), undefined);
  assert.equal(await store.prune(), 1);
  assert.equal(await store.prune(), 0);
  await store.clear();
  assert.equal(await store.length(), 0);
});

test('the SQL of the schema is to be had without a server', async (t) => {
  const postgres = await Postgres.start(t);
  postgres.sql(schemaSql('postgresql://nowhere.invalid/db?table=public.made'));
  const store = new Store(`${postgres.url}&table=made`);
  t.after(() => store.close());
  await store.set('a', { cookie: {}, n: 1 });
  assert.equal((await store.get('a')).n, 1);
  assert.throws(() => schemaSql('redis://127.0.0.1'), { code: 'ERR_STORE_UNSUPPORTED' });
  await assert.rejects(createSchema('memory:x'), { code: 'ERR_STORE_UNSUPPORTED' });
});

test('without its table: 503, and the call that makes it is named', async (t) => {
  const postgres = await Postgres.start(t);
  const errors = [];
  const browser = await start(t, ROUTES, { store: postgres.url }, (error) => errors.push(error));
  assert.equal((await browser.get('/write')).status, 503);
  assert.equal(errors[0].code, 'ERR_STORE_FORMAT');
  assert.match(errors[0].message, /createSchema/);
  await createSchema(postgres.url);
  assert.equal((await browser.get('/write')).status, 200);
});

test('killed and started again: 503 meanwhile, then the same sessions', async (t) => {
  const postgres = await Postgres.start(t);
  await createSchema(postgres.url);
  const browser = await start(t, ROUTES, { store: postgres.url.replace('5000', '500') });
  assert.equal((await browser.json('/write')).n, 1);
  await postgres.kill();
  for (const where of ['/read', '/write', '/logout']) assert.equal((await browser.get(where)).status, 503);
  await postgres.run();
  const end = Date.now() + 10_000;
  for (;;) {
    const answer = await browser.get('/read');
    if (answer.status === 200) {
      assert.equal(JSON.parse(answer.body).n, 1);
      break;
    }
    assert.ok(Date.now() < end, answer.body);
  }
});

// Node exports the functions of its own OpenSSL; libpq's are others, in the same process.
test('over TLS, beside the TLS of Node itself', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'coatcheck-tls-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const [key, certificate] = ['server.key', 'server.crt'].map((name) => path.join(folder, name));
  const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  words.push('-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1');
  const made = spawnSync('openssl', [...words, '-keyout', key, '-out', certificate]);
  assert.equal(made.status, 0, String(made.stderr));
  const files = { 'server.key': fs.readFileSync(key), 'server.crt': fs.readFileSync(certificate) };
  const postgres = await Postgres.start(t, { more: ['ssl = on'], files });
  require('node:tls').createSecureContext(); // Node's own is at work
  await createSchema(`${postgres.url}&sslmode=require`);
  for (const mode of ['require', `verify-full&sslrootcert=${certificate}`]) {
    const browser = await start(t, ROUTES, { store: `${postgres.url}&sslmode=${mode}` });
    assert.equal((await browser.json('/write')).n, 1);
    assert.equal((await browser.json('/read')).n, 1);
    const own = "application_name = 'coatcheck'";
    const secure = `SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ${own}`;
    assert.equal(postgres.sql(secure), 't');
  }
  const errors = [];
  const options = { store: `${postgres.url}&sslmode=verify-full&sslrootcert=/etc/hostname` };
  const wrong = await start(t, ROUTES, options, (error) => errors.push(error));
  assert.equal((await wrong.get('/write')).status, 503);
  assert.match(errors[0].message, /certificate/);
});

test("express-session's records under connect-pg-simple go on here", async (t) => {
  const postgres = await Postgres.start(t);
  await createSchema(postgres.url);
  // As its table.sql has it, and as express-session prints a session.
  postgres.sql(`CREATE TABLE "session" ("sid" varchar NOT NULL COLLATE "default" PRIMARY KEY, "sess" json NOT NULL,
    "expire" timestamp(6) NOT NULL)`);
  const sid = 'AbcdefghijklmnopqrstuvwxyZ012345';
  const cookie = { originalMaxAge: 3_600_000, expires: new Date(Date.now() + 3_600_000), httpOnly: true, path: '/' };
  const sess = JSON.stringify({ cookie, user: { name: 'ann' } });
  postgres.sql(`INSERT INTO "session" VALUES ('${sid}', '${sess}', to_timestamp(${Date.now() / 1000 + 3600}))`);
  const source = { format: 'express-session', url: `${postgres.url}&layout=connect-pg-simple` };
  const browser = await start(t, ROUTES, { store: postgres.url, migrateFrom: [source] });
  browser.jar.set('connect.sid', encodeURIComponent(`s:${signature.sign(sid, SECRET)}`));
  assert.deepEqual(await browser.json('/all'), { user: { name: 'ann' } });
  assert.equal(postgres.sql('SELECT count(*) FROM "session"'), '0');
  assert.deepEqual(await browser.json('/all'), { user: { name: 'ann' } });
  assert.equal(postgres.sql('SELECT count(*) FROM coatcheck_sessions'), '1');
});
