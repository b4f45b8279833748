// coatcheck/bearer: middleware that verifies bearer tokens.
module.exports = require('./lib/jwt/bearer.js');
