'use strict';

// As which snapshot a session's data was read, so that storing it again is a compare-and-set.

const readAs = new WeakMap();

const baseOf = (data) => readAs.get(data);

function noteBase(data, base) {
  readAs.set(data, base);
}

// What was read stands for the object that is made of it.
function carryBase(from, to) {
  const base = readAs.get(from);
  if (base !== undefined) readAs.set(to, base);
}

module.exports = { baseOf, carryBase, noteBase };
