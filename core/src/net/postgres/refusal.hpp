// What PostgreSQL says when it does not do what it was asked: its SQLSTATE codes as errors of ours. The server's own
// text is never shown, for it may quote data.
//
// Thread safety: pure functions.
#pragma once

#include <string_view>

#include "coatcheck/error.hpp"

namespace coatcheck::net {

struct pg_refusal {
  error why;
  bool retry = false;    // the statement changed nothing and may go well another time: serialisation, deadlock
  bool replan = false;   // the prepared statement is not there, or no longer fits: prepare it anew
  bool demoted = false;  // the server takes no writes: another one does
  bool ending = false;   // the server ends the connection
  bool settled = false;  // asking again won't help until somebody changes something: of a connection that is refused
};
[[nodiscard]] pg_refusal classify_sqlstate(std::string_view state);

// Why a connection did not come up, from libpq's message under PQERRORS_SQLSTATE. `name`: of the server, for messages.
[[nodiscard]] pg_refusal classify_connect_failure(std::string_view message, std::string_view name);

}  // namespace coatcheck::net
