// One request of an application whose session has types that JSON has not; see test_typed.py. Arguments: what to do, the
// store, the secret, a cookie. Prints { cookie, seen }.

const http = require('node:http');
const path = require('node:path');

const session = require(path.resolve(__dirname, '../../node'));
const [, , what, store, secret, cookie] = process.argv;

const WORK = {
  write(s) {
    s.date = new Date(1_800_000_000_000);
    s.exact = new Date(1_800_000_000_123);
    s.big = 2n ** 80n;
    s.map = new Map([
      ['a', 1],
      [2n ** 70n, 'b'],
    ]);
    s.set = new Set(['x', 'y']);
    s.buffer = Buffer.from([0, 255]);
    s.url = new URL('https://a.example/b');
    s.pattern = /a+/g;
    s.lookalike = { ' d': 'x' };
  },
  read: (s) => ({
    when: s.when.getTime(),
    fine: s.fine.getTime(),
    big: String(s.big),
    set: [...s.set],
    bytes: [...s.bytes],
    tuple: String(s.pair.value),
    uuid: String(s.uuid),
    map: s.mapping,
  }),
  touch(s) {
    s.touched = true;
  },
};

const middleware = session({ secret, store, types: 'tagged' });
const server = http.createServer((req, res) => {
  middleware(req, res, (error) => {
    if (error) throw error;
    res.end(JSON.stringify(WORK[what](req.session) ?? null));
  });
});
server.listen(0, '127.0.0.1', async () => {
  const answer = await fetch(`http://127.0.0.1:${server.address().port}`, { headers: cookie ? { cookie } : {} });
  const set = answer.headers.getSetCookie().map((line) => line.split(';')[0])[0];
  process.stdout.write(JSON.stringify({ cookie: set ?? cookie, seen: await answer.json() }));
  server.close();
});
