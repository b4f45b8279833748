// bearer(options): middleware for Express and plain http that verifies the token of a request (RFC 6750).
//
// The token comes from the header Authorization, from a cookie, or from where `getToken` finds it; one in the query or
// the body is never read by itself. A request gets `req.auth = { claims, header }`, which does not hold the token: what is logged can't be replayed.

const { native } = require('../native.js');
const { CoatcheckError } = require('../errors.js');
const { createVerifier } = require('./create-verifier.js');
const { tokenError } = require('./errors.js');
const { checkNames, flag, string, strings, wrong } = require('./options.js');

const OWN = [
  'jwks',
  'issuer',
  'audience',
  'typ',
  'scopes',
  'cookie',
  'getToken',
  'isRevoked',
  'optional',
  'realm',
  'verifier',
];
const PASSED = [
  'key',
  'algorithms',
  'cache',
  'cacheTTL',
  'clockTimestamp',
  'clockTolerance',
  'maxAge',
  'requiredClaims',
  'maxTokenSize',
  'looseTypes',
];
const NAMES = new Set([...OWN, ...PASSED]);
const HEADER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i;
const STANDARD_TOLERANCE = 5000; // clocks of two machines differ

// An error with the status, the code and the header of RFC 6750, 3. Express answers with these by itself.
class BearerError extends CoatcheckError {
  constructor(status, code, message, challenge, cause) {
    super(code, message, cause === undefined ? undefined : { cause });
    this.status = status;
    this.statusCode = status;
    if (challenge !== undefined) this.headers = { 'WWW-Authenticate': challenge };
  }
}
Object.defineProperty(BearerError.prototype, 'name', { value: 'BearerError', configurable: true, writable: true });

const quoted = (text) => `"${text.replace(/[^\x20-\x7e]/g, ' ').replace(/["\\]/g, '\\$&')}"`;
// RFC 6750, 3: no quotes and no backslashes in it.
const described = (text) => quoted(text.replace(/["\\]/g, ' '));

function challenge(realm, error, description, scopes) {
  const parts = [];
  if (realm !== undefined) parts.push(`realm=${quoted(realm)}`);
  if (error !== undefined) parts.push(`error="${error}"`, `error_description=${described(description)}`);
  if (scopes !== undefined) parts.push(`scope=${quoted(scopes.join(' '))}`);
  return parts.length === 0 ? 'Bearer' : `Bearer ${parts.join(', ')}`;
}

// The token of the header: a string, undefined for none, or an Error for one that is malformed or sent twice.
function fromHeader(req) {
  const header = req.headers.authorization;
  if (header === undefined) return undefined;
  const { rawHeaders } = req;
  let count = 0; // Node keeps the first of several
  for (let i = 0; rawHeaders !== undefined && i < rawHeaders.length; i += 2) {
    if (rawHeaders[i].length === 13 && rawHeaders[i].toLowerCase() === 'authorization') count += 1;
  }
  if (count > 1) return new Error('the header Authorization was sent more than once');
  if (!/^bearer(?: |$)/i.test(header)) return undefined; // another scheme, and another middleware's
  const found = HEADER.exec(header);
  return found === null ? new Error('the header Authorization is malformed') : found[1];
}

function fromCookie(req, name) {
  const header = req.headers.cookie;
  if (header === undefined || name === undefined) return undefined;
  const { values } = native.findCookie(header, name);
  if (values.length > 1) return new Error('the cookie was sent more than once');
  return values[0];
}

function findToken(req, cookie) {
  const ofHeader = fromHeader(req);
  if (ofHeader instanceof Error) return ofHeader;
  const ofCookie = fromCookie(req, cookie);
  if (ofHeader === undefined || ofCookie === undefined || ofCookie === ofHeader) return ofHeader ?? ofCookie;
  return new Error('two different tokens were sent, one in the header and one in a cookie');
}

// The scopes of a token: `scope`, a text with spaces between them (RFC 8693, 4.2), or `scp`, a list or such a text.
function scopesOf(claims) {
  const value = claims.scope ?? claims.scp;
  if (typeof value === 'string') return value.split(' ');
  return Array.isArray(value) ? value : [];
}

function checkScopes(claims, needed, realm) {
  const has = scopesOf(claims);
  if (needed.every((scope) => has.includes(scope))) return undefined;
  const message = 'the token does not have the scope that is needed';
  return new BearerError(403, 'ERR_TOKEN_SCOPE', message, challenge(realm, 'insufficient_scope', message, needed));
}

function callback(options, name) {
  const value = options[name];
  if (value !== undefined && typeof value !== 'function') throw wrong(`${name} must be a function`);
  return value;
}

// Goes on with what a call gives: at once, or out of its promise, for what the application throws is not the token's
// fault. What fails is always an Error, for `next` takes other values for leave to go on.
function settle(run, then, otherwise) {
  const failed = (error) =>
    otherwise(error instanceof Error ? error : new Error('a function of bearer() failed', { cause: error }));
  let value;
  try {
    value = run();
  } catch (error) {
    return failed(error);
  }
  if (typeof value?.then !== 'function') return then(value);
  value.then(
    (result) => setImmediate(then, result),
    (error) => setImmediate(failed, error),
  );
  return undefined;
}

function makeVerifier(options) {
  if (options.verifier !== undefined) {
    if (typeof options.verifier !== 'function') throw wrong('verifier must be a function of createVerifier');
    return options.verifier;
  }
  if ((options.key === undefined) === (options.jwks === undefined)) throw wrong('bearer needs either key or jwks');
  const settings = { complete: true, checkIssuedAt: true, clockTolerance: STANDARD_TOLERANCE };
  for (const name of PASSED) if (options[name] !== undefined) settings[name] = options[name];
  settings.key = options.key ?? options.jwks;
  settings.allowedIss = strings(options, 'issuer');
  settings.checkTyp = strings(options, 'typ');
  // Without an audience of its own a service takes no token that names one (RFC 7519, 4.1.3); `false` leaves it out.
  if (options.audience === undefined) settings.refuseAudience = true;
  else if (options.audience !== false) settings.allowedAud = strings(options, 'audience');
  return createVerifier(settings);
}

function bearer(options) {
  checkNames(options, NAMES, 'bearer');
  const verify = makeVerifier(options);
  const scopes = strings(options, 'scopes');
  const cookie = string(options, 'cookie');
  const realm = string(options, 'realm');
  const optional = flag(options, 'optional');
  const getToken = callback(options, 'getToken') ?? ((req) => findToken(req, cookie));
  const isRevoked = callback(options, 'isRevoked') ?? (() => false);
  if (options.getToken !== undefined && cookie !== undefined) throw wrong('give either getToken or cookie');

  function refuse(error, res, next) {
    if (error.headers !== undefined) res.setHeader('WWW-Authenticate', error.headers['WWW-Authenticate']);
    next(error);
  }
  function invalid(error) {
    // Whether the keys are there is not the client's affair: no 401, which would log it out.
    if (typeof error.code !== 'string' || !error.code.startsWith('ERR_TOKEN_')) return error;
    return new BearerError(401, error.code, error.message, challenge(realm, 'invalid_token', error.message), error);
  }
  function accept(verified, req, res, next) {
    if (verified?.header === undefined) return next(wrong('verifier must be made with `complete: true`'));
    const claims = verified.payload;
    const missing = scopes === undefined ? undefined : checkScopes(claims, scopes, realm);
    if (missing !== undefined) return refuse(missing, res, next);
    const auth = { claims, header: verified.header };
    return settle(
      () => isRevoked(req, auth),
      (revoked) => {
        if (typeof revoked !== 'boolean') return next(wrong('isRevoked must give true or false'));
        if (revoked) return refuse(invalid(tokenError('ERR_TOKEN_REVOKED', 'the token was revoked')), res, next);
        req.auth = auth;
        return next();
      },
      next,
    );
  }
  function judge(token, req, res, next) {
    if (token !== undefined && token !== null && typeof token !== 'string') {
      const { message } = token instanceof Error ? token : new Error('the token is not a text');
      return refuse(
        new BearerError(400, 'ERR_TOKEN_MALFORMED', message, challenge(realm, 'invalid_request', message)),
        res,
        next,
      );
    }
    if (!token) {
      if (optional) return next();
      return refuse(new BearerError(401, 'ERR_TOKEN_MISSING', 'a token is needed', challenge(realm)), res, next);
    }
    return settle(
      () => verify(token),
      (verified) => accept(verified, req, res, next),
      (error) => refuse(invalid(error), res, next),
    );
  }

  return function bearerMiddleware(req, res, next) {
    req.auth = undefined; // nobody else's word counts
    return settle(
      () => getToken(req),
      (token) => judge(token, req, res, next),
      next,
    );
  };
}

// requireScope('a', 'b'): all of them, of a request that bearer() has let in.
function requireScope(...scopes) {
  const needed = strings({ scopes: scopes.flat() }, 'scopes');
  return function scopeMiddleware(req, res, next) {
    const error =
      req.auth === undefined
        ? new BearerError(401, 'ERR_TOKEN_MISSING', 'a token is needed', challenge(undefined))
        : checkScopes(req.auth.claims, needed);
    if (error === undefined) return next();
    res.setHeader('WWW-Authenticate', error.headers['WWW-Authenticate']);
    return next(error);
  };
}

module.exports = { BearerError, bearer, requireScope };
