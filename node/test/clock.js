'use strict';

// A clock that a test turns by hand.

// Date.now() stands still until the test `t` ends. Answers what turns it on, by milliseconds.
function stopClock(t, start) {
  let now = start;
  t.mock.method(Date, 'now', () => now);
  return (by) => {
    now += by;
  };
}

module.exports = { stopClock };
