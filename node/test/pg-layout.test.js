'use strict';

// Beside connect-pg-simple: one fleet, of which a part is express-session with connect-pg-simple and a part is coatcheck
// on `?layout=connect-pg-simple`, on one table of one PostgreSQL. What either writes is what the other would have.

const assert = require('node:assert/strict');
const { test, before, after } = require('node:test');
const connectPgSimple = require('connect-pg-simple');
const expressSession = require('express-session');
const { Pool } = require('pg');
const { NAME, application, at, idOf, slow, timeless } = require('./fleet.js');
const { Browser, Postgres, SECRET, gate, session } = require('./support.js');

const { Store, createSchema, schemaSql } = session;
const PgStore = connectPgSimple(expressSession);
const MEMBERS = ['connect-pg-simple', 'coatcheck', 'Store'];
const ends = [];
let postgres;
let pool;

before(async () => {
  postgres = await Postgres.start({ after: (end) => ends.push(end) });
  pool = new Pool({ host: '127.0.0.1', port: postgres.port, user: 'coatcheck', database: 'postgres' });
  pool.on('error', () => {}); // the server is stopped first
});
after(async () => {
  await pool.end();
  for (const end of ends) await end();
});

let tables = 0;

// The three kinds of member that such a fleet can have. The table is made by one of the two.
async function fleet(t, { cookie = {}, parameters = '', peer = {}, made = 'there' } = {}) {
  const schemaName = `fleet_${++tables}`; // the names of its table's indexes are always the same
  const table = `${schemaName}.session`;
  await pool.query(`CREATE SCHEMA ${schemaName}`);
  const url = `${postgres.url.replace('5000', '20000')}&layout=connect-pg-simple&table=${table}${parameters}`;
  if (made === 'here') await createSchema(url);
  const common = { secret: SECRET, name: NAME, resave: false, saveUninitialized: false, cookie };
  const theirs = { pool, schemaName, createTableIfMissing: true, pruneSessionInterval: false, ...peer };
  const store = new PgStore(theirs);
  if (made === 'there') await new Promise((resolve) => store.get('nobody', resolve));
  const members = {
    'connect-pg-simple': expressSession({ ...common, store }),
    coatcheck: session({ secret: SECRET, name: NAME, cookie, store: url, touchShare: 0 }),
    Store: expressSession({ ...common, store: new Store(url) }),
  };
  const urls = {};
  for (const [name, middleware] of Object.entries(members)) urls[name] = await application(t, middleware);
  const rows = async () => (await pool.query(`SELECT sid, sess::text, expire FROM ${table} ORDER BY sid`)).rows;
  return { urls, rows, table, url };
}

// The row with its times as distances from now, in steps of a minute, for the programs run one after the other.
async function stored(rows, id) {
  const row = (await rows()).find(({ sid }) => sid === id);
  const far = (date) => Math.round((new Date(date) - Date.now()) / 60_000);
  assert.equal(row.expire.getMilliseconds(), 0); // whole seconds, rounded up from the cookie's
  const expires = /"expires":"([^"]+)"/.exec(row.sess)?.[1];
  if (expires) assert.ok(row.expire - new Date(expires) < 1000 || row.expire > new Date(expires));
  return {
    sess: timeless(row.sess, 60_000),
    expire: far(row.expire),
  };
}

for (const [kind, cookie] of Object.entries({
  'of the browser session': { secure: false, sameSite: 'lax' },
  'with an age': { maxAge: 3_600_000, secure: false, sameSite: 'strict' },
})) {
  test(`the same program leaves the same bytes and the same time, with a cookie ${kind}`, async (t) => {
    const { urls, rows } = await fleet(t, { cookie });
    const seen = {};
    for (const member of MEMBERS) {
      const browser = new Browser(urls[member]);
      const steps = ['/set?a=1&text="é"&list=[1,2.5,{"x":null}]', '/read', '/set?a=2', '/untouched', '/login?user=ann'];
      steps.push('/set?n=0.1&big=1e21', '/age?ms=500000', '/read', '/set?after={}');
      seen[member] = [];
      for (const step of steps) {
        const answer = await browser.get(encodeURI(step));
        assert.equal(answer.status, 200, answer.body);
        seen[member].push({ step, ...(await stored(rows, idOf(browser))) });
      }
      await browser.get('/logout');
      assert.deepEqual(await rows(), []);
    }
    assert.deepEqual(seen.coatcheck, seen['connect-pg-simple']);
    assert.deepEqual(seen.Store, seen['connect-pg-simple']);
  });
}

for (const [first, second, made] of [
  ['connect-pg-simple', 'coatcheck', 'there'],
  ['coatcheck', 'connect-pg-simple', 'here'],
  ['Store', 'coatcheck', 'here'],
]) {
  test(`a login at ${first} is one at ${second}, and so is the logout, in a table made ${made}`, async (t) => {
    const { urls, rows } = await fleet(t, { made });
    const browser = new Browser(urls[first]);
    const other = at(browser, urls[second]);
    await browser.get('/set?cart=[1]');
    const earlier = browser.clone();
    await browser.get('/login?user=ann');
    assert.deepEqual(await other.json('/read'), { user: 'ann' });
    assert.deepEqual(await at(earlier, urls[second]).json('/read'), {});
    for (let n = 1; n <= 4; ++n) {
      await (n % 2 ? other : browser).get(`/set?n=${n}`);
      assert.deepEqual(await (n % 2 ? browser : other).json('/read'), { user: 'ann', n });
    }
    assert.equal((await rows()).length, 1);
    const kept = browser.clone();
    await other.get('/logout');
    assert.deepEqual(await rows(), []);
    assert.deepEqual(await kept.json('/read'), {});
  });
}

test('what the peer writes meanwhile is merged, and a logout at the peer stands', async (t) => {
  const { urls, rows } = await fleet(t);
  const ours = new Browser(urls.coatcheck);
  const peer = at(ours, urls['connect-pg-simple']);
  await ours.get('/set?a=1');
  Object.assign(slow, { reached: gate(), go: gate() });
  let late = ours.get('/slow?mine=1');
  await slow.reached.opened;
  await peer.get('/set?theirs=2');
  slow.go.open();
  assert.equal((await late).status, 200);
  assert.deepEqual(await peer.json('/read'), { a: 1, theirs: 2, mine: 1 });

  Object.assign(slow, { reached: gate(), go: gate() });
  late = ours.clone().get('/slow?mine=2');
  await slow.reached.opened;
  await peer.get('/logout');
  slow.go.open();
  await late;
  assert.deepEqual(await rows(), []);
});

test('ttl and disableTouch, by the names that they have there', async (t) => {
  const parameters = '&ttl=1000&disableTouch=true';
  const { urls, rows, table } = await fleet(t, { parameters, peer: { ttl: 1000, disableTouch: true } });
  for (const member of MEMBERS) {
    const browser = new Browser(urls[member]);
    await browser.get('/set?a=1');
    const left = (await rows())[0].expire - Date.now();
    assert.ok(left > 900_000 && left <= 1_001_000, `${member}: ${left}`);
    await pool.query(`UPDATE ${table} SET expire = expire - interval '5 minutes'`);
    const moved = (await rows())[0].expire.getTime();
    await browser.get('/read');
    assert.equal((await rows())[0].expire.getTime(), moved, member);
    await browser.get('/set?a=2');
    assert.ok((await rows())[0].expire.getTime() > moved, member);
    await browser.get('/logout');
  }
});

test('what has expired is pruned, and a row that is no session is not read as one', async (t) => {
  const { urls, rows, table, url } = await fleet(t);
  const browser = new Browser(urls.coatcheck);
  await browser.get('/set?a=1');
  await pool.query(`INSERT INTO ${table} VALUES ('old', '{"cookie":{}}', now() - interval '1 minute')`);
  const store = new Store(url);
  t.after(() => store.close());
  assert.deepEqual(await store.ids(), [idOf(browser)]);
  assert.equal(await store.prune(), 1);
  assert.equal((await rows()).length, 1);
  for (const value of ['[]', '{"a":1}', '{"cookie":1}']) {
    await pool.query(`UPDATE ${table} SET sess = '${value}'`);
    assert.equal((await browser.clone().get('/read')).status, 503, value);
    assert.equal((await rows())[0].sess, value);
  }
  assert.equal((await browser.get('/logout')).status, 200);
  assert.deepEqual(await rows(), []);
});

test("what the layout has no place for is refused, with the layout's name", () => {
  const url = 'postgresql://127.0.0.1:1/db?layout=connect-pg-simple';
  for (const [options, message] of [
    [{ absoluteTimeout: 1000 }, /absolute timeout in the layout of connect-pg-simple/],
    [{ mode: 'jwt' }, /on tokens in the layout of connect-pg-simple/],
    [{ store: `${url}&ttl=5`, idleTimeout: 5000 }, /said twice .* in the layout of connect-pg-simple/],
    [{ store: `${url}&disableTouch=maybe` }, /disableTouch must be true or false/],
    [{ store: 'postgresql://127.0.0.1:1/db?ttl=5' }, /layout=connect-pg-simple alone/],
  ]) {
    assert.throws(() => session({ secret: SECRET, store: url, ...options }), message);
  }
  assert.match(
    schemaSql(`${url}&table=app.mine`),
    /CREATE TABLE IF NOT EXISTS "app"."mine" \(\s+"sid" varchar NOT NULL/,
  );
});
