'use strict';

// express-session's path of the same name.
module.exports = require('../v1.js').Store;
