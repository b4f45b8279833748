'use strict';

// coatcheck: `require('coatcheck')` is session(options), express-session's callable.

const { cached } = require('./lib/cached.js');
const { Cookie } = require('./lib/cookie.js');
const { CoatcheckError, construct } = require('./lib/errors.js');
const { ownMemory } = require('./lib/own-memory.js');
const { native } = require('./lib/native.js');
const { session } = require('./lib/middleware.js');
const { RefreshTokens } = require('./lib/refresh-tokens.js');
const { createSchema, schemaSql } = require('./lib/schema.js');
const { Session } = require('./lib/session.js');
const { TaggedValue } = require('./lib/tagged.js');
const { Store: OwnStore } = require('./lib/store.js');
const { Store } = require('./lib/express/any-store.js');
const { version } = require('./package.json');

// A Store in this process' memory, for itself alone; `memory:` is one for all threads of a process.
class MemoryStore extends OwnStore {
  constructor(options) {
    super(ownMemory(), options);
  }
}

// Express' signed values (`s:value.signature`), as cookie-signature and express-session make them, under one
// secret or several: the newest signs, all verify.
class KeyRing {
  #keys;
  constructor(secret) {
    this.#keys = construct(native.createKeys, [].concat(secret), 'secret');
    this.sign = this.#keys.sign;
    this.unsign = this.#keys.unsign;
  }
}

module.exports = Object.assign(session, {
  Cookie,
  CoatcheckError,
  KeyRing,
  MemoryStore,
  RefreshTokens,
  TaggedValue,
  Session,
  Store,
  cached,
  createSchema,
  schemaSql,
  version,
  // Cookie headers as the core reads and writes them.
  parseCookie: native.findCookie,
  serializeCookie: native.serialiseCookie,
});
