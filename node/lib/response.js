'use strict';

// Holds a response back until its session is committed, so that a client never has an answer whose session was
// not stored, and an error of the commit still reaches the error handler.
//
// The four methods that can send the first byte are wrapped on the response. Where the store answers at once the commit
// happens inside the first of these calls; on a remote one the calls are kept, in order, and repeated after it.

const { listenersOf, wake } = require('./drain.js');
const { CoatcheckError } = require('./errors.js');
const { HEADER, native } = require('./native.js');
const { shareClass } = require('./shapes.js');
const { findState, keepState, stateOf } = require('./states.js');

// Phases. Numbers, for they are compared in every write of every response.
const OPEN = 0; // nothing was sent; the session is not committed
const HELD = 1; // the commit is under way
const FAILED = 2; // it failed; what the application still sends is dropped until the error handler has the word
const PASSED = 3; // over

// The wrapped methods. They stand on the response itself: another copy of Express (a sub-application, vhost) gives it
// another prototype on the way, and what is wrapped there would be lost (docs/decisions/0050).
const makeHooks = (find) => ({
  writeHead(...args) {
    const state = find(this);
    if (state.phase === PASSED) return state.originals.writeHead.apply(this, args);
    if (!admit(state, this, 'writeHead', args)) return this;
    return writeHeadWithSession(state, this, args);
  },
  write(...args) {
    const state = find(this);
    if (state.phase !== PASSED && !admit(state, this, 'write', args)) return state.phase !== HELD;
    if (state.failed && this.finished) return dropped(args, true);
    if (state.ended) return afterEnd(args, false);
    return state.originals.write.apply(this, args);
  },
  end(...args) {
    const state = find(this);
    const endsFirst = state.headersFirst && state.phase === OPEN;
    if (state.phase !== PASSED && !endsFirst && !admit(state, this, 'end', args)) return this;
    if (state.failed && this.finished) return dropped(args, this);
    if (state.ended) return afterEnd(args, this);
    return end(state, this, args);
  },
  flushHeaders(...args) {
    const state = find(this);
    if (state.phase !== PASSED && !admit(state, this, 'flushHeaders', args)) return undefined;
    return state.originals.flushHeaders.apply(this, args);
  },
});
const HOOKS = makeHooks(findState);

function install(state, res) {
  shareClass(res, 'sendDate');
  const earlier = stateOf(res);
  keepState(res, state);
  if (earlier !== undefined) {
    // A request that was derived from one whose session has ended: the hooks stand, the new session takes over.
    state.originals = earlier.originals;
    state.drains = earlier.drains;
    return;
  }
  const { writeHead, write, end, flushHeaders } = res;
  state.originals = { writeHead, write, end, flushHeaders };
  state.drains = listenersOf(res);
  Object.assign(res, HOOKS);
}

// Whether this call may go on now. If not, it is kept or dropped.
function admit(state, res, method, args) {
  // Through all who have wrapped writeHead, and back to here.
  if (state.headersFirst && state.phase === OPEN && method !== 'writeHead') {
    res.writeHead(res.statusCode);
    if (state.phase === PASSED) return true;
  }
  if (state.phase === OPEN) {
    state.goesOn = !state.commitFailed && (method !== 'end' || state.headersFirst);
    let pending;
    try {
      if (!state.committed) pending = state.finish();
    } catch (error) {
      fail(state, res, error);
      return dropped(args, false);
    }
    if (!(pending instanceof Promise)) {
      state.phase = PASSED;
      if (method !== 'writeHead') addHeaders(state, res);
      return true;
    }
    hold(state, res, pending);
  }
  if (state.phase === HELD) {
    if (state.heldEnd && (method === 'end' || method === 'write')) {
      afterEnd(args);
      return false;
    }
    state.held.push({ method, args });
    if (method === 'end') state.heldEnd = true;
  } else {
    dropped(args);
  }
  return false;
}

// For a framework that has a place before the response is sent: commits there. Answers nothing, or a promise of it; throws
// or rejects with what is then the framework's to answer.
function commit(res) {
  const state = findState(res);
  if (state === undefined || state.phase !== OPEN || state.committed) return undefined;
  state.committed = true;
  state.goesOn = true;
  const failed = (error) => {
    state.commitFailed = true;
    throw error;
  };
  try {
    const pending = state.finish();
    return pending instanceof Promise ? pending.catch(failed) : pending;
  } catch (error) {
    return failed(error);
  }
}

// ---- what the session adds to the headers

function addHeaders(state, res) {
  if (res.headersSent) return;
  const cookie = state.setCookie ?? state.clearCookie;
  if (cookie) {
    const before = res.getHeader('Set-Cookie');
    if (before === undefined && state.otherCookies === undefined) res.setHeader('Set-Cookie', cookie);
    else res.setHeader('Set-Cookie', [].concat(before ?? [], state.otherCookies ?? [], cookie));
  }
  const wanted = state.shared.headersOf[state.looked ? 1 : 0][cookie ? 1 : 0];
  if ((wanted & HEADER.noStore) !== 0 && !res.hasHeader('Cache-Control')) res.setHeader('Cache-Control', 'no-store');
  if ((wanted & HEADER.vary) !== 0) {
    const before = res.getHeader('Vary');
    const vary = before === undefined ? 'Cookie' : native.varyWithCookie([].concat(before).join(', '));
    if (vary !== '') res.setHeader('Vary', vary);
  }
}

// The headers of writeHead(status, reason, headers) as a list of name and value pairs.
function headerPairs(headers) {
  if (!Array.isArray(headers)) return Object.entries(headers);
  if (headers.length > 0 && Array.isArray(headers[0])) return headers;
  const pairs = [];
  for (let i = 0; i + 1 < headers.length; i += 2) pairs.push([headers[i], headers[i + 1]]);
  return pairs;
}

// Headers given to writeHead replace those set before, so they are set first and ours are added to them.
function writeHeadWithSession(state, res, args) {
  const last = args.length - 1;
  const headers = typeof args[last] === 'object' && last > 0 ? args[last] : undefined;
  if (!headers || res.headersSent) {
    addHeaders(state, res);
    return state.originals.writeHead.apply(res, args);
  }
  const seen = new Map();
  for (const [name, value] of headerPairs(headers)) {
    if (value === undefined) continue;
    const key = String(name).toLowerCase();
    const all = seen.has(key) ? [].concat(seen.get(key), value) : value;
    seen.set(key, all);
    res.setHeader(name, all);
  }
  addHeaders(state, res);
  return state.originals.writeHead.apply(res, args.slice(0, last));
}

// ---- remote stores: hold and release

// While calls are kept, the application must see what it would see had they been made. These stand on the response
// itself for so long, and what stood there before comes back after: http2's compatibility layer and http1 each answer
// in their own way. The same functions on each response, and taken off in the other order: else V8 gives every response a
// hidden class of its own, or makes a dictionary of it (docs/decisions/0042).
const constant = (get) => ({ configurable: true, get });
const refused = (verb) => ({
  configurable: true,
  writable: true,
  value: function refuseWhileHeld() {
    throw Object.assign(new Error(`Cannot ${verb} headers after they are sent to the client`), {
      code: 'ERR_HTTP_HEADERS_SENT',
    });
  },
});
const ENDED = { writableEnded: constant(() => true) };
const WHILE_HELD = {
  headersSent: constant(() => true),
  writableEnded: constant(function writableEnded() {
    return findState(this).heldEnd === true;
  }),
  writableNeedDrain: constant(function writableNeedDrain() {
    return findState(this).held.some(({ method }) => method === 'write');
  }),
  setHeader: refused('set'),
  appendHeader: refused('append'),
  removeHeader: refused('remove'),
};

// Puts properties on a response; answers a function that puts back what was there.
function cover(res, properties) {
  const names = Object.keys(properties).filter((name) => name in res);
  const before = names.map((name) => Object.getOwnPropertyDescriptor(res, name));
  for (const name of names) Object.defineProperty(res, name, properties[name]);
  return () => {
    for (let i = names.length - 1; i >= 0; --i) {
      if (before[i] === undefined) delete res[names[i]];
      else Object.defineProperty(res, names[i], before[i]);
    }
  };
}

function hold(state, res, pending) {
  state.phase = HELD;
  state.held = [];
  state.uncover = cover(res, WHILE_HELD);
  const statusCode = res.statusCode;
  pending.then(
    () => release(state, res, statusCode),
    (error) => fail(state, res, error),
  );
}

function release(state, res, statusCode) {
  const calls = state.held;
  state.phase = PASSED;
  state.held = undefined;
  state.uncover();
  let drained;
  try {
    if (calls[0].method !== 'writeHead') {
      res.statusCode = statusCode;
      addHeaders(state, res);
    }
    for (const { method, args } of calls) {
      if (method === 'writeHead') {
        if (calls[0].args === args) writeHeadWithSession(state, res, args);
        else state.originals.writeHead.apply(res, args);
      } else {
        if (method === 'end') end(state, res, args);
        else {
          const answer = state.originals[method].apply(res, args);
          if (method === 'write') drained = answer;
        }
      }
    }
  } catch (error) {
    fail(state, res, error);
    return;
  }
  // Each kept write answered false, so a stream that feeds this response waits.
  if (drained === true && !state.heldEnd) wake(res, state.drains);
}

// ---- the end of a response that began earlier

const nothing = () => {};

function end(state, res, args) {
  if (state.goesOn) {
    state.goesOn = false;
    let pending;
    try {
      pending = state.finishLate();
    } catch (error) {
      if (res.headersSent) failLate(state, res, args, error);
      else fail(state, res, error);
      return res;
    }
    // Where the headers did not wait, their session's cookie is known now. http2 has ends that write no head.
    if (
      state.headersFirst &&
      !res.headersSent &&
      (pending instanceof Promise || state.headBeforeEnd || res.stream !== undefined)
    ) {
      res.writeHead(res.statusCode);
    }
    if (pending instanceof Promise) {
      holdEnd(state, res, args, pending);
      return res;
    }
  }
  return endNow(state, res, args);
}

function endNow(state, res, args) {
  state.ended = false; // http2's calls write
  const answer = state.originals.end.apply(res, args);
  state.ended = true;
  return answer;
}

// A client that has the whole response has one whose session is stored.
function holdEnd(state, res, args, pending) {
  state.ended = true;
  // Where the headers came first, what node itself says of the response is what its peer's programs see. Properties of its
  // own would make a dictionary of it.
  const uncover = state.headersFirst ? nothing : cover(res, ENDED);
  pending.then(
    () => {
      uncover();
      endNow(state, res, args);
    },
    (error) => {
      uncover();
      failLate(state, res, args, error);
    },
  );
}

// The error handler has the word, as always; the headers have gone, so that it can only end the connection or leave the
// response to us.
function failLate(state, res, args, error) {
  state.ended = false;
  setImmediate(() => {
    state.next(error);
    if (!state.ended) end(state, res, args);
  });
}

// ---- failures

// A second end, or a write after it, does nothing, as under express-session; node would emit an error that few catch.
function afterEnd(args, answer) {
  const callback = args.at(-1);
  if (typeof callback === 'function') {
    const error = Object.assign(new Error('the response has ended already'), { code: 'ERR_STREAM_ALREADY_FINISHED' });
    process.nextTick(callback, error);
  }
  return answer;
}

// The callback of a write or end that was not made has to be told.
function dropped(args, answer) {
  const callback = args.at(-1);
  if (typeof callback === 'function') {
    process.nextTick(
      callback,
      new CoatcheckError('ERR_INVALID_STATE', 'the response was dropped: its session could not be stored'),
    );
  }
  return answer;
}

// What described the body that is not sent.
const BODY_HEADERS = [
  'Content-Type',
  'Content-Length',
  'Content-Encoding',
  'Content-Range',
  'Content-Disposition',
  'ETag',
  'Last-Modified',
];

// A middleware above ours that has seen the end of the response (compression) would send nothing more, and what it still
// has to send is not the error handler's. So the response gets fresh methods, and those that it holds drop what they get.
function answerAgain(state, res) {
  const passed = Object.create(state, { phase: { value: PASSED, writable: true } });
  Object.assign(
    res,
    makeHooks(() => passed),
  );
}

function fail(state, res, error) {
  const calls = state.held ?? [];
  if (state.phase === HELD) state.uncover();
  state.phase = FAILED;
  state.failed = true;
  state.goesOn = false; // told once
  state.held = undefined;
  state.heldEnd = false;
  state.ended = false; // the error handler has the word
  for (const { args } of calls) dropped(args);
  setImmediate(() => {
    answerAgain(state, res);
    if (!res.headersSent) for (const name of BODY_HEADERS) res.removeHeader(name);
    state.next(error);
  });
}

// The session's headers, on a response that is none of node's.
function addSessionHeaders(res) {
  addHeaders(findState(res), res);
}

module.exports = { addSessionHeaders, commit, install };
