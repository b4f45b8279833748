'use strict';

// `require('coatcheck/iron-session')` takes the place of iron-session (8): getIronSession, sealData, unsealData. It reads
// that package's seals; it writes them with `format: 'iron'`, and coatcheck's own without.

const { MAX_CHUNKS, chunkNames, joinChunks } = require('./lib/chunks.js');
const { CookieStore, Messages } = require('./lib/iron-session/places.js');
const { FOURTEEN_DAYS, open, passwordsOf, seal } = require('./lib/iron-session/seals.js');

const MAX_COOKIE = 4096; // bytes of a Set-Cookie value
const SKEW = 60; // seconds by which a cookie ends before its seal
const FOR_EVER = 2_147_483_647; // seconds
const BAD_USAGE =
  'iron-session: Bad usage: use getIronSession(req, res, options) or getIronSession(cookieStore, options).';
const LATE =
  'iron-session: Cannot set session cookie: session.save() was called after headers were sent. ' +
  'Make sure to call it before any res.send() or res.end()';

const sealData = async (data, options) => seal(data, options);
const unsealData = async (sealed, options) => open(sealed, options).data;

// The options as they are used.
function configure(options) {
  if (!options.cookieName) throw new Error('iron-session: Bad usage. Missing cookie name.');
  if (!options.password) throw new Error('iron-session: Bad usage. Missing password.');
  passwordsOf(options.password);
  const { ttl = FOURTEEN_DAYS } = options;
  const cookieOptions = { httpOnly: true, secure: true, sameSite: 'lax', path: '/', ...options.cookieOptions };
  const given = options.cookieOptions !== undefined && 'maxAge' in options.cookieOptions;
  if (!given) cookieOptions.maxAge = ttl === 0 ? FOR_EVER : ttl - SKEW;
  return { ...options, ttl: given && cookieOptions.maxAge === undefined ? 0 : ttl, cookieOptions };
}

// What the request's cookies hold: of several of the name, the first that is a session.
function read(place, config) {
  const sealed = place.values(config.cookieName);
  if (config.chunk) {
    const joined = joinChunks(config.cookieName, (name) => place.values(name)[0]);
    if (joined !== undefined) sealed.push(joined);
  }
  let reason;
  for (const one of sealed) {
    const opened = open(one, config);
    if (opened.reason === undefined) return opened.data;
    reason ??= opened.reason;
  }
  if (reason !== undefined) config.onUnsealError?.(reason);
  return {};
}

const tooBig = (length) =>
  new Error(
    `iron-session: Cookie length is too big (${length} bytes), browsers will refuse it. Try to remove some data.`,
  );

// Takes away the session's cookies that the request has, but for those that are `used`.
function clear(place, { chunk, cookieName, cookieOptions }, used) {
  for (const name of chunk ? [cookieName, ...chunkNames(cookieName)] : []) {
    if (used.includes(name) || place.values(name).length === 0) continue;
    place.set(name, '', { ...cookieOptions, maxAge: 0 }).send();
  }
}

// Writes the seal in one cookie, or with `chunk` in up to four; cookies that are left of an earlier one go.
function write(place, config, sealed) {
  const { chunk, cookieName, cookieOptions } = config;
  const whole = place.set(cookieName, sealed, cookieOptions);
  if (whole.length <= MAX_COOKIE) {
    whole.send();
    clear(place, config, [cookieName]);
    return;
  }
  if (!chunk) throw tooBig(whole.length);
  const room = MAX_COOKIE - (whole.length - sealed.length) - 2;
  const count = Math.ceil(sealed.length / room);
  if (count > MAX_CHUNKS) throw tooBig(whole.length);
  const names = chunkNames(cookieName, count);
  names.forEach((name, i) => {
    place.set(name, sealed.slice(i * room, (i + 1) * room), cookieOptions).send();
  });
  clear(place, config, names);
}

async function getIronSession(first, second, third) {
  if (!first || !second) throw new Error(BAD_USAGE);
  const place = third === undefined ? new CookieStore(await first) : new Messages(first, second);
  let config = configure(third ?? second);
  let ended = false;
  const session = read(place, config);
  Object.defineProperties(session, {
    updateConfig: {
      value: function updateConfig(options) {
        config = configure(options);
      },
    },
    save: {
      value: async function save() {
        if (place.sent()) throw new Error(LATE);
        // A logout is the end: what is saved after it would bring the session back.
        if (!ended) write(place, config, seal(session, config));
      },
    },
    destroy: {
      value: function destroy() {
        for (const key of Object.keys(session)) delete session[key];
        ended = true;
        const { cookieName, cookieOptions } = config;
        place.set(cookieName, '', { ...cookieOptions, maxAge: 0 }).send();
        clear(place, config, [cookieName]);
      },
    },
  });
  return session;
}

module.exports = { getIronSession, sealData, unsealData };
