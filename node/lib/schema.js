'use strict';

// The tables of a store that has some (PostgreSQL): made once, by whoever sets a service up.

const { checked, construct } = require('./errors.js');
const { native, operate } = require('./native.js');

// Makes the tables that a store URL names, or brings older ones up to date; the version that is there now. Doing it
// again, or from two programs at once, does no harm.
async function createSchema(url = process.env.COATCHECK_STORE) {
  const store = construct(native.openStore, url, undefined);
  try {
    return checked(await operate((slot) => store.createSchema(slot)));
  } finally {
    store.close();
  }
}

// The same as SQL, for those who run migrations of their own. Connects to nothing.
function schemaSql(url = process.env.COATCHECK_STORE) {
  return construct(native.schemaSql, url);
}

module.exports = { createSchema, schemaSql };
