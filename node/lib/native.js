'use strict';

// The addon's functions, and the way back for results of remote stores.
//
// Every operation of a store or an engine takes a slot as its last argument. Where it completes inside the call it
// returns the answer; else it returns null and delivers the answer to the slot later. Answers:
//
//   engine.open(cookieHeader, secure, slot)  a string: found (see lib/snapshot.js); a number: fresh, the index
//   engine.load(id, slot)                    of its reason; an Error: unknown, whose
//                                            `base` is for destroy() where a record can't be read. open alone:
//                                            [reason, base] of several live sessions, which a commit or
//                                            destroy with this base ends
//   engine.inspect(key, slot)                as load, of a session that the store lists; it has no id
//   engine.commit(base, payload, cookieSettings, id, flags, slot, owner)
//                                            a status number, or [status, Set-Cookie, session, Error,
//                                            cookie withheld]; of several Set-Cookie values a line each, the
//                                            session's own last
//   engine.destroy(base, secure, slot)       the clearing Set-Cookie, lines as above, or an Error
//   engine.regenerate(base, slot, id)        a session without an id, 0 (it was ended meanwhile) or an Error
//   store.get(key, slot)                     the bytes, undefined (absent) or an Error
//   store.read(key, slot)                    [bytes, version, expiresAt], undefined or an Error
//   store.put(key, bytes, expiresAt, expect, slot)
//                                            the version, false (another one, or none, is there) or an Error;
//                                            expect: a version, null (absent) or undefined (anything)
//   store.touch(key, expiresAt, slot)        true, false (not there) or an Error
//   store.remove(key, slot)                  true, false (not there) or an Error
//   store.scan(cursor, limit, slot)          [cursor, key, …] or an Error
//   store.clear(slot)                        how many entries went, or an Error
//   store.prune(limit, slot), store.health(slot), store.stats(slot)
//   store.pruneInTurn(interval, slot)        how many entries went, false (it is not our turn) or an Error; interval 0: a
//                                            further batch of our turn. store.pruneBatch: what a full one is;
//                                            store.expiresItself: there is nothing to prune
//   store.createSchema(slot)                 the version that is there now, or an Error
//   storeById(store, keys or undefined, prefix)
//                                            the store by session id: the key is the prefix and a hash of the id.
//                                            key(id), put, touch and remove as above; read(id, slot) answers one
//                                            text: a character that is '0' + the version's length, version, bytes
//   tokens.issue(owner, device, payload, slot)
//                                            [token, family] or an Error
//   tokens.refresh(token, slot)              [status, token, repeated, family, Error]
//   tokens.list(owner, slot)                 [family, …] or an Error
//   tokens.revoke(family, slot), tokens.revokeToken(token, slot)
//                                            true, false (was not live) or an Error
//   tokens.revokeAll(owner, except, slot)    [count, epoch] or an Error
//   tokens.check(owner, epoch, slot)         true (still good), false or an Error
//   lifeCycle(policy, expressHeaders)        express-session's rules of a request's end as tables, without an engine
//   lifeCycleWords()                         the numbers of those rules, by name
//   setTime(ms)                              see lib/clock.js

const native = require('./binding.js');
const { followClock } = require('./clock.js');

const FLAGS = { secure: 1, save: 2, presented: 4, wantSession: 8, exact: 16 };
// Facts of a request's end, what the core's rules make of them, and bits of responseHeaders (coatcheck/life_cycle.hpp).
const { end: END, step: STEP, cookie: COOKIE_FACT, header: HEADER } = native.lifeCycleWords();
const { mask: STEP_MASK, saves: STEP_SAVES } = STEP;
const ATTEMPT_SHIFT = 8; // of a transaction: its number, in the flags
const STATUS = {
  unchanged: 0,
  stored: 1,
  merged: 2,
  touched: 3,
  untouched: 4,
  gone: 5,
  conflict: 6,
  unknown: 7,
  refused: 8,
  stale: 9,
};
const FRESH = [
  'none',
  'no_cookie',
  'refused',
  'bad_signature',
  'not_found',
  'expired',
  'ambiguous',
  'revoked',
  'reused',
  'foreign',
];
const ADOPTED = -1; // in the place of a reason: another package's session, to be stored as a new one

const waiting = [];
const free = [];

// In place of a slot: what the operator of a store's server should know. Each sentence once in a process.
const WARNING = 0xffffffff;
const warned = new Set();

function warn(sentence) {
  if (warned.has(sentence)) return;
  warned.add(sentence);
  process.emitWarning(sentence, 'CoatcheckWarning');
}

native.setDispatcher((slot, value) => {
  if (slot === WARNING) return warn(value);
  const resolve = waiting[slot];
  waiting[slot] = undefined;
  free.push(slot);
  resolve(value);
});

// The answer of `start(slot)` where it comes inside the call, else the promise of it, which never rejects.
function operate(start) {
  followClock();
  const slot = free.length > 0 ? free[free.length - 1] : waiting.length;
  const answer = start(slot);
  if (answer !== null) return answer;
  // Taken only now. Answers that came meanwhile may have given their slots back.
  const at = free.lastIndexOf(slot);
  if (at >= 0) free.splice(at, 1);
  return new Promise((resolve) => {
    waiting[slot] = resolve;
  });
}

module.exports = {
  native,
  operate,
  ATTEMPT_SHIFT,
  COOKIE_FACT,
  END,
  FLAGS,
  FRESH,
  HEADER,
  ADOPTED,
  STATUS,
  STEP,
  STEP_MASK,
  STEP_SAVES,
};
