'use strict';

// Finds the addon for this platform. It is in the package, so that installing runs nothing and fetches nothing.

const path = require('node:path');

function isMusl() {
  if (process.platform !== 'linux') return false;
  return process.report.getReport().header.glibcVersionRuntime === undefined;
}

function load() {
  const platform = `${process.platform}${isMusl() ? '-musl' : ''}-${process.arch}`;
  const file = process.env.COATCHECK_BINARY || path.join(__dirname, '..', 'prebuilds', `${platform}.node`);
  try {
    return require(file);
  } catch (cause) {
    const missing = cause.code === 'MODULE_NOT_FOUND';
    const error = new Error(
      missing
        ? `coatcheck has no binary for ${platform} (looked for ${file}). Use a platform that the package carries, ` +
            'or build it from the source: cmake -DCOATCHECK_BUILD_NODE=ON.'
        : `coatcheck's binary ${file} does not load: ${cause.message}`,
      { cause },
    );
    error.code = 'ERR_NO_BINARY';
    throw error;
  }
}

module.exports = load();
