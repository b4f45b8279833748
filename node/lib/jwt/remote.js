// createRemoteJwks(url, options): a key set at a URL. The core says when to fetch and what to believe; the fetching is
// done here, with Node's fetch or the one that is given.

const { EventEmitter } = require('node:events');
const { fromNative } = require('../errors.js');
const { native } = require('../native.js');
const { fromToken, make } = require('./errors.js');
const { KeySet } = require('./keys.js');
const { checkNames, flag, number, strings, wrong } = require('./options.js');

const NAMES = new Set(
  'allowHttp algorithms defaultAge leastAge greatestAge staleFor cooldown timeout maxBytes headers fetch'.split(' '),
);
const TIMES = ['defaultAge', 'leastAge', 'greatestAge', 'staleFor', 'cooldown', 'timeout', 'maxBytes'];

// The body as text; stops reading once there is more than `limit`.
async function readBody(response, limit) {
  if (response.body === null) return '';
  const chunks = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > limit) throw new Error(`the answer has more than ${limit} bytes`);
    chunks.push(chunk);
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
}

class RemoteJwks extends EventEmitter {
  #set;
  #fetch;
  #headers;
  #underway;
  #lastError;

  constructor(url, options = {}) {
    super();
    checkNames(options, NAMES, 'createRemoteJwks');
    const settings = {
      url: String(url),
      allowHttp: flag(options, 'allowHttp'),
      defaultAlgorithms: strings(options, 'algorithms') ?? [],
    };
    for (const name of TIMES) settings[name] = number(options, name);
    if (options.fetch !== undefined && typeof options.fetch !== 'function') throw wrong('fetch must be a function');
    this.#fetch = options.fetch;
    this.#headers = { accept: 'application/jwk-set+json, application/json', ...options.headers };
    this.#set = make(native.jwtCreateRemote, settings);
  }

  // Why the last fetch failed; undefined when it did not.
  get lastError() {
    return this.#lastError;
  }

  // What a verifier could not use of a set: each line is told once, as the event `skipped` or else as a warning.
  report(lines) {
    const found = this.#set.report(lines);
    if (found === undefined) return;
    const [why, fresh] = found;
    const error = fromNative(why);
    if (this.listenerCount('skipped') > 0) this.emit('skipped', error, fresh);
    else process.emitWarning(error.message, { type: 'CoatcheckWarning', code: error.code });
  }

  // The keys to be used for a token with this kid.
  async keys(kid = '') {
    return (await this.plan(kid)).keys;
  }

  // { keys, epoch }; the epoch changes when the keys do.
  async plan(kid) {
    for (;;) {
      const plan = this.#set.prepare(kid, Date.now());
      if (plan.fetch !== undefined) this.#underway = this.#load(plan.fetch);
      if (plan.advice === 'use') return { epoch: plan.epoch, keys: new KeySet(plan.keys) };
      if (plan.advice === 'unavailable') throw fromToken(plan.why);
      await this.#underway; // never rejects; afterwards the core has an answer or a reason
    }
  }

  async #load({ ticket, url, etag, timeout, maxBytes }) {
    try {
      const response = await (this.#fetch ?? fetch)(url, {
        headers: etag === '' ? this.#headers : { ...this.#headers, 'if-none-match': etag },
        redirect: 'manual', // a redirect is an answer that is refused: the URL was configured, its target was not
        credentials: 'omit',
        signal: AbortSignal.timeout(timeout),
      });
      const body = response.status === 200 ? await readBody(response, maxBytes) : '';
      if (response.status !== 200) await response.body?.cancel();
      const header = (name) => response.headers.get(name) ?? '';
      const answer = {
        status: response.status,
        body,
        etag: header('etag'),
        cacheControl: header('cache-control'),
        age: header('age'),
      };
      const refused = this.#set.finish(ticket, answer, Date.now());
      this.#lastError = refused === undefined ? undefined : fromToken(refused);
    } catch (error) {
      const reason = error?.cause?.code ?? error?.name ?? 'failed';
      this.#set.fail(ticket, String(reason), Date.now());
      this.#lastError = error;
    }
  }
}

function createRemoteJwks(url, options) {
  return new RemoteJwks(url, options);
}

module.exports = { RemoteJwks, createRemoteJwks };
