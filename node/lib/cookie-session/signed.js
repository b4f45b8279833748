'use strict';

// cookie-session's two cookies: base64(JSON), and beside it `NAME.sig`, a keygrip signature of `NAME=VALUE`.

const { CoatcheckError } = require('../errors.js');
const { native } = require('../native.js');
const { stringify } = require('../payload.js');
const { bytesOf } = require('../options.js');
const { MAX_COOKIE, setCookies, valuesOf } = require('./cookies.js');

// keygrip with its defaults. The array is the caller's own: what it holds counts when a request comes.
const keygrip = (keys) => ({
  sign: (data) => native.keygripSign(bytesOf(keys[0]), data),
  index: (data, signature) => native.keygripIndex(keys.map(bytesOf), data, signature),
});

class SignedCodec {
  headersFirst = true; // as cookie-session's
  #name;
  #keys;

  // `keys`: an array, or a Keygrip of one's own.
  constructor(name, keys) {
    this.#name = name;
    this.#keys = Array.isArray(keys) ? keygrip(keys) : keys;
  }

  // Browsers keep no cookie over 4096 bytes, and say nothing.
  encode(data) {
    const text = Buffer.from(stringify({ ...data })).toString('base64');
    if (this.#name.length + text.length <= MAX_COOKIE) return text;
    throw new CoatcheckError(
      'ERR_PAYLOAD_TOO_LARGE',
      `the session is ${text.length} bytes in its cookie: browsers keep no more than ${MAX_COOKIE}`,
    );
  }

  decode(text) {
    return JSON.parse(Buffer.from(text, 'base64').toString());
  }

  // The session's text in the request's cookies, undefined for none. Signatures of an old key are made anew, those of no
  // key are taken away.
  read(req, res, options) {
    const values = valuesOf(req, this.#name);
    if (!options.signed) return values[0];
    const signatures = values.length === 0 ? [] : valuesOf(req, `${this.#name}.sig`);
    if (signatures.length === 0) return undefined;
    for (const value of values) {
      for (const signature of signatures) {
        const index = this.#keys.index(`${this.#name}=${value}`, signature);
        if (index > 0) this.#sign(req, res, value);
        if (index >= 0) return value;
      }
    }
    setCookies(req, res, [[`${this.#name}.sig`, '']], { path: '/' }, true);
    return undefined;
  }

  #sign(req, res, value) {
    setCookies(req, res, [[`${this.#name}.sig`, this.#keys.sign(`${this.#name}=${value}`)]], {});
  }

  // `text`: '' for a session that is to go.
  write(req, res, text, options) {
    const pairs = [[this.#name, text]];
    if (options.signed) pairs.push([`${this.#name}.sig`, this.#keys.sign(`${this.#name}=${text}`)]);
    setCookies(req, res, pairs, options, text === '');
  }
}

module.exports = { SignedCodec };
