'use strict';

// A stored session as the addon hands it over: one string of five lines, taken apart only when it is looked at.
//   touch due ("0" or "1") id \n deadline (ms) \n cookie settings (JSON or empty) \n snapshot \n payload (JSON)
// The whole string is the base of the commit that may follow.

function touchDue(ticket) {
  return ticket.charCodeAt(0) === 49;
}

function idOf(ticket) {
  return ticket.slice(1, ticket.indexOf('\n'));
}

function parse(ticket) {
  const id = ticket.indexOf('\n');
  const deadline = ticket.indexOf('\n', id + 1);
  const cookie = ticket.indexOf('\n', deadline + 1);
  const snapshot = ticket.indexOf('\n', cookie + 1);
  return {
    id: ticket.slice(1, id),
    expiresAt: Number(ticket.slice(id + 1, deadline)),
    cookie: ticket.slice(deadline + 1, cookie),
    payload: ticket.slice(snapshot + 1),
  };
}

module.exports = { touchDue, idOf, parse };
