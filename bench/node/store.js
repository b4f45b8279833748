'use strict';

// node/store/{set,get,touch,visit}@memory: Store under express-session, and the MemoryStore that it comes with.
//
// Each call waits for its callback, as express-session does. The session is one that express-session makes, with 380
// bytes of JSON; `visit` is what a request does that changes its session: get, createSession, set.

const expressSession = require('express-session');
const coatcheck = require('../../node');
const { entry, race, report } = require('./measure.js');
const { SECRET, SESSION } = require('./support.js');

const SESSIONS = 1000;
const PEER = 'express-session 1.19.0, MemoryStore';

function sessionsOf(store) {
  expressSession({ secret: SECRET, store, resave: false, saveUninitialized: false, cookie: { maxAge: 3_600_000 } });
  return Array.from({ length: SESSIONS }, () => {
    const req = {};
    store.generate(req);
    Object.assign(req.session, SESSION);
    return { id: req.sessionID, session: req.session };
  });
}

// `n` calls, one after another. `call` gets a session and what to call when it is done.
const repeat = (sessions, call) => (n) =>
  new Promise((resolve, reject) => {
    let left = n;
    const next = (error) => {
      if (error) reject(error);
      else if (left-- === 0) resolve();
      else call(sessions[left % SESSIONS], next);
    };
    next();
  });

const CALLS = {
  set: (store) => (one, done) => store.set(one.id, one.session, done),
  get: (store) => (one, done) => store.get(one.id, (error, got) => done(error ?? (got ? null : new Error('lost')))),
  touch: (store) => (one, done) => store.touch(one.id, one.session, done),
  visit: (store) => (one, done) =>
    store.get(one.id, (_error, got) => {
      const session = store.createSession({ sessionID: one.id, sessionStore: store }, got);
      session.visits += 1;
      store.set(one.id, session, done);
    }),
};

async function main() {
  const stores = {
    ours: new coatcheck.Store('memory:bench-store', { secret: SECRET }),
    plain: new coatcheck.Store('memory:bench-store-plain'),
    peer: new expressSession.MemoryStore(),
  };
  const sessions = Object.fromEntries(Object.entries(stores).map(([name, store]) => [name, sessionsOf(store)]));
  const entries = [];
  for (const [name, call] of Object.entries(CALLS)) {
    const contestants = Object.entries(stores).map(([who, store]) => [who, repeat(sessions[who], call(store))]);
    const times = await race(Object.fromEntries(contestants), {
      rounds: Number(process.env.ROUNDS ?? 41),
      operations: Number(process.env.OPERATIONS ?? 5000),
    });
    entries.push(entry(`node/store/${name}@memory`, times.ours, PEER, times.peer, 1));
    entries.push(entry(`node/store/${name}@memory, no secret`, times.plain, PEER, times.peer, 1));
  }
  report(entries);
}

main();
