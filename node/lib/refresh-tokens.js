'use strict';

// RefreshTokens: long-lived tokens that are used once each and kept in any store (docs/tokens.md, "Refresh tokens").
//
//   const tokens = new RefreshTokens('redis://…', { secret });
//   const { token, family } = await tokens.issue('user-7', { device: 'Firefox on Linux' });
//   const next = await tokens.refresh(token); // { token, repeated, family }
//
// A token that buys nothing rejects, so that nobody can forget to look: with status 401, its code and `reason`. A store
// that does not answer rejects with status 503: the token is as good as before.

const { CoatcheckError, construct, fromNative } = require('./errors.js');
const { native, operate } = require('./native.js');
const { DEFAULT_STORE, check, isMilliseconds, makeKeys } = require('./options.js');
const { serialise } = require('./payload.js');
const { isPlace } = require('./place.js');
const { ENCRYPT, KEYS, Store, nativeOf } = require('./store.js');

const OPTIONS = {
  secret: [() => true],
  keys: [Array.isArray, 'keys option must be an array'],
  idleTimeout: [(value) => isMilliseconds(value) && value > 0, 'idleTimeout option must be milliseconds above 0'],
  absoluteTimeout: [isMilliseconds, 'absoluteTimeout option must be milliseconds, or 0 for no bound'],
  grace: [isMilliseconds, 'grace option must be milliseconds'],
  encrypt: ENCRYPT,
};
const ISSUE_OPTIONS = {
  device: [(value) => typeof value === 'string', 'device must be a string'],
  claims: [(value) => typeof value === 'object' && !Array.isArray(value), 'claims must be an object'],
};
const REVOKE_OPTIONS = { except: [(value) => typeof value === 'string', 'except must be the id of a family'] };

function text(value, name) {
  if (typeof value !== 'string') throw new TypeError(`${name} must be a string`);
  return value;
}

function familyOf([id, kind, owner, device, payload, created, lastUsed, expiresAt, absoluteAt, epoch]) {
  const claims = JSON.parse(payload);
  return {
    id,
    kind,
    owner,
    device,
    claims,
    created,
    lastUsed,
    expiresAt,
    absoluteAt: absoluteAt === 0 ? null : absoluteAt,
    epoch,
  };
}

// A token that is not accepted: log in anew.
function refused(reason, why, family) {
  const error = new CoatcheckError(why.code, why.message);
  error.status = 401;
  error.reason = reason;
  if (family !== undefined) error.family = { id: family[0], owner: family[2] };
  return error;
}

class RefreshTokens {
  #native;
  #own;

  constructor(store = process.env.COATCHECK_STORE ?? DEFAULT_STORE, given = {}) {
    const own = !(store instanceof Store);
    if (own && !isPlace(store)) {
      throw new TypeError('store must be a URL or a coatcheck Store');
    }
    if (typeof given !== 'object' || given === null) throw new TypeError('options must be an object');
    const options = check(given, OPTIONS, 'RefreshTokens option');
    const keys = makeKeys(options);
    for (const warning of keys.warnings) process.emitWarning(warning, 'CoatcheckWarning');
    if (options.encrypt && !own) {
      throw new TypeError('encrypt option: give it to the Store, as in new Store(url, { secret, encrypt: true })');
    }
    this.#own = own ? new Store(store, { [KEYS]: keys, encrypt: options.encrypt }) : undefined;
    const keeper = nativeOf(this.#own ?? store);
    this.#native = construct(native.createRefreshTokens, keys, keeper, options);
  }

  async #ask(start) {
    const answer = await operate((slot) => start(this.#native, slot));
    if (answer instanceof Error) throw fromNative(answer);
    return answer;
  }

  async issue(owner, given = {}) {
    text(owner, 'owner');
    const { device = '', claims = {} } = check(given, ISSUE_OPTIONS, 'issue option');
    const payload = serialise(claims);
    const [token, family] = await this.#ask((tokens, slot) => tokens.issue(owner, device, payload, slot));
    return { token, family: familyOf(family) };
  }

  async refresh(used) {
    text(used, 'token');
    const answer = await this.#ask((tokens, slot) => tokens.refresh(used, slot));
    const [status, token, repeated, family, why] = answer;
    if (status === 'unknown') throw fromNative(why);
    if (status !== 'rotated') throw refused(status, why, family);
    return { token, repeated, family: familyOf(family) };
  }

  async list(owner) {
    text(owner, 'owner');
    return (await this.#ask((tokens, slot) => tokens.list(owner, slot))).map(familyOf);
  }

  async revoke(family) {
    text(family, 'family');
    return this.#ask((tokens, slot) => tokens.revoke(family, slot));
  }

  async revokeToken(token) {
    text(token, 'token');
    return this.#ask((tokens, slot) => tokens.revokeToken(token, slot));
  }

  async revokeAll(owner, given = {}) {
    text(owner, 'owner');
    const { except = '' } = check(given, REVOKE_OPTIONS, 'revokeAll option');
    const [count, epoch] = await this.#ask((tokens, slot) => tokens.revokeAll(owner, except, slot));
    return { count, epoch };
  }

  async check(owner, epoch) {
    text(owner, 'owner');
    // A token without the claim must not count as one of any epoch.
    if (!Number.isSafeInteger(epoch) || epoch < 0) throw new TypeError('epoch must be milliseconds since the epoch');
    return this.#ask((tokens, slot) => tokens.check(owner, epoch, slot));
  }

  close() {
    this.#own?.close();
  }
}

module.exports = { RefreshTokens };
