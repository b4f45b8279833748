'use strict';

// node/unsign: verifying one signed session cookie, against cookie-signature.

const signature = require('cookie-signature');
const coatcheck = require('../../node');
const { entry, race, report } = require('./measure.js');
const { SECRET } = require('./support.js');

const id = 'dD1zA0E_TskflpSCiCvquUqzK8rjYNXVow-PvZ_EmaA';
const ring = new coatcheck.KeyRing(SECRET);
const cookie = ring.sign(id);
if (ring.unsign(cookie) !== id || signature.unsign(cookie.slice(2), SECRET) !== id) throw new Error('they disagree');

async function main() {
  const times = await race(
    {
      ours: (n) => {
        for (let i = 0; i < n; ++i) if (ring.unsign(cookie) !== id) throw new Error('wrong');
      },
      peer: (n) => {
        for (let i = 0; i < n; ++i) if (signature.unsign(cookie.slice(2), SECRET) !== id) throw new Error('wrong');
      },
    },
    { rounds: 41, operations: 5000 },
  );
  report([entry('node/unsign', times.ours, 'cookie-signature 1.2.2', times.peer, 10)]);
}

main();
