'use strict';

// How the benchmarks measure and report. All contestants run in one process; rounds are short and interleaved, so
// that a busy machine disturbs everyone alike; the figure is the median of the rounds.

const fs = require('node:fs');

// Nanoseconds that go by, and those that this process was running. What a remote server does is not in the second,
// nor what else a busy machine does.
const CLOCKS = {
  time: () => Number(process.hrtime.bigint()),
  cpu: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) * 1000;
  },
};

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// contestants: { name: async (n) => … } that each do `n` operations. Answers { name: ns per operation } by either clock:
// { time, cpu }.
async function raceByClocks(contestants, { rounds, operations }) {
  const names = Object.keys(contestants);
  const samples = Object.fromEntries(names.map((name) => [name, { time: [], cpu: [] }]));
  for (const name of names) await contestants[name](operations); // compiles the code paths, fills the caches
  for (let round = 0; round < rounds; ++round) {
    for (let i = 0; i < names.length; ++i) {
      const name = names[(i + round) % names.length];
      const began = { time: CLOCKS.time(), cpu: CLOCKS.cpu() };
      await contestants[name](operations);
      for (const clock of ['cpu', 'time']) samples[name][clock].push((CLOCKS[clock]() - began[clock]) / operations);
    }
  }
  const by = (clock) => Object.fromEntries(names.map((name) => [name, median(samples[name][clock])]));
  return { time: by('time'), cpu: by('cpu') };
}

// By one clock: BENCH_CLOCK, time unless it says cpu.
const race = async (contestants, size) =>
  (await raceByClocks(contestants, size))[process.env.BENCH_CLOCK === 'cpu' ? 'cpu' : 'time'];

// So many callers at once, each of which awaits its answer before it asks again.
function callers(count, operation) {
  return async (n) => {
    let left = n;
    const caller = async () => {
      while (left-- > 0) await operation();
    };
    await Promise.all(Array.from({ length: count }, caller));
  };
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

module.exports = { callers, entry, race, raceByClocks, report };
