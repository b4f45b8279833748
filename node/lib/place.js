'use strict';

// Where a store is: its URL, or an object with it and what TLS needs, by the names of node:tls. What comes of that is a URL:
// the core knows what may stand in it, and says what is wrong.

const isString = (value) => typeof value === 'string';
const isPem = (value) => isString(value) || value instanceof Uint8Array;
const text = (value) => (isString(value) ? value : Buffer.from(value).toString('latin1'));

// name → [the URL's parameter, check, what it must be]
const TLS_OPTIONS = {
  ca: [
    'ca',
    (value) => isPem(value) || (Array.isArray(value) && value.length > 0 && value.every(isPem)),
    'tls: ca must be PEM or a path, or an array of PEM',
  ],
  cert: ['cert', isPem, 'tls: cert must be PEM or a path'],
  key: ['key', isPem, 'tls: key must be PEM or a path'],
  passphrase: ['key_password', isString, 'tls: passphrase must be a string'],
  servername: ['server_name', isString, 'tls: servername must be a string'],
  rejectUnauthorized: [
    'tls_insecure',
    (value) => typeof value === 'boolean',
    'tls: rejectUnauthorized must be true or false',
  ],
};

const isPlace = (value) =>
  isString(value) || (typeof value === 'object' && value !== null && isString(value.url) && value.get === undefined);

function written(name, value) {
  if (name === 'rejectUnauthorized') return value ? undefined : '1';
  return Array.isArray(value) ? value.map(text).join('\n') : text(value);
}

// REQUIRES: isPlace(place). A message never has a value in it.
function urlOf(place) {
  if (isString(place)) return place;
  const { url, tls, ...others } = place;
  for (const name of Object.keys(others)) throw new TypeError(`unknown store option '${name}'; there are: url, tls`);
  if (tls === undefined || tls === null) return url;
  if (typeof tls !== 'object') throw new TypeError('store: tls must be an object');
  if (/^([a-z]+:)*cached[:(]/i.test(url)) {
    throw new TypeError('store: tls is not for cached:, which has two URLs: write ca= into the one that needs it');
  }
  const parameters = [];
  for (const [name, value] of Object.entries(tls)) {
    if (value === undefined || value === null) continue;
    if (!Object.hasOwn(TLS_OPTIONS, name)) {
      throw new TypeError(`unknown tls option '${name}'; there are: ${Object.keys(TLS_OPTIONS).join(', ')}`);
    }
    const [parameter, valid, message] = TLS_OPTIONS[name];
    if (!valid(value)) throw new TypeError(message);
    const given = written(name, value);
    if (given !== undefined) parameters.push(`${parameter}=${encodeURIComponent(given)}`);
  }
  if (parameters.length === 0) return url;
  return `${url}${url.includes('?') ? '&' : '?'}${parameters.join('&')}`;
}

module.exports = { isPlace, urlOf };
