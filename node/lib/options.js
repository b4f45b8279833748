'use strict';

// The middleware's options: which there are, what they may be, what they are when they are not given.

const { construct } = require('./errors.js');
const { isForeign } = require('./express/foreign.js');
const { Key, handleOf } = require('./jwt/keys.js');
const { isPlace } = require('./place.js');
const { ENCRYPT, KEYS, NEAR_CACHE, Store } = require('./store.js');
const { native } = require('./native.js');

const DEFAULT_STORE = 'file:./sessions';
const STALE_FOR = 60_000; // ms

const isFunction = (value) => typeof value === 'function';
const isBoolean = (value) => typeof value === 'boolean';
const isString = (value) => typeof value === 'string';
const isMilliseconds = (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0;
const isCount = (value) => Number.isSafeInteger(value) && value > 0;
const isDate = (value) => value instanceof Date && !Number.isNaN(value.valueOf());
const isKey = (value) => value instanceof Key;
const oneOf =
  (...words) =>
  (value) =>
    words.includes(value);

const isNodeName = (value) => isString(value) && value !== '';
const NODE_NAME = 'affinity: node must be a string';

// name → [check, what it must be]. The texts are express-session's where it has one.
const OPTIONS = {
  secret: [() => true],
  keys: [Array.isArray, 'keys option must be an array'],
  name: [isString, 'name option must be a string'],
  key: [isString, 'key option must be a string'],
  store: [
    (value) => value instanceof Store || isForeign(value) || isPlace(value),
    'store option must be a URL, or a session store: an object with get, set and destroy',
  ],
  genid: [isFunction, 'genid option must be a function'],
  proxy: [isBoolean, 'proxy option must be true or false'],
  resave: [isBoolean, 'resave option must be true or false'],
  saveUninitialized: [isBoolean, 'saveUninitialized option must be true or false'],
  rolling: [isBoolean, 'rolling option must be true or false'],
  unset: [oneOf('destroy', 'keep'), 'unset option must be "destroy" or "keep"'],
  cookie: [
    (value) => isFunction(value) || (typeof value === 'object' && value !== null),
    'cookie option must be an object or a function',
  ],
  idleTimeout: [(value) => isMilliseconds(value) && value > 0, 'idleTimeout option must be milliseconds above 0'],
  absoluteTimeout: [isMilliseconds, 'absoluteTimeout option must be milliseconds, or 0 for no bound'],
  regenerateGrace: [
    (value) => isMilliseconds(value) && value <= 600_000,
    'regenerateGrace option must be milliseconds, at most 600000',
  ],
  touchShare: [(value) => isMilliseconds(value) && value <= 0.9, 'touchShare option must be a number from 0 to 0.9'],
  onConflict: [oneOf('mine', 'theirs', 'reject'), 'onConflict option must be "mine", "theirs" or "reject"'],
  loneSurrogates: [oneOf('replace', 'refuse'), 'loneSurrogates option must be "replace" or "refuse"'],
  maxPayload: [isCount, 'maxPayload option must be a whole number of bytes, 2 or more'],
  maxMembers: [isCount, 'maxMembers option must be a whole number above 0'],
  conflictRetries: [
    (value) => Number.isSafeInteger(value) && value >= 0 && value <= 1_000_000,
    'conflictRetries option must be a whole number from 0 to 1000000',
  ],
  idBytes: [
    (value) => Number.isSafeInteger(value) && value >= 16 && value <= 64,
    'idBytes option must be a whole number from 16 to 64',
  ],
  deadline: [(value) => isMilliseconds(value) && value > 0, 'deadline option must be milliseconds above 0'],
  merge: [
    (value) => typeof value === 'object' && value !== null && Object.values(value).every(isString),
    'merge option must be an object of rules by path',
  ],
  onUnknown: [oneOf('closed', 'open'), 'onUnknown option must be "closed" or "open"'],
  onStoreError: [oneOf('closed', 'stale', 'open'), 'onStoreError option must be "closed", "stale" or "open"'],
  staleFor: [(value) => isMilliseconds(value) && value > 0, 'staleFor option must be milliseconds above 0'],
  types: [oneOf('plain', 'tagged'), 'types option must be "plain" or "tagged"'],
  encrypt: ENCRYPT,
  nearCache: NEAR_CACHE,
  pruneInterval: [
    (value) => value === 0 || (isMilliseconds(value) && value >= 1000 && value <= 86_400_000),
    'pruneInterval option must be milliseconds from 1000 to 86400000, or 0 for none',
  ],
  mode: [oneOf('store', 'jwt', 'jwe'), 'mode option must be "store", "jwt" or "jwe"'],
  accessTtl: [isMilliseconds, 'accessTtl option must be milliseconds'],
  refreshGrace: [isMilliseconds, 'refreshGrace option must be milliseconds'],
  checkEpoch: [isBoolean, 'checkEpoch option must be true or false'],
  // An empty array is no way to ask for the secret's own keys.
  tokenKeys: [
    (value) => isKey(value) || (Array.isArray(value) && value.length > 0 && value.every(isKey)),
    'tokenKeys option must be a Key of coatcheck/jwt, or an array of them, newest first',
  ],
  owner: [isFunction, 'owner option must be a function'],
  migrateFrom: [
    (value) => Array.isArray(value) && value.every((one) => isString(one) || (typeof one === 'object' && one !== null)),
    'migrateFrom option must be an array of formats, or of objects with a format',
  ],
  affinity: [
    (value) => isNodeName(value) || (typeof value === 'object' && value !== null),
    "affinity option must be a node's name, or an object with node and cookie",
  ],
};
const AFFINITY_OPTIONS = {
  node: [isNodeName, NODE_NAME],
  cookie: [isString, 'affinity: cookie must be a string'],
};
const SOURCE_OPTIONS = {
  format: [isString, 'migrateFrom: format must be a string'],
  url: [isString, 'migrateFrom: url must be a string'],
  secrets: [() => true],
  cookieName: [isString, 'migrateFrom: cookieName must be a string'],
  maxAge: [isMilliseconds, 'migrateFrom: maxAge must be milliseconds'],
  keep: [isBoolean, 'migrateFrom: keep must be true or false'],
};
const TOKEN_OPTIONS = ['accessTtl', 'refreshGrace', 'checkEpoch', 'tokenKeys'];

const COOKIE_OPTIONS = {
  path: [isString, 'path must be a string'],
  domain: [isString, 'domain must be a string'],
  expires: [isDate, 'expires must be a valid Date'],
  maxAge: [(value) => Number.isFinite(value) || isDate(value), 'maxAge must be a finite number or a valid Date'],
  httpOnly: [isBoolean, 'httpOnly must be true or false'],
  secure: [oneOf(true, false, 'auto'), 'secure must be true, false or "auto"'],
  sameSite: [
    oneOf(true, false, 'strict', 'lax', 'none', 'auto'),
    'sameSite must be true, false, "strict", "lax", "none" or "auto"',
  ],
  partitioned: [isBoolean, 'partitioned must be true or false'],
  priority: [oneOf('low', 'medium', 'high'), 'priority must be "low", "medium" or "high"'],
};

// A misspelt option that is ignored is a security hole nobody sees: it is refused by name.
function check(given, table, what) {
  const out = {};
  for (const name of Object.keys(given)) {
    const value = given[name];
    if (value === undefined || value === null) continue;
    if (!Object.hasOwn(table, name)) {
      throw new TypeError(`unknown ${what} '${name}'; there are: ${Object.keys(table).join(', ')}`);
    }
    const [valid, message] = table[name];
    if (!valid(value)) throw new TypeError(message);
    out[name] = value;
  }
  return out;
}

// What express-session's types have, and it does nothing with.
const IDLE_COOKIE_OPTIONS = ['signed', 'encode', 'overwrite'];
let warnedOfIdle = false;

// A cookie's options as express-session takes them: words in any case, `false` for no end.
function asExpress(given) {
  const out = { ...given };
  for (const name of ['sameSite', 'priority']) if (isString(out[name])) out[name] = out[name].toLowerCase();
  for (const name of ['maxAge', 'expires']) if (out[name] === false) delete out[name];
  const idle = IDLE_COOKIE_OPTIONS.filter((name) => out[name] !== undefined);
  for (const name of idle) delete out[name];
  if (idle.length > 0 && !warnedOfIdle) {
    warnedOfIdle = true;
    process.emitWarning(
      `cookie option ${idle.join(', ')}: without effect here, as under express-session: a session's cookie is always signed`,
      'CoatcheckWarning',
    );
  }
  return out;
}

function checkCookie(given) {
  const out = check(asExpress(given), COOKIE_OPTIONS, 'cookie option');
  if (out.sameSite === true) out.sameSite = 'strict';
  return out;
}

// What a secret is made of.
function bytesOf(secret) {
  if (typeof secret === 'string' || ArrayBuffer.isView(secret)) return secret;
  if (secret?.type === 'secret' && isFunction(secret.export)) return secret.export(); // a KeyObject
  throw new TypeError('secret option must be a string, a Buffer, a KeyObject or an array of these');
}

function makeKeys(options) {
  if (options.secret !== undefined && options.keys !== undefined) {
    throw new TypeError('secret and keys options exclude each other');
  }
  if (options.keys !== undefined) return construct(native.createKeys, options.keys, 'keys');
  const fromEnvironment = options.secret === undefined;
  const secret = fromEnvironment ? process.env.COATCHECK_SECRET : options.secret;
  if (secret === undefined) {
    throw new TypeError('secret option required for sessions (or the environment variable COATCHECK_SECRET)');
  }
  const list = Array.isArray(secret) ? secret : [secret];
  if (list.length === 0) throw new TypeError('secret option array must contain one or more strings');
  return construct(native.createKeys, list.map(bytesOf), fromEnvironment ? 'COATCHECK_SECRET' : 'secret');
}

// Where sessions were before, as the addon takes it. Flask-Session signs its ids where it is told to alone.
function sourcesOf(given, secret) {
  return given?.map((one) => {
    const source = check(isString(one) ? { format: one } : one, SOURCE_OPTIONS, 'option of migrateFrom');
    const usual = source.format === 'flask-session' ? [] : (secret ?? process.env.COATCHECK_SECRET ?? []);
    return { ...source, secrets: [].concat(source.secrets ?? usual).map(bytesOf) };
  });
}

function affinityOf(given) {
  if (given === undefined) return undefined;
  const affinity = check(isString(given) ? { node: given } : given, AFFINITY_OPTIONS, 'option of affinity');
  if (affinity.node === undefined) throw new TypeError(NODE_NAME);
  return affinity;
}

// What one mode has and the other has not: an option that does nothing is refused.
function checkMode(options) {
  const tokens = options.mode !== undefined && options.mode !== 'store';
  if (tokens && options.genid !== undefined) {
    throw new TypeError(`genid option: a session in mode "${options.mode}" is not found by an id, so it takes none`);
  }
  const idle = tokens ? undefined : TOKEN_OPTIONS.find((name) => options[name] !== undefined);
  if (idle !== undefined) throw new TypeError(`${idle} option needs mode "jwt" or "jwe"`);
}

// `onUnknown` is the older name, and the other languages'.
function onStoreErrorOf({ onStoreError, onUnknown, staleFor }) {
  if (onStoreError !== undefined && onUnknown !== undefined) {
    throw new TypeError('onStoreError and onUnknown options are one and the same: give one of them');
  }
  const policy = onStoreError ?? onUnknown ?? 'closed';
  if (staleFor !== undefined && policy !== 'stale') throw new TypeError('staleFor option needs onStoreError "stale"');
  return policy;
}

function normalise(given = {}) {
  if (typeof given !== 'object' || given === null) throw new TypeError('options must be an object');
  const options = check(given, OPTIONS, 'session option');
  checkMode(options);
  const cookieFunction = isFunction(options.cookie) ? options.cookie : undefined;
  const cookie = checkCookie(cookieFunction === undefined ? (options.cookie ?? {}) : {});
  const store = options.store ?? process.env.COATCHECK_STORE ?? DEFAULT_STORE;
  const keys = makeKeys(options);
  if (options.encrypt && store instanceof Store) {
    throw new TypeError('encrypt option: give it to the Store, as in new Store(url, { secret, encrypt: true })');
  }
  if (options.nearCache !== undefined && !isPlace(store)) {
    throw new TypeError('nearCache option: give it to the Store, as in new Store(url, { nearCache: { size } })');
  }
  return {
    ...options,
    given: new Set(Object.keys(options)),
    keys,
    name: options.name ?? options.key,
    // A Store that the application shares, or one of our own.
    store: isPlace(store)
      ? new Store(store, { [KEYS]: keys, encrypt: options.encrypt, nearCache: options.nearCache })
      : store,
    unset: options.unset ?? 'keep',
    onStoreError: onStoreErrorOf(options),
    staleFor: options.staleFor ?? STALE_FOR,
    mode: options.mode ?? 'store',
    migrateFrom: sourcesOf(options.migrateFrom, options.secret),
    affinity: affinityOf(options.affinity),
    cookie,
    cookieFunction,
  };
}

// What the core's engine is told. A cookie with a fixed end is a matter of each session.
function engineOptions(options) {
  const { cookie } = options;
  const maxAge =
    typeof cookie.maxAge === 'number' && cookie.expires === undefined ? Math.round(cookie.maxAge) : undefined;
  return {
    cookie: { ...cookie, name: options.name, maxAge },
    policy: {
      idleTimeout: options.idleTimeout,
      absoluteTimeout: options.absoluteTimeout,
      touchShare: options.touchShare,
      regenerateGrace: options.regenerateGrace,
      rolling: options.rolling,
      saveUninitialized: options.saveUninitialized,
      resave: options.resave,
      removedEnds: options.unset === 'destroy',
      onConflict: options.onConflict,
      loneSurrogates: options.loneSurrogates,
      maxPayload: options.maxPayload,
      maxMembers: options.maxMembers,
      conflictRetries: options.conflictRetries,
      idBytes: options.idBytes,
      merge: options.merge && Object.entries(options.merge),
    },
    tokens: {
      mode: options.mode,
      accessTtl: options.accessTtl,
      refreshGrace: options.refreshGrace,
      checkEpoch: options.checkEpoch,
      keys: options.tokenKeys && [].concat(options.tokenKeys).map(handleOf),
    },
    migrateFrom: options.migrateFrom,
    affinity: options.affinity,
  };
}

module.exports = { DEFAULT_STORE, bytesOf, check, checkCookie, engineOptions, isMilliseconds, makeKeys, normalise };
