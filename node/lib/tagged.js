'use strict';

// `types: 'tagged'`: values that JSON has no word for, as objects of one member whose name begins with a space. The tags are
// Flask's where Flask has one (flask/json/tag.py); python/coatcheck/_tagged.py has the same.
//
//   " d"  Date, datetime       an HTTP date, or ISO 8601 with what it has below the second
//   " b"  Buffer, bytes        base64
//   " n"  BigInt, int          decimal
//   " s"  Set, set             a list
//   " o"  Map, dict            a list of pairs
//   " l"  URL                  its text
//   " r"  RegExp               [source, flags]
//   " t", " u", " m"           Python's tuple, UUID and Markup, which JavaScript keeps as they are (TaggedValue)
//   " di"                      a plain object whose only member has a tag's name: the name with __ behind it

const { CoatcheckError } = require('./errors.js');
const { parseStored, refuseSpoilt, serialise } = require('./payload.js');

const MAX_DEPTH = 64; // as lib/payload.js: deeper data is refused there
const ESCAPE = ' di';

// A value of Python's that JavaScript has no type for.
class TaggedValue {
  constructor(tag, value) {
    this.tag = tag;
    this.value = value;
  }

  toString() {
    return String(this.value);
  }
}

const dateText = (date) => (date.getTime() % 1000 === 0 ? date.toUTCString() : date.toISOString());

// A datetime of Python's that is finer than a Date, or in another zone: it is written back as it was.
class ExactDate extends Date {
  #text;
  #time;

  constructor(text) {
    super(text);
    this.#text = text;
    this.#time = this.getTime();
  }

  get text() {
    return this.getTime() === this.#time ? this.#text : dateText(this);
  }
}

// tag → what its value stands for. Throws where that is none.
const READERS = {
  ' d': (text) => {
    const date = new Date(text);
    if (Number.isNaN(date.getTime())) throw new TypeError('no date');
    return dateText(date) === text ? date : new ExactDate(text);
  },
  ' b': (text) => Buffer.from(text, 'base64'),
  ' n': (text) => BigInt(text),
  ' s': (list) => new Set(list),
  ' o': (pairs) => new Map(pairs),
  ' l': (text) => new URL(text),
  ' r': ([source, flags]) => new RegExp(source, flags),
  ' t': (value) => new TaggedValue(' t', value),
  ' u': (value) => new TaggedValue(' u', value),
  ' m': (value) => new TaggedValue(' m', value),
};
const isTag = (name) => Object.hasOwn(READERS, name) || name === ESCAPE;

function tagObject(value, depth) {
  if (value instanceof Date)
    return Number.isNaN(value.getTime()) ? value : { ' d': value instanceof ExactDate ? value.text : dateText(value) };
  if (value instanceof Map) return { ' o': [...value].map(([k, v]) => [tag(k, depth), tag(v, depth)]) };
  if (value instanceof Set) return { ' s': [...value].map((one) => tag(one, depth)) };
  if (value instanceof Uint8Array)
    return { ' b': Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64') };
  if (value instanceof URL) return { ' l': value.href };
  if (value instanceof RegExp) return { ' r': [value.source, value.flags] };
  if (value instanceof TaggedValue) return { [value.tag]: tag(value.value, depth) };
  if (typeof value.toJSON === 'function') return tag(value.toJSON(), depth);
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value; // what JSON makes of it, or refuses
  const entries = Object.entries(value).map(([name, inner]) => [name, tag(inner, depth)]);
  if (entries.length === 1 && isTag(entries[0][0])) return { [ESCAPE]: { [`${entries[0][0]}__`]: entries[0][1] } };
  return Object.fromEntries(entries);
}

function tag(value, depth) {
  if (typeof value === 'bigint') return { ' n': String(value) };
  if (typeof value !== 'object' || value === null || depth === MAX_DEPTH) return value;
  if (Array.isArray(value)) return value.map((one) => tag(one, depth + 1));
  return tagObject(value, depth + 1);
}

function untag(value) {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; ++i) value[i] = untag(value[i]);
    return value;
  }
  const names = Object.keys(value);
  for (const name of names) value[name] = untag(value[name]);
  if (names.length !== 1 || !isTag(names[0])) return value;
  const [name] = names;
  const inner = value[name];
  if (name !== ESCAPE) return READERS[name](inner);
  const [escaped] = Object.keys(inner);
  return { [escaped.slice(0, -2)]: inner[escaped] };
}

// The session's own members are no tags, whatever they are called.
const tagAll = (data) => Object.fromEntries(Object.entries(data).map(([name, value]) => [name, tag(value, 1)]));

// How a middleware turns data into JSON and back.
const PLAIN = { print: serialise, parse: parseStored, refuse: refuseSpoilt };
const TAGGED = {
  print: (data) => serialise(tagAll(data)),
  parse(json) {
    const data = parseStored(json);
    try {
      for (const name of Object.keys(data)) data[name] = untag(data[name]);
    } catch {
      throw new CoatcheckError(
        'ERR_RECORD_DAMAGED',
        'the stored session is damaged: it has a tagged value that is none',
      );
    }
    return data;
  },
  refuse: (data) => refuseSpoilt(tagAll(data)),
};
const codecOf = (types) => (types === 'tagged' ? TAGGED : PLAIN);

module.exports = { TaggedValue, codecOf };
