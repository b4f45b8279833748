'use strict';

// What takes the place of another package, beside it: the middleware alone, on a response that goes nowhere.
//   node/v1/{untouched,read,write}@memory          coatcheck/v1 and express-session, each with its MemoryStore
//   node/v1/{untouched,read,write}@map             the same on one store that answers at once, a Map of JSON
//   node/plain/{untouched,read,write}@map          coatcheck on that store
//   node/v1-cost/{untouched,read,write}@map        coatcheck/v1 against coatcheck: may be 1.2 times as slow
//   node/cookie-session/{untouched,read,write}     and cookie-session
//   node/seal                                      a seal and an unseal of coatcheck/iron-session and of iron-session

const expressSession = require('express-session');
const theirCookieSession = require('cookie-session');
const theirIron = require('iron-session');
const coatcheck = require('../../node');
const v1 = require('../../node/v1.js');
const ourCookieSession = require('../../node/cookie-session.js');
const ourIron = require('../../node/iron-session.js');
const { request } = require('./bare.js');
const { entry, race, report } = require('./measure.js');
const { SECRET, SESSION } = require('./support.js');

const OPTIONS = { secret: SECRET, resave: false, saveUninitialized: false };
const ROUNDS = { rounds: 31, operations: 1000 };
const EXPRESS = 'express-session 1.19.0';

class MapStore extends expressSession.Store {
  sessions = new Map();
  get(sid, done) {
    const json = this.sessions.get(sid);
    done(null, json && JSON.parse(json));
  }
  set(sid, session, done) {
    this.sessions.set(sid, JSON.stringify(session));
    done();
  }
  touch(sid, session, done) {
    this.set(sid, session, done);
  }
  destroy(sid, done) {
    this.sessions.delete(sid);
    done();
  }
}

let visits = 0;
const USES = {
  untouched: () => {},
  read: (session) => {
    if (session.user.id !== SESSION.user.id) throw new Error('wrong session');
  },
  write: (session) => {
    visits += 1;
    session.visits = visits;
  },
};

// A contestant of each use, with a session of its own.
async function contestants(middleware) {
  const first = await request(middleware, undefined, (session) => Object.assign(session, SESSION));
  const cookie = []
    .concat(first.headers['set-cookie'])
    .map((line) => line.split(';')[0])
    .join('; ');
  return Object.fromEntries(
    Object.entries(USES).map(([use, change]) => [
      use,
      async (n) => {
        // Nobody looks at an untouched session: cookie-session and coatcheck read it when somebody does.
        for (let i = 0; i < n; ++i) await request(middleware, cookie, change, use !== 'untouched');
      },
    ]),
  );
}

async function compare(name, ours, theirs, peer, aim) {
  const [mine, others] = [await contestants(ours), await contestants(theirs)];
  const entries = [];
  for (const use of Object.keys(USES)) {
    const times = await race({ ours: mine[use], peer: others[use] }, ROUNDS);
    entries.push(entry(name(use), times.ours, peer, times.peer, aim));
  }
  return entries;
}

async function seals() {
  const password = SECRET;
  const round = (entryPoint) => async (n) => {
    for (let i = 0; i < n; ++i)
      await entryPoint.unsealData(await entryPoint.sealData(SESSION, { password }), { password });
  };
  const times = await race({ ours: round(ourIron), peer: round(theirIron) }, { rounds: 11, operations: 200 });
  return entry('node/seal', times.ours, 'iron-session 8.0.4', times.peer, 50);
}

async function main() {
  const own = () => ({ ...OPTIONS, store: new MapStore() });
  const keys = [SECRET];
  report([
    ...(await compare(
      (use) => `node/v1/${use}@memory`,
      v1(OPTIONS),
      expressSession(OPTIONS),
      `${EXPRESS}, MemoryStore`,
      1,
    )),
    ...(await compare((use) => `node/v1/${use}@map`, v1(own()), expressSession(own()), EXPRESS, 1)),
    ...(await compare((use) => `node/plain/${use}@map`, coatcheck(own()), expressSession(own()), EXPRESS, 1)),
    ...(await compare((use) => `node/v1-cost/${use}@map`, v1(own()), coatcheck(own()), 'coatcheck', 1 / 1.2)),
    ...(await compare(
      (use) => `node/cookie-session/${use}`,
      ourCookieSession({ keys }),
      theirCookieSession({ keys }),
      'cookie-session 2.1.1',
      1,
    )),
    await seals(),
  ]);
}

main();
