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

// Where the given line begins.
function startOf(ticket, line) {
  let start = 0;
  for (; line > 0; --line) start = ticket.indexOf('\n', start) + 1;
  return start;
}

const payloadOf = (ticket) => ticket.slice(startOf(ticket, 4));

function parse(ticket) {
  const deadline = startOf(ticket, 1);
  const cookie = ticket.indexOf('\n', deadline) + 1;
  const snapshot = ticket.indexOf('\n', cookie) + 1;
  return {
    expiresAt: Number(ticket.slice(deadline, cookie - 1)),
    cookie: ticket.slice(cookie, snapshot - 1),
  };
}

module.exports = { touchDue, idOf, payloadOf, parse };
