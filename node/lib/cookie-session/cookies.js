'use strict';

// Set-Cookie as npm's cookies (0.9.1) writes it, on a response.

const { native } = require('../native.js');

const MAX_COOKIE = 4096; // bytes of name and value (RFC 6265bis, 5.6)
const COOKIES_STYLE = 2; // of native.serialiseCookie
const WORDS = { priority: /^(?:low|medium|high)$/i, sameSite: /^(?:lax|none|strict)$/i };

const isEncrypted = (req) => req.protocol === 'https' || Boolean((req.socket ?? req.connection)?.encrypted);

function word(options, name) {
  const value = options[name];
  if (!value) return undefined;
  if (value === true && name === 'sameSite') return 'strict';
  if (!WORDS[name].test(value)) throw new TypeError(`option ${name} is invalid`);
  return value.toLowerCase();
}

// Throws what is wrong with the options.
function cookieLine(req, name, value, options, gone) {
  const { maxAge, expires, secureProxy } = options;
  if (typeof maxAge === 'number' ? !Number.isFinite(maxAge) : maxAge) throw new TypeError('option maxAge is invalid');
  const secure = isEncrypted(req);
  if (!secure && options.secure) throw new Error('Cannot send secure cookie over unencrypted connection');
  const end = maxAge ? Date.now() + maxAge : expires?.valueOf();
  return native.serialiseCookie(
    {
      name,
      value,
      path: options.path === undefined ? '/' : options.path || '',
      domain: options.domain || '',
      expires: gone ? 0 : end,
      httpOnly: options.httpOnly === undefined ? true : Boolean(options.httpOnly),
      secure: Boolean(secureProxy ?? options.secure ?? secure),
      partitioned: Boolean(options.partitioned),
      priority: word(options, 'priority'),
      sameSite: word(options, 'sameSite'),
    },
    COOKIES_STYLE,
  );
}

// Adds cookies to a response: pairs of a name and a value. `gone`: the browser is to forget them.
function setCookies(req, res, pairs, options, gone = false) {
  let lines = [].concat(res.getHeader('Set-Cookie') ?? []);
  for (const [name, value] of pairs) {
    const added = cookieLine(req, name, value, options, gone);
    if (options.overwrite) lines = lines.filter((one) => !one.startsWith(`${name}=`));
    lines.push(added);
  }
  res.setHeader('Set-Cookie', lines);
}

// The values of a cookie in a request's header.
const valuesOf = (req, name) => (req.headers.cookie ? native.findCookie(req.headers.cookie, name).values : []);

module.exports = { MAX_COOKIE, cookieLine, setCookies, valuesOf };
