'use strict';

// A clock that a test turns by hand. node:test's own mock of Date needs Node 20.4, and Debian 12 has 18.

// Date.now() stands still until the test `t` ends. Answers what turns it on, by milliseconds.
function stopClock(t, start) {
  let now = start;
  t.mock.method(Date, 'now', () => now);
  return (by) => {
    now += by;
  };
}

module.exports = { stopClock };
