'use strict';

// What a request's own facts say to a middleware.

// Whether the request came over TLS, as far as the options trust what says so.
function isSecure(req, proxy) {
  if ((req.socket ?? req.connection)?.encrypted) return true;
  if (proxy === false) return false;
  if (proxy !== true) return req.secure === true;
  const header = req.headers['x-forwarded-proto'] ?? '';
  return header.split(',', 1)[0].trim().toLowerCase() === 'https';
}

// Whether a browser sends a cookie of this path with this request (RFC 6265, 5.1.4).
function isBelow(path, req) {
  const url = req.originalUrl ?? req.url ?? '/';
  const start = url.startsWith('/') ? 0 : url.indexOf('/', url.indexOf('://') + 3);
  const pathname = (start < 0 ? '/' : url.slice(start)).split('?', 1)[0];
  return pathname === path || (pathname.startsWith(path) && (path.endsWith('/') || pathname[path.length] === '/'));
}

module.exports = { isBelow, isSecure };
