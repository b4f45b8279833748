'use strict';

// Session data as JSON text, and the refusal of what JSON would silently spoil.
//
// JSON.stringify turns NaN into null, a Buffer into an object of numbers, a Map into {}, and leaves a function out: the
// next request, or a service in another language, would read something else than was written. Data that was changed is
// looked through; of data that prints as what is stored, only a text that gives cause for suspicion.

const { CoatcheckError } = require('./errors.js');
const { native } = require('./native.js');

const MAX_DEPTH = 64;
const MAX_LABELS = 8; // of a path in a message

// What the values in question leave in the text: null, {}, or an object whose first key is "0", and a Buffer's own
// JSON. Each begins with a character that is rare in JSON, which makes the search three times as fast.
function isSuspicious(json) {
  return json.includes('null') || json.includes('{}') || json.includes('{"0":') || json.includes('Buffer"');
}

// Classes whose objects JSON prints as {} or as something else that is not them. The table stands in docs/guide.md.
const KINDS = [
  [Map, 'a Map or Set, which JSON would store as {}'],
  [Set, 'a Map or Set, which JSON would store as {}'],
  [RegExp, 'a RegExp, which JSON would store as {}; store its source'],
  [Error, 'an Error, which JSON would store without its message; store what you need of it'],
  [Promise, 'a Promise, which JSON would store as {}; await it first'],
  [WeakMap, 'a WeakMap, which JSON would store as {}'],
  [WeakSet, 'a WeakSet, which JSON would store as {}'],
  [WeakRef, 'a WeakRef, which JSON would store as {}'],
  [ArrayBuffer, "binary data, which JSON can't express; store it as base64 text"],
  [SharedArrayBuffer, "binary data, which JSON can't express; store it as base64 text"],
];
const isGenerator = (value) =>
  typeof value.next === 'function' && (Symbol.iterator in value || Symbol.asyncIterator in value);

function whatIsWrong(value) {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? undefined : `is ${value}, which JSON can't express`;
    case 'bigint':
      return "is a BigInt, which JSON can't express; store it as a string";
    case 'function':
    case 'symbol':
      return `is a ${typeof value}, which JSON would leave out`;
    case 'object':
      break;
    default:
      return undefined;
  }
  if (value === null) return undefined;
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === Array.prototype || prototype === null) return undefined;
  if (ArrayBuffer.isView(value)) return "is binary data, which JSON can't express; store it as base64 text";
  const kind = KINDS.find(([type]) => value instanceof type);
  if (kind !== undefined) return `is ${kind[1]}`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'is an invalid Date' : undefined;
  if (value instanceof Number) return whatIsWrong(Number(value));
  if (value instanceof BigInt || value instanceof Symbol) return whatIsWrong(value.valueOf());
  return isGenerator(value)
    ? 'is an iterator, which JSON would store as {}; store an array of what it gives'
    : undefined;
}

// The first value that can't be stored: { path, why }, or undefined. A path is a list of [name, position], the name
// undefined for an element.
function findFault(value, path, above) {
  const why = whatIsWrong(value);
  if (why !== undefined) return { path, why };
  if (typeof value !== 'object' || value === null) return undefined;
  if (above.includes(value)) return { path, why: 'refers to an object that contains it (a cycle)' };
  if (above.length > MAX_DEPTH) return { path, why: `is nested more than ${MAX_DEPTH} levels deep` };
  const inner = [...above, value];
  if (typeof value.toJSON === 'function') {
    // A Date, or a class of the application's that says itself what is stored.
    if (value instanceof Date) return undefined;
    return findFault(value.toJSON(String(path.at(-1)?.[0] ?? '')), path, inner);
  }
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; ++i) {
      const step = [...path, [undefined, i]];
      if (value[i] === undefined) {
        return { path: step, why: 'is undefined or a hole, which JSON would store as null; store null' };
      }
      const fault = findFault(value[i], step, inner);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
  let position = -1;
  for (const key of Object.keys(value)) {
    position += 1;
    const fault = findFault(value[key], [...path, [key, position]], inner);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

// Whether anything in plain data calls for a closer look. One pass without a path: this runs for every write.
function isPlain(value, depth) {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value);
    case 'undefined':
      return false;
    case 'object':
      break;
    default:
      return false;
  }
  if (value === null) return true;
  if (depth === MAX_DEPTH) return false;
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Array.prototype) {
    for (let i = 0; i < value.length; ++i) if (!isPlain(value[i], depth + 1)) return false;
    return true;
  }
  if (prototype !== Object.prototype || typeof value.toJSON === 'function') return false;
  for (const key in value) {
    const inner = value[key];
    if (inner !== undefined && !isPlain(inner, depth + 1)) return false;
  }
  return true;
}

// Names are labelled by the core: one that is no plain identifier may be somebody's data.
function notSerialisable({ path, why }, cause) {
  let where = path.length === 0 ? 'the session' : 'session';
  for (const [name, position] of path.slice(0, MAX_LABELS)) {
    where += `.${name === undefined ? position : native.memberLabel(name, position)}`;
  }
  if (path.length > MAX_LABELS) where += '…';
  return new CoatcheckError('ERR_NOT_SERIALISABLE', `the session can't be stored: ${where} ${why}`, { cause });
}

// The session's data as JSON, as JSON.stringify makes it. Throws ERR_NOT_SERIALISABLE where that throws. `cookie` is no
// data: the caller has hidden it.
function stringify(data) {
  let json;
  try {
    json = JSON.stringify(data);
  } catch (cause) {
    // The engine's own message may quote class names, but never says where.
    const fault = findFault({ ...data }, [], []);
    throw notSerialisable(
      fault ?? { path: [], why: "holds a value that JSON can't express" },
      fault ? undefined : cause,
    );
  }
  if (typeof json !== 'string') throw notSerialisable({ path: [], why: 'has a toJSON that gives nothing' });
  return json;
}

// The same; throws also for what JSON spoils.
function serialise(data) {
  const json = stringify(data);
  if (isSuspicious(json)) refuseSpoilt(data);
  return json;
}

// For data that is about to be written. Throws ERR_NOT_SERIALISABLE for what JSON spoils or leaves out.
function refuseSpoilt(data) {
  for (const key of Object.keys(data)) {
    const value = data[key];
    if (value === undefined || isPlain(value, 1)) continue;
    const fault = findFault({ ...data }, [], []);
    if (fault !== undefined) throw notSerialisable(fault);
    return;
  }
}

// Stored text as data. The engine's own message would quote what it can't parse: somebody's data.
function parseStored(json) {
  try {
    return JSON.parse(json);
  } catch {
    throw new CoatcheckError('ERR_RECORD_DAMAGED', 'the stored session is damaged: its payload is not valid JSON');
  }
}

module.exports = { parseStored, refuseSpoilt, serialise, stringify };
