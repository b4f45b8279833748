// Sticky sessions: see affinity.hpp.
#include "session/affinity.hpp"

#include <algorithm>

namespace coatcheck::session {
namespace {

set_cookie route_of(const affinity_options& affinity, const cookie_policy& cookies, bool secure_request) {
  set_cookie out = cookies.attributes(secure_request);
  out.name = affinity.cookie;
  out.value = affinity.node;
  return out;
}

bool is_node_name(std::string_view text) {
  constexpr std::size_t longest = 64;
  return !text.empty() && text.size() <= longest && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

}  // namespace

result<void> check_affinity(const engine_options& options, const cookie_policy& cookies) {
  const auto& affinity = options.affinity;
  if (affinity.node.empty()) return {};
  if (options.tokens.mode != session_mode::store) {
    return {errc::invalid_option, "affinity: a session in its cookie is on every node"};
  }
  if (!is_node_name(affinity.node)) {
    return {errc::invalid_option, "affinity: node must be 1 to 64 letters, digits, dots, hyphens or underscores"};
  }
  if (affinity.cookie == cookies.name(true) || affinity.cookie == cookies.name(false)) {
    return {errc::invalid_option, "affinity: cookie must not be the session's"};
  }
  const auto printed = serialise(route_of(affinity, cookies, true));
  return printed ? result<void>() : printed.error();
}

bool came_elsewhere(const affinity_options& affinity, std::string_view cookie_header) {
  if (affinity.node.empty()) return false;
  const auto found = find_cookie(cookie_header, affinity.cookie);
  return found.values.size() != 1 || found.values[0] != affinity.node;
}

std::string route_cookie(const affinity_options& affinity, const cookie_policy& cookies, bool secure_request) {
  if (affinity.node.empty()) return {};
  auto printed = serialise(route_of(affinity, cookies, secure_request));
  return printed ? *std::move(printed) : std::string();
}

}  // namespace coatcheck::session
