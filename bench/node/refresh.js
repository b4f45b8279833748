'use strict';

// node/refresh/rotate@{memory,file,redis}: one use of a refresh token, each the successor of the one before, awaited in
// turn. No peer: the session and JWT packages compared with here issue no refresh tokens.

const fs = require('node:fs');
const path = require('node:path');
const { RefreshTokens } = require('../../node');
const { race } = require('./measure.js');
const { SECRET, startRedis, temporaryDirectory } = require('./support.js');

// `n` generations of one family.
async function rotating(url) {
  const tokens = new RefreshTokens(url, { secret: SECRET });
  let { token } = await tokens.issue('ann', { device: 'Firefox on Linux', claims: { scope: ['read', 'write'] } });
  const run = async (n) => {
    for (let i = 0; i < n; ++i) ({ token } = await tokens.refresh(token));
  };
  return { run, close: () => tokens.close() };
}

async function main() {
  const server = await startRedis();
  const urls = {
    memory: 'memory:bench-refresh',
    file: `file:${path.join(temporaryDirectory(), 'families')}`,
    redis: `${server.url}?timeout=5000`,
  };
  const all = [];
  for (const [store, url] of Object.entries(urls)) {
    const family = await rotating(url);
    const { ours } = await race({ ours: family.run }, { rounds: 21, operations: 500 });
    const row = { ours_ns: Math.round(ours), peer: null, peer_ns: null, ratio: null, limit_ns: null };
    all.push({ case: `node/refresh/rotate@${store}`, ...row });
    family.close();
  }
  server.stop();
  console.table(Object.fromEntries(all.map(({ case: name, ...rest }) => [name, rest])));
  if (process.argv[2]) fs.writeFileSync(process.argv[2], `${JSON.stringify(all, null, 2)}\n`);
}

main();
