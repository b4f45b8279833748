'use strict';

// How the benchmarks measure and report. All contestants run in one process; rounds are short and interleaved, so
// that a busy machine disturbs everyone alike; the figure is the median of the rounds.

const fs = require('node:fs');

// Nanoseconds that go by, or with BENCH_CLOCK=cpu those that this process was running: for a machine that has
// other work. What a remote server does is then left out.
function now() {
  if (process.env.BENCH_CLOCK !== 'cpu') return Number(process.hrtime.bigint());
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// contestants: { name: async (n) => … } that each do `n` operations. Answers { name: ns per operation }.
async function race(contestants, { rounds, operations }) {
  const names = Object.keys(contestants);
  const samples = Object.fromEntries(names.map((name) => [name, []]));
  for (const name of names) await contestants[name](operations); // compiles the code paths, fills the caches
  for (let round = 0; round < rounds; ++round) {
    for (let i = 0; i < names.length; ++i) {
      const name = names[(i + round) % names.length];
      const began = now();
      await contestants[name](operations);
      samples[name].push((now() - began) / operations);
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(samples[name])]));
}

// One line of the report. ratio: how many times the peer's time is ours. limit: what we may need at most.
function entry(name, ours, peer, peerTime, aim) {
  return {
    case: name,
    ours_ns: Math.round(ours),
    peer,
    peer_ns: Math.round(peerTime),
    ratio: Number((peerTime / ours).toFixed(2)),
    limit_ns: Math.round(peerTime / aim),
  };
}

function report(entries) {
  const rows = entries.map((one) => ({
    case: one.case,
    'ours ns': one.ours_ns,
    peer: one.peer,
    'peer ns': one.peer_ns,
    ratio: one.ratio,
    'limit ns': one.limit_ns,
    met: one.ours_ns <= one.limit_ns ? 'yes' : 'NO',
  }));
  console.table(Object.fromEntries(rows.map(({ case: name, ...rest }) => [name, rest])));
  if (process.argv[2]) fs.writeFileSync(process.argv[2], `${JSON.stringify(entries, null, 2)}\n`);
}

module.exports = { entry, race, report };
