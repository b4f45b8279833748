'use strict';

// Session data as JSON text, and the refusal of what JSON would silently spoil.
//
// JSON.stringify turns NaN into null, a Buffer into an object of numbers and a Map into {}: the next request, or
// a service in another language, would read something else than was written. The price of finding that out is
// paid only where the text gives cause for suspicion.

const { CoatcheckError } = require('./errors.js');

const MAX_DEPTH = 64;

// What the values in question leave in the text: null, {}, or an object whose first key is "0", and a Buffer's own
// JSON. Each begins with a character that is rare in JSON, which makes the search three times as fast.
function isSuspicious(json) {
  return json.includes('null') || json.includes('{}') || json.includes('{"0":') || json.includes('Buffer"');
}

function whatIsWrong(value) {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? undefined : `is ${value}, which JSON can't express`;
    case 'bigint':
      return "is a BigInt, which JSON can't express; store it as a string";
    case 'object':
      if (value === null) return undefined;
      if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) {
        return "is binary data, which JSON can't express; store it as base64 text";
      }
      if (value instanceof Map || value instanceof Set) return 'is a Map or Set, which JSON would store as {}';
      if (value instanceof Date && Number.isNaN(value.getTime())) return 'is an invalid Date';
      return undefined;
    default:
      return undefined;
  }
}

// The first value that can't be stored: { path, why }, or undefined. Paths name keys and never hold values.
function findFault(value, path, above) {
  const why = whatIsWrong(value);
  if (why !== undefined) return { path, why };
  if (typeof value !== 'object' || value === null) return undefined;
  if (above.includes(value)) return { path, why: 'refers to an object that contains it (a cycle)' };
  if (above.length > MAX_DEPTH) return { path, why: `is nested more than ${MAX_DEPTH} levels deep` };
  if (typeof value.toJSON === 'function') {
    // A Date, or a class of the application's that says itself what is stored.
    return value instanceof Date ? undefined : findFault(value.toJSON(path.at(-1) ?? ''), path, [...above, value]);
  }
  const inner = [...above, value];
  for (const key of Object.keys(value)) {
    const fault = findFault(value[key], [...path, key], inner);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function notSerialisable(fault, cause) {
  const where = fault.path.length === 0 ? 'the session' : `session.${fault.path.join('.')}`;
  return new CoatcheckError('ERR_NOT_SERIALISABLE', `the session can't be stored: ${where} ${fault.why}`, { cause });
}

// The session's data as JSON. Throws ERR_NOT_SERIALISABLE. `cookie` is no data: the caller has hidden it.
function serialise(data) {
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
  if (isSuspicious(json)) {
    const fault = findFault({ ...data }, [], []);
    if (fault !== undefined) throw notSerialisable(fault);
  }
  return json;
}

module.exports = { serialise };
