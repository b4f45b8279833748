'use strict';

// Sealed cookies: what the browser has it can neither read nor keep for longer than the seal says. Over the size of one
// cookie the value stands in up to four, `NAME.0` to `NAME.3`; over `spill.over` bytes of JSON the session itself is in a
// store, and the seal holds its key.

const { chain } = require('../chain.js');
const { MAX_CHUNKS, chunkNames, joinChunks } = require('../chunks.js');
const { CoatcheckError, construct } = require('../errors.js');
const { ask } = require('../express/ask.js');
const { native } = require('../native.js');
const { bytesOf } = require('../options.js');
const { serialise } = require('../payload.js');
const { MAX_COOKIE, cookieLine, valuesOf } = require('./cookies.js');

const PURPOSE = 'cookie-session';
const ATTRIBUTES = 256; // bytes of a cookie that are left for its attributes
const DAY = 86_400_000; // ms
const KEY_BYTES = 24;

class SealedCodec {
  headersFirst = false;
  #name;
  #keys;
  #spill;
  #legacy;

  // `spill`: { store, over, deadline } or undefined. `legacy`: a codec whose cookies are read too, or undefined.
  constructor(name, keys, spill, legacy) {
    this.#name = name;
    this.#keys = construct(native.createKeys, keys.map(bytesOf), 'keys');
    this.#spill = spill;
    this.#legacy = legacy;
  }

  encode(data) {
    return serialise({ ...data });
  }

  decode(text) {
    return JSON.parse(text);
  }

  // The names of this session's cookies that the request has.
  #presentIn(req) {
    return [this.#name, ...chunkNames(this.#name)].filter((name) => valuesOf(req, name).length > 0);
  }

  #open(value) {
    const opened = this.#keys.unseal(PURPOSE, this.#name, value);
    return typeof opened === 'string' ? opened : undefined;
  }

  // The session's text, undefined for none, or a promise of it. `note(key)`: it is in the store under this key.
  read(req, res, options, note) {
    const candidates = valuesOf(req, this.#name);
    const joined = joinChunks(this.#name, (name) => valuesOf(req, name)[0]);
    if (joined !== undefined) candidates.push(joined);
    for (const value of candidates) {
      const opened = this.#open(value);
      if (opened === undefined) continue;
      if (!opened.startsWith('@')) return opened;
      const key = opened.slice(1);
      note(key);
      return this.#fetch(key);
    }
    const old = this.#legacy?.read(req, res, options);
    return old === undefined ? undefined : JSON.stringify(this.#legacy.decode(old));
  }

  #fetch(key) {
    if (this.#spill === undefined) return undefined;
    const { store, deadline } = this.#spill;
    return chain(
      ask((done) => store.get(key, done), deadline),
      (found) => (found ? JSON.stringify(found.data) : undefined),
    );
  }

  // `text`: '' for a session that is to go. `key`: where it was in the store. Answers the
  // Set-Cookie values, or a promise of them.
  write(req, _res, text, options, key) {
    const { store, over, deadline } = this.#spill ?? { over: Number.POSITIVE_INFINITY };
    const spills = text.length > over;
    const lifetime = options.maxAge || DAY;
    const kept = spills ? (key ?? native.newId(KEY_BYTES)) : undefined;
    const send = () => this.#send(req, spills ? `@${kept}` : text, lifetime, options);
    if (spills) {
      const record = {
        cookie: { originalMaxAge: lifetime, expires: new Date(Date.now() + lifetime) },
        data: JSON.parse(text),
      };
      return chain(
        ask((done) => store.set(kept, record, done), deadline),
        send,
      );
    }
    return key === undefined ? send() : chain(this.forget(key), send);
  }

  // Ends what the store has under a key.
  forget(key) {
    if (this.#spill === undefined) return undefined;
    const { store, deadline } = this.#spill;
    return ask((done) => store.destroy(key, done), deadline);
  }

  #send(req, text, lifetime, options) {
    const room = MAX_COOKIE - this.#name.length - 2 - ATTRIBUTES;
    const sealed = text === '' ? '' : this.#keys.seal(PURPOSE, this.#name, text, Date.now() + lifetime);
    const count = Math.max(1, Math.ceil(sealed.length / room));
    if (count > MAX_CHUNKS) {
      throw new CoatcheckError(
        'ERR_PAYLOAD_TOO_LARGE',
        `the session is ${sealed.length} bytes in its cookies: ${MAX_CHUNKS} of them hold ${MAX_CHUNKS * room}; see \`spill\``,
      );
    }
    const several = count === 1 ? [this.#name] : chunkNames(this.#name, count);
    const names = text === '' ? [] : several;
    const stale = this.#presentIn(req).filter((name) => !names.includes(name));
    return [
      ...stale.map((name) => cookieLine(req, name, '', options, true)),
      ...names.map((name, i) => cookieLine(req, name, sealed.slice(i * room, (i + 1) * room), options, false)),
    ];
  }
}

module.exports = { SealedCodec };
