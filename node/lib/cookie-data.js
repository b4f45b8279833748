'use strict';

// A cookie's attributes as express-session's stores keep them, in the order in which they print them.

const cookieData = (cookie) => ({
  originalMaxAge: cookie.originalMaxAge,
  partitioned: cookie.partitioned,
  priority: cookie.priority,
  expires: cookie.expires,
  secure: cookie.secure,
  httpOnly: cookie.httpOnly,
  domain: cookie.domain,
  path: cookie.path,
  sameSite: cookie.sameSite,
});

module.exports = { cookieData };
