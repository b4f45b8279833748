// `make demo`: opens the house, prints its address, and closes it at Ctrl-C.

const fs = require('node:fs');
const path = require('node:path');
const { open, root } = require('./house.js');

async function main() {
  const folder = path.join(root, 'build/demo');
  fs.mkdirSync(folder, { recursive: true });
  const store = process.env.COATCHECK_STORE || `file:${path.join(folder, 'sessions')}`;
  const port = Number(process.env.PORT || 8080);

  const house = await open({ store, port }).catch((err) => {
    // Somebody else has the usual port: any other will do, unless it was asked for.
    if (err.code !== 'EADDRINUSE' || process.env.PORT) throw err;
    return open({ store });
  });
  let closing = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, async () => {
      if (closing) return;
      closing = true;
      await house.close();
      console.log('\nclosed');
    });
  }
  // A store URL may hold a password.
  const shown = store.replace(/\/\/[^@/]*@/, '//…@');
  console.log(`\nOne cart, four stacks, one store (${shown}):\n\n    ${house.address}\n\nCtrl-C ends it.`);
}

main().catch((err) => {
  console.error(`demo: ${err.message}`);
  process.exitCode = 1;
});
