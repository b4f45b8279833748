'use strict';

// What the addon shows to node and takes from it. node exports an OpenSSL of its own, which must never be the one
// that runs here; nothing but Node-API, libuv and the C library may be left open.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const PREBUILDS = path.join(__dirname, '..', 'prebuilds');
const BINARY = path.join(PREBUILDS, `${process.platform}-${process.arch}.node`);
const symbols = (kind) =>
  execFileSync('nm', ['-D', kind, BINARY], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).at(-1));

test('it exports the entry points of Node-API and nothing else', () => {
  assert.deepEqual(symbols('--defined-only').sort(), ['napi_register_module_v1', 'node_api_module_get_api_version_v1']);
});

// zlib: node has one for its addons (its headers hold zlib.h), and that one answers.
test('it takes Node-API, libuv, LMDB, zlib and the C library from outside, and no OpenSSL', () => {
  const strangers = symbols('--undefined-only').filter(
    (name) => !/^(napi_|uv_|mdb_|deflate|inflate)|@GLIBC_|^(__gmon_start__|_ITM_)/.test(name),
  );
  assert.deepEqual(strangers, []);
});

test('LMDB and zlib are found beside it', () => {
  const dynamic = execFileSync('objdump', ['-p', BINARY], { encoding: 'utf8' });
  assert.match(dynamic, /RUNPATH +\$ORIGIN\n/);
  assert.match(dynamic, /NEEDED +liblmdb\.so\.0\n/);
  assert.match(dynamic, /NEEDED +libz\.so\.1\n/);
  for (const name of ['liblmdb.so.0', 'libz.so.1']) assert.ok(fs.existsSync(path.join(PREBUILDS, name)));
  assert.doesNotMatch(dynamic, /NEEDED +lib(crypto|ssl|stdc\+\+)/);
});

test('the package has no install script and no binding.gyp', () => {
  const { scripts } = require('../package.json');
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) assert.equal(scripts[name], undefined);
  assert.equal(fs.existsSync(path.join(__dirname, '..', 'binding.gyp')), false);
});

test('a platform without a binary gets an error that says what to do', () => {
  const script = `process.env.COATCHECK_BINARY = '/nowhere/none.node'; require(${JSON.stringify(path.join(__dirname, '..'))})`;
  assert.throws(
    () => execFileSync(process.execPath, ['-e', script], { stdio: 'pipe' }),
    (error) => /coatcheck has no binary for .*COATCHECK_BUILD_NODE=ON/.test(error.stderr.toString()),
  );
});
