// Spans of time as jsonwebtoken and fast-jwt take them: a number, or a text such as "2 days", "10h", "-1.5h", "1y".

const MILLISECONDS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000, y: 31_557_600_000 };
const UNITS = {
  ms: ['milliseconds', 'millisecond', 'msecs', 'msec', 'ms'],
  s: ['seconds', 'second', 'secs', 'sec', 's'],
  m: ['minutes', 'minute', 'mins', 'min', 'm'],
  h: ['hours', 'hour', 'hrs', 'hr', 'h'],
  d: ['days', 'day', 'd'],
  w: ['weeks', 'week', 'w'],
  y: ['years', 'year', 'yrs', 'yr', 'y'],
};
const FACTORS = new Map(
  Object.entries(UNITS).flatMap(([unit, words]) => words.map((word) => [word, MILLISECONDS[unit]])),
);
const MAX_LENGTH = 100;

// Milliseconds of a text; a number alone counts milliseconds. Undefined when it is no span of time.
function milliseconds(text) {
  if (text.length === 0 || text.length > MAX_LENGTH) return undefined;
  const found = /^(-?\d*\.?\d+) *([a-z]*)$/i.exec(text);
  if (found === null) return undefined;
  const factor = found[2] === '' ? 1 : FACTORS.get(found[2].toLowerCase());
  return factor === undefined ? undefined : Number(found[1]) * factor;
}

// `time` after `from` (seconds since the epoch): a number counts seconds, a text is as above.
function secondsAfter(time, from) {
  if (typeof time === 'number') return from + time;
  if (typeof time !== 'string') return undefined;
  const span = milliseconds(time);
  return span === undefined ? undefined : Math.floor(from + span / 1000);
}

module.exports = { milliseconds, secondsAfter };
