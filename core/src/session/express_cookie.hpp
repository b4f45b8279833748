// The cookie inside a record of express-session: what `JSON.stringify(req.session.cookie)` prints there (1.19.0,
// session/cookie.js), and the settings of a session that say the same here (snapshot::cookie).
//
// Thread safety: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "session/cookie_policy.hpp"

namespace coatcheck::session {

// `expires_at`: the session's deadline. `secure`: of the request, for a cookie whose Secure is automatic.
[[nodiscard]] std::string print_express_cookie(const cookie_options& options, const cookie_settings& settings,
                                               epoch_ms expires_at, epoch_ms now, bool secure);
// What differs from `options`, as JSON; empty for nothing. Nothing at all: it is no such cookie.
[[nodiscard]] std::optional<std::string> read_express_cookie(const cookie_options& options, std::string_view json);

}  // namespace coatcheck::session
