'use strict';

// Runs every benchmark of this directory, one after another, and joins their figures into the file argv[2] names.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const all = [];
for (const name of [
  'unsign',
  'open-commit',
  'drop-ins',
  'express',
  'store',
  'redis-get',
  'memcached',
  'jwt',
  'refresh',
]) {
  const out = path.join(os.tmpdir(), `coatcheck-bench-${process.pid}-${name}.json`);
  const { status } = spawnSync(process.execPath, [path.join(__dirname, `${name}.js`), out], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
  all.push(...JSON.parse(fs.readFileSync(out, 'utf8')));
  fs.rmSync(out);
}
if (process.argv[2]) fs.writeFileSync(process.argv[2], `${JSON.stringify(all, null, 2)}\n`);
