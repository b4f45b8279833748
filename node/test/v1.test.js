'use strict';

// `coatcheck/v1` beside the real express-session: each program runs with both, over real HTTP, and what can be seen of
// it is the same to the byte: status, headers, body, what reaches next(err), which store methods are called with what,
// and what is deprecated. Where v1 differs on purpose, v1-differences.test.js says so.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const crypto = require('node:crypto');
const http = require('node:http');
const util = require('node:util');
const { test, describe } = require('node:test');

process.env.NO_DEPRECATION = 'express-session';
const ours = require('../v1.js');
const theirs = require('express-session');
const { ask } = require('./beside.js');

const SECRET = 'keyboard cat';
const BASE = { secret: SECRET, resave: true, saveUninitialized: true, cookie: { maxAge: 60_000 } };

// A store as applications write one, whose calls are noted; `later` answers after a turn of the loop.
function makeStore(session, calls, later = false) {
  function TestStore() {
    session.Store.call(this);
    this.sessions = new Map();
  }
  util.inherits(TestStore, session.Store);
  const answer = (callback, ...args) => (later ? setImmediate(callback, ...args) : callback(...args));
  Object.assign(TestStore.prototype, {
    get(sid, callback) {
      calls.push(['get', sid]);
      const json = this.sessions.get(sid);
      answer(callback, null, json && JSON.parse(json));
    },
    set(sid, sess, callback) {
      const json = JSON.stringify(sess);
      calls.push(['set', sid, maskDates(json)]);
      this.sessions.set(sid, json);
      answer(callback);
    },
    touch(sid, sess, callback) {
      calls.push(['touch', sid, maskDates(JSON.stringify(sess.cookie))]);
      if (this.sessions.has(sid)) this.sessions.set(sid, JSON.stringify(sess));
      answer(callback);
    },
    destroy(sid, callback) {
      calls.push(['destroy', sid]);
      this.sessions.delete(sid);
      answer(callback);
    },
  });
  return new TestStore();
}

const maskDates = (text) =>
  text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'DATE').replace(/"originalMaxAge":\d+/g, '"originalMaxAge":N');

const cookieOf = (answer) => answer.message.headers['set-cookie']?.[0].split(';')[0];

// Runs a program with one of the two; what was seen of it.
async function run(session, program) {
  const calls = [];
  const errors = [];
  let made = 0;
  const genid = () => `id-${++made}`;
  const stores = {
    sync: () => makeStore(session, calls),
    later: () => makeStore(session, calls, true),
    memory: () => new session.MemoryStore(),
  };
  const store = stores[program.store ?? 'sync']();
  const options = { ...BASE, genid, store, ...program.options?.(session) };
  for (const name of Object.keys(options)) if (options[name] === undefined) delete options[name];
  let middleware;
  program.prepare?.(store);
  try {
    middleware = session(options);
  } catch (error) {
    return { thrown: `${error.name}: ${error.message}` };
  }
  program.patch?.(store);
  const context = { session, store, calls };
  const respond = program.respond ?? ((_req, res) => res.end('ok'));
  const server = http.createServer((req, res) => {
    program.before?.(req, res);
    const next = (error) => {
      if (error !== undefined) errors.push(error.message);
      if (error && res.headersSent) return;
      if (error) {
        res.statusCode = error.status || 500;
        res.end(error.message);
        return;
      }
      program.after?.(req, res);
      respond(req, res, context);
    };
    try {
      middleware(req, res, next);
    } catch (error) {
      next(error); // as Express does
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  const seen = [];
  try {
    let cookie;
    for (const step of program.steps ?? [{}]) {
      const headers = { ...step.headers };
      if (step.cookie === undefined && cookie !== undefined) headers.cookie = cookie;
      else if (step.cookie) headers.cookie = step.cookie;
      calls.push('request');
      const { message, ...answer } = await ask(port, { ...step, headers });
      cookie = cookieOf({ message }) ?? cookie;
      seen.push(answer);
      await new Promise(setImmediate); // what was deferred to next()
    }
  } finally {
    server.close();
  }
  return { seen, calls, errors };
}

const hit = (req, res) => {
  req.session.hit = (req.session.hit || 0) + 1;
  res.end(`hit ${req.session.hit}`);
};
const quiet =
  (options = {}) =>
  () => ({ resave: false, saveUninitialized: false, ...options });
const twice = [{}, {}];
const thrice = [{}, {}, {}];
const withOptions = (options) => ({ options: () => options });
const signed = (value, secret = SECRET) =>
  `s:${value}.${crypto.createHmac('sha256', secret).update(value).digest('base64').replace(/=+$/, '')}`;
const cookieHeader = (value, name = 'connect.sid') => `${name}=${encodeURIComponent(value)}`;

const rotating = [];
const PROGRAMS = {
  'nothing is looked at': { steps: thrice },
  'nothing is looked at, quiet': { options: quiet(), steps: thrice },
  'each request changes it': { respond: hit, steps: thrice },
  'each request changes it, quiet': { options: quiet(), respond: hit, steps: thrice },
  'a store that answers later': { store: 'later', respond: hit, steps: thrice },
  'a store that answers later, quiet': { store: 'later', options: quiet(), respond: hit, steps: thrice },
  'the memory store': { store: 'memory', respond: hit, steps: thrice },
  rolling: {
    options: quiet({ rolling: true }),
    respond: (req, res) => (req.url === '/set' ? hit(req, res) : res.end('-')),
    steps: [{ path: '/' }, { path: '/set' }, {}, {}],
  },
  'rolling, unquiet': { options: () => ({ rolling: true, resave: false }), steps: thrice },
  'a cookie of the browser session': { options: quiet({ cookie: {} }), respond: hit, steps: thrice },
  'a cookie of the browser session, resave': { options: () => ({ cookie: {} }), respond: hit, steps: thrice },
  'every cookie attribute': {
    options: () => ({
      cookie: {
        domain: 'a.com',
        path: '/',
        httpOnly: false,
        maxAge: 5000,
        partitioned: true,
        priority: 'high',
        sameSite: 'none',
        secure: false,
      },
    }),
    respond: hit,
    steps: twice,
  },
  'SameSite=None without Secure': withOptions({ cookie: { sameSite: 'none' } }),
  'SameSite true': withOptions({ cookie: { sameSite: true } }),
  'SameSite unknown': withOptions({ cookie: { sameSite: 'sometimes' } }),
  'priority unknown': withOptions({ cookie: { priority: 'urgent' } }),
  'a domain that is none': withOptions({ cookie: { domain: 'a;b' } }),
  'a path that breaks the header': { options: () => ({ cookie: { path: '/;' } }), steps: [{ path: '/;' }] },
  'a name that is none': withOptions({ name: 'a b' }),
  'expires that is no date': withOptions({ cookie: { expires: new Date(Number.NaN) } }),
  'a fixed expires': {
    options: () => ({ cookie: { expires: new Date(Date.now() + 5_000_000) } }),
    respond: hit,
    steps: twice,
  },
  'maxAge as a Date': { options: () => ({ cookie: { maxAge: new Date(Date.now() + 60_000) } }), steps: twice },
  'an expires after a maxAge': withOptions({ cookie: { maxAge: 1000, expires: null } }),
  'secure without TLS': { options: () => ({ cookie: { secure: true } }), respond: hit, steps: twice },
  'secure auto': { options: () => ({ cookie: { secure: 'auto' } }), respond: hit, steps: twice },
  'secure auto behind a trusted proxy': {
    options: () => ({ proxy: true, cookie: { secure: 'auto', sameSite: 'auto' } }),
    steps: [
      { headers: { 'x-forwarded-proto': 'https' } },
      { headers: { 'x-forwarded-proto': 'HTTPS,http' }, cookie: '' },
      { cookie: '' },
    ],
  },
  'secure auto behind a proxy that is not trusted': {
    options: () => ({ proxy: false, cookie: { secure: 'auto' } }),
    steps: [{ headers: { 'x-forwarded-proto': 'https' } }],
  },
  'req.secure': {
    before: (req) => {
      req.secure = true;
    },
    options: () => ({ cookie: { secure: true } }),
  },
  'req.secure, no proxy': {
    before: (req) => {
      req.secure = true;
    },
    options: () => ({ proxy: false, cookie: { secure: true } }),
  },
  'sameSite auto': withOptions({ cookie: { sameSite: 'auto', secure: false } }),
  'cookie as a function': {
    options: () => ({ cookie: (req) => ({ path: '/a', maxAge: req.url.length * 1000 }) }),
    steps: [{ path: '/a/b' }, { path: '/b', cookie: '' }],
  },
  'a path': {
    options: () => ({ cookie: { path: '/foo/bar' } }),
    steps: [{}, { path: '/foo/bar' }, { path: '/foo/bar/baz', cookie: '' }, { path: '/foo', cookie: '' }],
  },
  'a path with a query': { options: () => ({ cookie: { path: '/foo' } }), steps: [{ path: '/foo?a=/b' }] },
  'an empty url': {
    before: (req) => {
      req.url = '';
    },
  },
  originalUrl: {
    before: (req) => {
      req.originalUrl = '/x';
    },
    options: () => ({ cookie: { path: '/foo' } }),
    steps: [{ path: '/foo' }],
  },
  'a name': { options: () => ({ name: 'other' }), respond: hit, steps: twice },
  'a key': { options: () => ({ key: 'other' }), respond: hit, steps: twice },
  'several secrets': {
    options: () => ({ secret: ['new', 'old'] }),
    respond: hit,
    steps: [{ cookie: cookieHeader(signed('x', 'old')) }, { cookie: cookieHeader(signed('x', 'older')) }],
  },
  'a secret as a Buffer': {
    options: () => ({ secret: Buffer.from([1, 2, 3, 250, 0, 7]) }),
    respond: hit,
    steps: twice,
  },
  'a secret as a KeyObject': {
    options: () => ({ secret: crypto.createSecretKey(Buffer.from('some key')) }),
    respond: hit,
    steps: twice,
  },
  'secrets that change while it runs': {
    options: () => {
      rotating.length = 0;
      rotating.push('first');
      return { secret: rotating };
    },
    respond: (req, res) => {
      if (req.url === '/rotate') rotating.unshift('second');
      if (req.url === '/drop') rotating.pop();
      hit(req, res);
    },
    steps: [{}, { path: '/rotate' }, {}, { path: '/drop' }, {}],
  },
  'no secrets': withOptions({ secret: [] }),
  'no secret': withOptions({ secret: undefined }),
  'req.secret': {
    options: () => ({ secret: undefined }),
    before: (req) => {
      req.secret = SECRET;
    },
    respond: hit,
    steps: twice,
  },
  'req.signedCookies': {
    before: (req) => {
      req.signedCookies = { 'connect.sid': 'known' };
    },
    patch: (store) => store.sessions.set('known', '{"cookie":{"originalMaxAge":null},"hit":7}'),
    respond: hit,
  },
  'req.cookies': {
    before: (req) => {
      req.cookies = { 'connect.sid': signed('known') };
    },
    patch: (store) => store.sessions.set('known', '{"cookie":{"originalMaxAge":null},"hit":7}'),
    respond: hit,
  },
  'req.cookies, unsigned': {
    before: (req) => {
      req.cookies = { 'connect.sid': 'known' };
    },
    respond: hit,
  },
  'req.cookies, forged': {
    before: (req) => {
      req.cookies = { 'connect.sid': 's:known.AAAA' };
    },
    respond: hit,
  },
  'a genid with unsafe characters': { options: () => ({ genid: () => '%' }), respond: hit, steps: twice },
  'a genid with dots and slashes': { options: () => ({ genid: () => '/a.b' }), respond: hit, steps: twice },
  'a genid of the request': { options: () => ({ genid: (req) => req.url.slice(1) }), steps: [{ path: '/abc' }] },
  'a genid that is none': withOptions({ genid: 'x' }),
  'unset destroy': {
    options: () => ({ unset: 'destroy' }),
    respond: (req, res) => {
      if (req.url === '/out') req.session = null;
      else req.session.a = 1;
      res.end(String(req.session));
    },
    steps: [{}, { path: '/out' }, {}],
  },
  'unset destroy of a new one': {
    options: () => ({ unset: 'destroy' }),
    respond: (req, res) => {
      delete req.session;
      res.end('x');
    },
  },
  'unset keep': {
    respond: (req, res) => {
      req.session = null;
      res.end(String(req.session));
    },
    steps: twice,
  },
  'unset unknown': withOptions({ unset: 'bogus!' }),
  'unknown and forged cookies': {
    steps: [
      { cookie: cookieHeader(signed('unknown')) },
      { cookie: cookieHeader('s:forged.AAAA') },
      { cookie: cookieHeader('unsigned') },
      { cookie: 'connect.sid=' },
      { cookie: 'connect.sid=%' },
      { cookie: 'connect.sid' },
      { cookie: `a=b; ${cookieHeader(signed('unknown'))}; c=d` },
      { cookie: cookieHeader(signed('unknown'), 'other') },
    ],
  },
  save: {
    respond: (req, res) => {
      req.session.hit = true;
      req.session.save((error) => res.end(`saved ${error}`));
    },
    steps: twice,
  },
  'save, quiet': {
    options: quiet(),
    respond: (req, res) => {
      req.session.hit = true;
      req.session.save((error) => res.end(`saved ${error}`));
    },
    steps: twice,
  },
  'save and change': {
    options: quiet(),
    respond: (req, res) => {
      req.session.hit = 1;
      req.session.save(() => {
        req.session.hit = Math.random() > 2 ? 1 : 2;
        res.end('x');
      });
    },
    steps: twice,
  },
  'save and change back': {
    options: quiet(),
    patch: (store) => store.sessions.set('x', '{"cookie":{"originalMaxAge":null},"a":1}'),
    respond: (req, res) => {
      req.session.a = 2;
      req.session.save(() => {
        req.session.a = 1;
        res.end('x');
      });
    },
    steps: [{ cookie: cookieHeader(signed('x')) }],
  },
  'what the methods answer': {
    respond: (req, res) => {
      const { session } = req;
      const same = [session.touch() === session, session.resetMaxAge() === session];
      res.end(`${same} ${Object.keys(session)} ${session.id === req.sessionID} ${session.req === req}`);
    },
  },
  reload: {
    respond: (req, res) => {
      if (req.url === '/') return hit(req, res);
      const before = req.session;
      req.session.hit = 99;
      return before.reload((error) =>
        res.end(`${error} ${req.session.hit} ${req.session === before} ${JSON.stringify(Object.keys(req.session))}`),
      );
    },
    steps: [{}, { path: '/reload' }, {}],
  },
  'reload of one that is gone': {
    respond: (req, res, { store }) => {
      if (req.url === '/') return hit(req, res);
      store.sessions.clear();
      return req.session.reload((error) => res.end(error ? error.message : ''));
    },
    steps: [{}, { path: '/reload' }],
  },
  'reload after reload': {
    respond: (req, res) => {
      if (req.url === '/') return hit(req, res);
      let left = 20;
      const again = () => (--left > 0 ? req.session.reload(again) : res.end('ok'));
      return again();
    },
    steps: [{}, { path: '/reload' }],
  },
  'save after reload': {
    options: quiet(),
    respond: (req, res) => {
      req.session.hit = (req.session.hit || 0) + 1;
      req.session.save(() =>
        req.session.reload(() => {
          req.session.hit += 1;
          req.session.save(() => res.end(`${req.session.hit}`));
        }),
      );
    },
    steps: twice,
  },
  destroy: {
    respond: (req, res) =>
      req.url === '/' ? hit(req, res) : req.session.destroy((error) => res.end(`${error} ${req.session}`)),
    steps: [{}, { path: '/out' }, {}],
  },
  'destroy of a new one': { respond: (req, res) => req.session.destroy(() => res.end(String(req.session))) },
  regenerate: {
    options: quiet(),
    respond: (req, res) => {
      if (req.url === '/') return hit(req, res);
      const before = req.sessionID;
      return req.session.regenerate((error) => {
        req.session.user = 'u';
        res.end(`${error} ${before !== req.sessionID} ${req.session.hit}`);
      });
    },
    steps: [{}, { path: '/in' }, {}],
  },
  'a session that is replaced by data of its own class': {
    respond: (req, res, { session }) => {
      const next = new session.Session(req, { b: 2 });
      next.cookie = new session.Cookie();
      req.session = next;
      res.end('x');
    },
  },
  'the cookie changes in a request': {
    options: quiet(),
    respond: (req, res) => {
      if (req.url === '/age') req.session.cookie.maxAge = 5000;
      if (req.url === '/long') req.session.cookie.maxAge = 3_000_000_000;
      if (req.url === '/end') req.session.cookie.expires = null;
      if (req.url !== '/look') req.session.n = (req.session.n || 0) + 1;
      res.end(
        `${Math.round(req.session.cookie.maxAge / 1000)} ${Math.round(req.session.cookie.originalMaxAge / 1000)}`,
      );
    },
    steps: ['/', '/age', '/', '/long', '/look', '/end', '/'].map((path) => ({ path })),
  },
  'the cookie alone changes': {
    options: quiet(),
    respond: (req, res) => {
      if (req.url === '/') req.session.a = 1;
      else req.session.cookie.httpOnly = false;
      res.end('x');
    },
    steps: [{}, { path: '/cookie' }, { path: '/cookie' }],
  },
  'a cookie inside the data': {
    options: quiet(),
    respond: (req, res) => {
      req.session.user = { cookie: (req.session.user?.cookie ?? 0) + 1 };
      res.end('x');
    },
    steps: twice,
  },
  'another sessionID': {
    respond: (req, res) => {
      req.sessionID = () => {};
      req.session.a = 1;
      res.end('x');
    },
    steps: twice,
  },
  'a sessionID that is text': {
    respond: (req, res) => {
      req.sessionID = 'mine';
      req.session.a = 1;
      res.end('x');
    },
  },
  'reserved names in the store': {
    patch: (store) =>
      store.sessions.set('x', '{"cookie":{},"save":"a","id":1,"req":2,"__proto__":{"p":1},"toString":1,"a":1}'),
    respond: (req, res) => res.end(`${Object.keys(req.session)} ${typeof req.session.save} ${req.session.id}`),
    steps: [{ cookie: cookieHeader(signed('x')) }],
  },
  'a record without a cookie': {
    patch: (store) => store.sessions.set('x', '{"a":1}'),
    steps: [{ cookie: cookieHeader(signed('x')) }],
  },
  'a record with a date': {
    options: quiet(),
    patch: (store) =>
      store.sessions.set(
        'x',
        `{"cookie":{"originalMaxAge":60000,"expires":"${new Date(Date.now() + 60_000).toISOString()}","sameSite":"lax","path":"/"},"when":"2020-01-01T00:00:00.000Z"}`,
      ),
    respond: (req, res) => {
      req.session.n = 1;
      res.end(req.session.when + req.session.cookie.sameSite);
    },
    steps: [{ cookie: cookieHeader(signed('x')) }],
  },
  'get fails': {
    patch: (store) => {
      store.get = (_sid, done) => done(new Error('boom'));
    },
    steps: [{ cookie: cookieHeader(signed('x')) }],
  },
  'get fails later': {
    patch: (store) => {
      store.get = (_sid, done) => setTimeout(done, 5, new Error('boom'));
    },
    steps: [{ cookie: cookieHeader(signed('x')) }],
  },
  'get finds no file': {
    patch: (store) => {
      store.get = (_sid, done) => done(Object.assign(new Error('no'), { code: 'ENOENT' }));
    },
    steps: [{ cookie: cookieHeader(signed('x')) }],
  },
  'set fails': {
    patch: (store) => {
      store.set = (_sid, _sess, done) => done(new Error('boom'));
    },
    steps: twice,
  },
  'set fails later': {
    patch: (store) => {
      store.set = (_sid, _sess, done) => setTimeout(done, 5, new Error('boom'));
    },
    steps: twice,
  },
  'touch fails': {
    options: quiet(),
    respond: (req, res) => {
      if (req.url === '/') req.session.a = 1;
      res.end('x');
    },
    patch: (store) => {
      store.touch = (_sid, _sess, done) => done(new Error('boom'));
    },
    steps: [{}, { path: '/2' }],
  },
  'destroy fails': {
    options: () => ({ unset: 'destroy' }),
    respond: (req, res) => {
      req.session = null;
      res.end('x');
    },
    patch: (store) => {
      store.destroy = (_sid, done) => done(new Error('boom'));
    },
  },
  'a store without touch': {
    options: quiet(),
    respond: (req, res) => {
      if (req.url === '/') req.session.a = 1;
      res.end('x');
    },
    prepare: (store) => {
      store.touch = undefined;
    },
    steps: [{}, { path: '/2' }],
  },
  'a store out of reach': {
    respond: (req, res, { store }) => {
      const has = `${req.session !== undefined}`;
      store.emit(req.url === '/down' ? 'disconnect' : 'connect');
      res.end(has);
    },
    steps: [{ path: '/down' }, { path: '/up' }, {}],
  },
  'a session that is there already': {
    before: (req) => {
      req.session = { a: 1 };
    },
    respond: (req, res) => res.end(JSON.stringify(req.session)),
  },
  'cookies set before': { before: (_req, res) => res.setHeader('Set-Cookie', 'a=1'), respond: hit },
  'cookies set before, a list': {
    respond: (req, res) => {
      res.setHeader('Set-Cookie', ['a=1', 'b=2']);
      hit(req, res);
    },
  },
  'cookies set in writeHead': {
    respond: (_req, res) => {
      res.writeHead(201, { 'Set-Cookie': 'a=1', 'X-A': 'b' });
      res.end('x');
    },
  },
  'writeHead with a reason': {
    respond: (_req, res) => {
      res.writeHead(202, 'Fine', ['X-A', '1', 'X-A', '2']);
      res.end();
    },
  },
  'an empty end': { respond: (_req, res) => res.end(), steps: twice },
  'end(null)': { respond: (_req, res) => res.end(null), steps: twice },
  'two ends': {
    respond: (_req, res) => {
      res.end('a');
      res.end('b');
    },
    steps: twice,
  },
  'an end with an encoding': { respond: (_req, res) => res.end('61626364', 'hex'), steps: twice },
  'a Content-Length': {
    respond: (_req, res) => {
      res.setHeader('Content-Length', 5);
      res.end('hello');
    },
    steps: twice,
  },
  'a Content-Length, later': {
    store: 'later',
    respond: (_req, res) => {
      res.setHeader('Content-Length', 5);
      res.end(Buffer.from('hello'));
    },
    steps: twice,
  },
  'a Content-Length of 0': {
    respond: (_req, res) => {
      res.setHeader('Content-Length', 0);
      res.end();
    },
    steps: twice,
  },
  'write and end': {
    respond: (req, res) => {
      req.session.hit = true;
      res.write('hello, ');
      res.end('world');
    },
    steps: twice,
  },
  'write and end, later': {
    store: 'later',
    respond: (req, res) => {
      req.session.hit = true;
      res.write('hello, ');
      setTimeout(() => {
        req.session.more = 1;
        res.end('world');
      }, 10);
    },
    steps: twice,
  },
  flushHeaders: {
    respond: (req, res) => {
      req.session.hit = true;
      res.flushHeaders();
      res.end('world');
    },
    steps: twice,
  },
  HEAD: { respond: hit, steps: [{ method: 'HEAD' }, {}] },
  '204 and 304': {
    respond: (req, res) => {
      res.statusCode = Number(req.url.slice(1));
      res.end();
    },
    steps: [{ path: '/204' }, { path: '/304' }],
  },
  'headers after end': {
    respond: (_req, res) => {
      res.end('x');
      try {
        res.setHeader('X-Late', '1');
      } catch (error) {
        res.late = error.message;
      }
    },
    steps: twice,
  },
  'end and write patched before': {
    before: (_req, res) => {
      const { end, write } = res;
      let ended = false;
      res.end = function patched(...args) {
        ended = true;
        return end.apply(this, args);
      };
      res.write = function patched(...args) {
        if (ended) throw new Error('write after end');
        return write.apply(this, args);
      };
    },
    respond: (req, res) => {
      req.session.hit = 1;
      res.write('hello, ');
      res.end('world');
    },
    steps: twice,
  },
};

describe('coatcheck/v1 beside express-session', () => {
  for (const [name, program] of Object.entries(PROGRAMS)) {
    test(name, async () => {
      const [expected, actual] = [await run(theirs, program), await run(ours, program)];
      assert.deepEqual(actual, expected);
    });
  }

  test('end in one piece patched after, in both ways alike', async () => {
    const program = {
      after: (_req, res) => {
        const { end, write } = res;
        res.end = function patched(...args) {
          return end.apply(this, args);
        };
        res.write = function patched(...args) {
          return write.apply(this, args);
        };
      },
      respond: (req, res) => {
        req.session.hit = 1;
        res.write('hello, ');
        res.end('world');
      },
      steps: twice,
    };
    assert.deepEqual(await run(ours, program), await run(theirs, program));
  });
});

describe('coatcheck/v1 has what express-session exports', () => {
  test('names and paths', () => {
    for (const name of Object.keys(theirs)) assert.equal(typeof ours[name], typeof theirs[name], name);
    assert.equal(require('../session/cookie.js'), ours.Cookie);
    assert.equal(require('../session/store.js'), ours.Store);
    assert.equal(require('../session/session.js'), ours.Session);
    assert.equal(require('../session/memory.js'), ours.MemoryStore);
    assert.ok(new ours.MemoryStore() instanceof ours.Store);
    assert.equal(theirs.name.length > 0 && ours.length, theirs.length);
  });

  test('cookies by hand', () => {
    const make = [
      (C) => new C(),
      (C) => new C({ maxAge: 5000, partitioned: true, priority: 'low', path: '/x', httpOnly: false, data: 1, more: 2 }),
      (C) => new C({ originalMaxAge: 7, expires: null }),
      (C) => new C([]),
      (C) => new C('text'),
      (C) => new C(0),
      (C) => new C({ maxAge: {} }),
      (C) => new C({ maxAge: '1' }),
      (C) => new C(Object.create({ domain: 'inherited.example' })),
    ];
    const seen = (C) =>
      make.map((one) => {
        try {
          const cookie = one(C);
          return maskDates(
            JSON.stringify([
              cookie.data,
              Object.keys(cookie),
              cookie.serialize('a', 'b c/%'),
              Math.round(cookie.maxAge / 100),
            ]),
          ).replace(/Expires=[^;"]+/, '');
        } catch (error) {
          return `${error.name}: ${error.message}`;
        }
      });
    assert.deepEqual(seen(ours.Cookie), seen(theirs.Cookie));
  });

  test('deprecations', () => {
    const script = (path) => `
      const session = require(${JSON.stringify(path)});
      session();
      session({ secret: 'a', resave: false, saveUninitialized: true });
      new session.Cookie({ maxAge: new Date(Date.now() + 1000) });
      new session.Cookie({ maxAge: new Date(Date.now() + 1000) });`;
    const told = (path) =>
      spawnSync(process.execPath, ['-e', script(path)], {
        encoding: 'utf8',
        env: { ...process.env, NO_DEPRECATION: '' },
      })
        .stderr.replace(/^.*?GMT /gm, '')
        .replace(/ at .*$/gm, '');
    assert.equal(told(require.resolve('../v1.js')), told(require.resolve('express-session')));
    assert.match(told(require.resolve('../v1.js')), /express-session deprecated undefined resave option/);
  });

  test('its sessions end with the process', () => {
    const script = `require(${JSON.stringify(require.resolve('../v1.js'))})({ secret: 'a', resave: false, saveUninitialized: false })`;
    assert.equal(spawnSync(process.execPath, ['-e', script], { timeout: 20_000 }).status, 0);
  });
});
