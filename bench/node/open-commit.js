'use strict';

// node/open-commit@{memory,file}: a request that reads its session, changes one key and stores it; the middleware
// alone, on a response that goes nowhere. Against express-session with its MemoryStore.

const path = require('node:path');
const expressSession = require('express-session');
const coatcheck = require('../../node');
const { request } = require('./bare.js');
const { entry, race, report } = require('./measure.js');
const { SECRET, SESSION, temporaryDirectory } = require('./support.js');

async function contestant(middleware) {
  const res = await request(middleware, undefined, (session) => Object.assign(session, SESSION));
  const cookie = [].concat(res.headers['set-cookie'])[0].split(';')[0];
  let visits = 0;
  const change = (session) => {
    if (session.user.id !== SESSION.user.id) throw new Error('wrong session');
    session.visits = ++visits;
  };
  return async (n) => {
    for (let i = 0; i < n; ++i) await request(middleware, cookie, change);
  };
}

async function main() {
  const file = `file:${path.join(temporaryDirectory(), 'sessions')}`;
  const peer = expressSession({ secret: SECRET, resave: false, saveUninitialized: false });
  const times = await race(
    {
      memory: await contestant(coatcheck({ secret: SECRET, store: 'memory:' })),
      file: await contestant(coatcheck({ secret: SECRET, store: file })),
      peer: await contestant(peer),
    },
    { rounds: 31, operations: 1000 },
  );
  report(
    ['memory', 'file'].map((kind) =>
      entry(`node/open-commit@${kind}`, times[kind], 'express-session 1.19.0, MemoryStore', times.peer, 5),
    ),
  );
}

main();
