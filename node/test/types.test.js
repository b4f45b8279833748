'use strict';

// The types compile as applications use them, and refuse what is wrong (test/types/*).

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { test } = require('node:test');

// `.`: beside @types/express-session, which other packages bring; `alone`: without it; `moved`: programs that were
// written for it.
for (const project of ['.', 'alone', 'moved']) {
  test(`tsc, ${project}`, () => {
    const tsc = require.resolve('typescript/bin/tsc');
    const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', path.join(__dirname, 'types', project)], {
      encoding: 'utf8',
    });
    assert.equal(stdout, '');
    assert.equal(status, 0);
  });
}
