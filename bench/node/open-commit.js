'use strict';

// node/open-commit@{memory,file}: a request that reads its session, changes one key and stores it; the middleware
// alone, on a response that goes nowhere. Against express-session with its MemoryStore.

const path = require('node:path');
const expressSession = require('express-session');
const coatcheck = require('../../node');
const { entry, race, report } = require('./measure.js');
const { SECRET, SESSION, temporaryDirectory } = require('./support.js');

// The parts of a response that both middlewares use.
class Response {
  constructor(done) {
    this.done = done;
    this.headers = {};
    this.statusCode = 200;
    this.headersSent = false;
    this._header = null;
  }
  getHeader(name) {
    return this.headers[name.toLowerCase()];
  }
  setHeader(name, value) {
    this.headers[name.toLowerCase()] = value;
  }
  hasHeader(name) {
    return name.toLowerCase() in this.headers;
  }
  _implicitHeader() {
    this.writeHead(this.statusCode);
  }
  writeHead() {
    this._header = 'sent';
    this.headersSent = true;
  }
  write() {
    return true;
  }
  flushHeaders() {}
  end() {
    if (!this._header) this._implicitHeader();
    this.done(this);
    return this;
  }
}

function request(middleware, cookie, change) {
  return new Promise((resolve, reject) => {
    const req = {
      headers: cookie ? { cookie } : {},
      url: '/',
      originalUrl: '/',
      method: 'GET',
      connection: {},
      socket: {},
    };
    const res = new Response(resolve);
    middleware(req, res, (error) => {
      if (error) return reject(error);
      change(req.session);
      return res.end();
    });
  });
}

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
