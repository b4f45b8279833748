'use strict';

// Seals of iron-session: its own (Fe26.2, read always, written on request), and coatcheck's, which are made thirty times
// as fast and name their purpose.

const { construct } = require('../errors.js');
const { Lru } = require('../lru.js');
const { native } = require('../native.js');
const { parseStored, serialise } = require('../payload.js');

const PURPOSE = 'iron-session';
const FOURTEEN_DAYS = 14 * 24 * 3600; // seconds
const VERSION = '~2';
const RINGS = 16;
// What iron-session takes for "no session"; anything else is an error of its caller.
const NO_SESSION = /^(Expired seal|Bad hmac value|Cannot find password|Incorrect number of sealed components)/;

// { id: password } with the newest first: the highest id.
function passwordsOf(password) {
  const map = typeof password === 'string' ? { 1: password } : password;
  const list = Object.entries(map).sort(([a], [b]) => Number(b) - Number(a));
  if (list.length === 0) throw new Error('iron-session: Bad usage. Missing password.');
  if (list.some(([, secret]) => secret.length < 32)) {
    throw new Error('iron-session: Bad usage. Password must be at least 32 characters long.');
  }
  return list;
}

const rings = new Lru(RINGS); // passwords → keys; the last few, for a process has one or two
function ringOf(passwords) {
  const name = JSON.stringify(passwords);
  let ring = rings.get(name);
  if (ring === undefined) {
    ring = construct(
      native.createKeys,
      passwords.map(([id, secret]) => ({ id, secret })),
      'password',
    );
    rings.set(name, ring);
  }
  return ring;
}

// `ttl`: seconds, 0 for ever. `format`: 'iron' for iron-session's own seals.
function seal(data, { password, ttl = FOURTEEN_DAYS, format = 'coatcheck' }) {
  const passwords = passwordsOf(password);
  const json = serialise(data);
  const expiresAt = ttl === 0 ? 0 : Math.round(Date.now() + ttl * 1000);
  if (format === 'iron') return native.ironSeal(...passwords[0], json, expiresAt) + VERSION;
  if (format !== 'coatcheck') throw new TypeError("format option must be 'coatcheck' or 'iron'");
  return ringOf(passwords).seal(PURPOSE, '', json, expiresAt);
}

// The version stands outside what is authenticated: it may not say what the data means.
function withVersion(data, versioned) {
  if (versioned) return data;
  const { persistent, ...others } = Object(data);
  return Object.keys(others).length === 0 ? { ...persistent } : {};
}

// The data; { data: {}, reason } for what is no session: 'expired', 'unknown-password' or 'invalid'.
function open(sealed, { password }) {
  const passwords = passwordsOf(password);
  if (sealed.startsWith('cc1.')) {
    const opened = ringOf(passwords).unseal(PURPOSE, '', sealed);
    if (typeof opened === 'string') return { data: parseStored(opened) };
    return { data: {}, reason: opened.code === 'ERR_TOKEN_EXPIRED' ? 'expired' : 'invalid' };
  }
  const [body, version] = sealed.split('~');
  try {
    const opened = native.ironUnseal(passwords, body);
    return { data: withVersion(parseStored(opened) ?? {}, version === '2') };
  } catch (error) {
    if (!NO_SESSION.test(error.message)) throw error;
    if (error.message.startsWith('Expired')) return { data: {}, reason: 'expired' };
    return { data: {}, reason: error.message.startsWith('Cannot find') ? 'unknown-password' : 'invalid' };
  }
}

module.exports = { FOURTEEN_DAYS, open, passwordsOf, seal };
