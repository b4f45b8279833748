// Options of createSigner, createVerifier and bearer: each is checked by name, so that a misspelt check is not left out.

const { CoatcheckError } = require('../errors.js');

const wrong = (message) => new CoatcheckError('ERR_INVALID_OPTION', message);

function checkNames(options, names, what) {
  if (typeof options !== 'object' || options === null) throw wrong(`${what} takes an object of options`);
  for (const name of Object.keys(options)) {
    if (!names.has(name)) throw wrong(`${what}: unknown option '${name}'; there are: ${[...names].join(', ')}`);
  }
}

function number(options, name, { least = 0, most = Number.MAX_SAFE_INTEGER, standard } = {}) {
  const value = options[name];
  if (value === undefined || value === null) return standard;
  if (typeof value !== 'number' || !Number.isFinite(value) || value < least || value > most) {
    throw wrong(`${name} must be a number from ${least} to ${most}`);
  }
  return value;
}

function flag(options, name) {
  const value = options[name];
  if (value !== undefined && typeof value !== 'boolean') throw wrong(`${name} must be true or false`);
  return value === true;
}

function string(options, name) {
  const value = options[name];
  if (value !== undefined && (typeof value !== 'string' || value === '')) throw wrong(`${name} must be a text`);
  return value;
}

// A string or a list of strings, as a list; undefined where nothing was given. An empty list would check nothing.
function strings(options, name) {
  const value = options[name];
  if (value === undefined || value === null) return undefined;
  const list = Array.isArray(value) ? value : [value];
  if (list.length === 0 || list.some((one) => typeof one !== 'string' || one === '')) {
    throw wrong(`${name} must be a text or a list of texts, none of them empty`);
  }
  return list;
}

// As `strings`, but regular expressions are taken as well: { texts, patterns }.
function matchers(options, name) {
  const value = options[name];
  if (value === undefined || value === null) return { texts: [], patterns: [] };
  const list = Array.isArray(value) ? value : [value];
  const texts = list.filter((one) => typeof one === 'string' && one !== '');
  const patterns = list.filter((one) => one instanceof RegExp);
  if (list.length === 0 || texts.length + patterns.length !== list.length) {
    throw wrong(`${name} must be a text, a RegExp or a list of these`);
  }
  return { texts, patterns };
}

module.exports = { checkNames, flag, matchers, number, string, strings, wrong };
