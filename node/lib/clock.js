'use strict';

// The time that the addon goes by is Date.now's. As long as that is the engine's own, the addon asks the machine and
// nothing is said; where a test has put another in its place (node:test's mock.timers, sinon, jest, vitest), the addon is
// told before each operation, so that sessions age as the rest of the program does.

const native = require('./binding.js');

// Loaded while the time is mocked, this is no function of the engine: then the addon is told each time.
const own = /\[native code\]/.test(Function.prototype.toString.call(Date.now)) ? Date.now : undefined;
let told = false;

function followClock() {
  if (Date.now !== own) {
    told = true;
    native.setTime(Date.now());
  } else if (told) {
    told = false;
    native.setTime(0);
  }
}

module.exports = { followClock };
