'use strict';

// Runs every benchmark of this directory, one after another, and joins their figures into the file argv[2] names; with
// names behind that (redis express) only those.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const PROGRAMS = ['unsign', 'open-commit', 'drop-ins', 'express', 'store', 'redis', 'memcached', 'jwt', 'refresh'];
const [file, ...chosen] = process.argv.slice(2);
for (const name of chosen) {
  if (!PROGRAMS.includes(name)) throw new Error(`bench: no program '${name}'; there are: ${PROGRAMS.join(', ')}`);
}

const all = [];
for (const name of chosen.length > 0 ? chosen : PROGRAMS) {
  const out = path.join(os.tmpdir(), `coatcheck-bench-${process.pid}-${name}.json`);
  const { status } = spawnSync(process.execPath, [path.join(__dirname, `${name}.js`), out], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
  all.push(...JSON.parse(fs.readFileSync(out, 'utf8')));
  fs.rmSync(out);
}
if (file) fs.writeFileSync(file, `${JSON.stringify(all, null, 2)}\n`);
