'use strict';

// node/jwt/{sign,verify}@{HS256,RS256,ES256,EdDSA}, node/jwt/verify-cached@HS256 and node/jwe/{encrypt,decrypt}@dir+A256GCM.
//
// Peers: jsonwebtoken (with KeyObjects), fast-jwt without its cache (with it for verify-cached) and jose. The row of a
// case names the fastest; the others have rows of their own, `<case>/<peer>`. limit_ns is what node:crypto's own
// signature takes in the same run, where there is one to be measured; null elsewhere.
//
// Tokens are fresh strings in turn, as they come out of requests.

const crypto = require('node:crypto');
const fs = require('node:fs');
const fast = require('fast-jwt');
const jsonwebtoken = require('jsonwebtoken');
const jwt = require('../../node/jwt.js');
const { race } = require('./measure.js');

const SECRET = 'a benchmark secret of more than thirty-two bytes';
const NOW = Math.floor(Date.now() / 1000);
const CLAIMS = {
  sub: 'user-4711',
  name: 'Ann Example',
  roles: ['admin', 'editor'],
  iss: 'https://issuer.example',
  aud: 'shop',
  iat: NOW,
  exp: NOW + 86_400,
};
const TURN = 256;
const ALGORITHMS = {
  HS256: { operations: 2000 },
  RS256: { make: () => crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }), digest: 'sha256', operations: 100 },
  ES256: {
    make: () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    digest: 'sha256',
    dsaEncoding: 'ieee-p1363',
    operations: 200,
  },
  EdDSA: { make: () => crypto.generateKeyPairSync('ed25519'), digest: null, operations: 200 },
};
const ROUNDS = 15;

// `run(i)` n times, awaited where the library is asynchronous.
const loop = (run) => async (n) => {
  for (let i = 0; i < n; ++i) run(i);
};
const awaited = (run) => async (n) => {
  for (let i = 0; i < n; ++i) await run(i);
};
const fresh = (token) => Array.from({ length: TURN }, () => Buffer.from(token).toString());

const pem = (key) => key.export({ format: 'pem', type: key.type === 'public' ? 'spki' : 'pkcs8' });

// Rows of one case: ours against the fastest, then against each of the others.
function rows(name, { ours, limit = null, ...peers }) {
  const sorted = Object.entries(peers).sort(([, a], [, b]) => a - b);
  return sorted.map(([peer, time], i) => ({
    case: i === 0 ? name : `${name}/${peer}`,
    ours_ns: Math.round(ours),
    peer,
    peer_ns: Math.round(time),
    ratio: Number((time / ours).toFixed(2)),
    limit_ns: limit === null ? null : Math.round(limit),
  }));
}

async function signatures(jose, alg) {
  const { make, digest, dsaEncoding, operations } = ALGORITHMS[alg];
  const pair = make?.() ?? {};
  const secret = crypto.createSecretKey(Buffer.from(SECRET));
  const signing = pair.privateKey ?? secret;
  const verifying = pair.publicKey ?? secret;
  const options = { algorithms: [alg] };
  const known = alg !== 'EdDSA'; // jsonwebtoken has no EdDSA
  const header = { alg, typ: 'JWT' };
  const ourSigner = jwt.createSigner({ key: signing, algorithm: alg });
  const fastSigner = fast.createSigner({ key: make ? pem(signing) : SECRET, algorithm: alg });
  const raw = make && { dsaEncoding };

  const sign = {
    ours: loop(() => ourSigner(CLAIMS)),
    'fast-jwt': loop(() => fastSigner(CLAIMS)),
    jose: awaited(() => new jose.SignJWT(CLAIMS).setProtectedHeader(header).sign(signing)),
  };
  if (known) sign.jsonwebtoken = loop(() => jsonwebtoken.sign(CLAIMS, signing, { algorithm: alg }));
  const input = Buffer.from(ourSigner(CLAIMS).split('.').slice(0, 2).join('.'));
  if (raw) sign.limit = loop(() => crypto.sign(digest, input, { key: signing, ...raw }));

  const tokens = fresh(ourSigner(CLAIMS));
  const ourVerifier = jwt.createVerifier({ key: verifying, algorithms: [alg] });
  const fastVerifier = fast.createVerifier({ key: make ? pem(verifying) : SECRET, algorithms: [alg] });
  const verify = {
    ours: loop((i) => ourVerifier(tokens[i % TURN])),
    'fast-jwt': loop((i) => fastVerifier(tokens[i % TURN])),
    jose: awaited((i) => jose.jwtVerify(tokens[i % TURN], verifying, options)),
  };
  if (known) verify.jsonwebtoken = loop((i) => jsonwebtoken.verify(tokens[i % TURN], verifying, options));
  if (raw) {
    const signature = crypto.sign(digest, input, { key: signing, ...raw });
    verify.limit = loop(() => crypto.verify(digest, input, { key: verifying, ...raw }, signature));
  }
  return [
    ...rows(`node/jwt/sign@${alg}`, await race(sign, { rounds: ROUNDS, operations })),
    ...rows(`node/jwt/verify@${alg}`, await race(verify, { rounds: ROUNDS, operations })),
  ];
}

async function cached() {
  const tokens = fresh(jwt.sign(CLAIMS, SECRET));
  const ours = jwt.createVerifier({ key: SECRET, cache: { entries: 1000, symmetric: true } });
  const theirs = fast.createVerifier({ key: SECRET, algorithms: ['HS256'], cache: 1000 });
  const times = await race(
    { ours: loop((i) => ours(tokens[i % TURN])), 'fast-jwt': loop((i) => theirs(tokens[i % TURN])) },
    { rounds: ROUNDS, operations: 2000 },
  );
  return rows('node/jwt/verify-cached@HS256', times);
}

async function encryption(jose) {
  const secret = crypto.randomBytes(32);
  const key = jwt.importSecret(secret, { alg: 'dir' });
  const plain = Buffer.from(JSON.stringify(CLAIMS));
  const header = { alg: 'dir', enc: 'A256GCM' };
  const encrypt = await race(
    {
      ours: loop(() => jwt.encrypt(plain, key)),
      jose: awaited(() => new jose.CompactEncrypt(plain).setProtectedHeader(header).encrypt(secret)),
    },
    { rounds: ROUNDS, operations: 300 },
  );
  const tokens = fresh(jwt.encrypt(plain, key));
  const decrypt = await race(
    {
      ours: loop((i) => jwt.decrypt(tokens[i % TURN], key)),
      jose: awaited((i) => jose.compactDecrypt(tokens[i % TURN], secret)),
    },
    { rounds: ROUNDS, operations: 300 },
  );
  return [...rows('node/jwe/encrypt@dir+A256GCM', encrypt), ...rows('node/jwe/decrypt@dir+A256GCM', decrypt)];
}

async function main() {
  const jose = await import('jose');
  const all = [];
  for (const alg of Object.keys(ALGORITHMS)) all.push(...(await signatures(jose, alg)));
  all.push(...(await cached()), ...(await encryption(jose)));
  console.table(Object.fromEntries(all.map(({ case: name, ...rest }) => [name, rest])));
  if (process.argv[2]) fs.writeFileSync(process.argv[2], `${JSON.stringify(all, null, 2)}\n`);
}
main();
