'use strict';

// The floor: what a session costs when it is written by hand in thirty lines. It verifies the cookie with the addon,
// keeps each session's JSON in a Map, parses it for each request and compares it when the response ends. No expiry, no
// merge, no flags, no streams, nothing that can fail: what ours takes beyond it is the price of those.

const { randomBytes } = require('node:crypto');
const coatcheck = require('../../node');

const NAME = 'floor';
const FIRST = /(?:^|; )floor=([^;]*)/;

function floor(secret) {
  const keys = new coatcheck.KeyRing(secret);
  const records = new Map();
  return (req, res, next) => {
    const cookie = FIRST.exec(req.headers.cookie ?? '')?.[1];
    let id = cookie ? keys.unsign(decodeURIComponent(cookie)) : false;
    const before = (id && records.get(id)) || '{}';
    req.session = JSON.parse(before);
    const { end } = res;
    res.end = function (...args) {
      const after = JSON.stringify(req.session);
      if (after !== before) {
        if (!id) {
          id = randomBytes(24).toString('base64url');
          res.setHeader('Set-Cookie', `${NAME}=${encodeURIComponent(keys.sign(id))}; Path=/; HttpOnly`);
        }
        records.set(id, after);
      }
      return end.apply(this, args);
    };
    next();
  };
}

module.exports = { floor };
