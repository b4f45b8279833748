// The cookie that names the node, for sticky sessions (affinity_options).
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "coatcheck/engine.hpp"

#include "session/cookie_policy.hpp"

namespace coatcheck::session {

// Errors: invalid_option, invalid_cookie.
[[nodiscard]] result<void> check_affinity(const engine_options& options, const cookie_policy& cookies);
// Whether a request that came here is to be told so: its cookie is not there, or names another node.
[[nodiscard]] bool came_elsewhere(const affinity_options& affinity, std::string_view cookie_header);
// The Set-Cookie value; empty where there is no affinity.
[[nodiscard]] std::string route_cookie(const affinity_options& affinity, const cookie_policy& cookies,
                                       bool secure_request);

}  // namespace coatcheck::session
