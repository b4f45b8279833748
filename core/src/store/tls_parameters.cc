// From URL parameters to net::tls_settings, with what contradicts itself refused.
#include "store/tls_parameters.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "net/transport/socket.hpp"
#include "net/transport/tls.hpp"

namespace coatcheck {
namespace {

constexpr std::size_t longest_server_name = 253;  // of a host (RFC 1035, section 2.3.4)

bool possible_name(std::string_view name) {
  return name.size() <= longest_server_name && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  std::string_view("-_.:").find(c) != std::string_view::npos;
         });
}

}  // namespace

result<std::function<std::unique_ptr<net::transport>()>> tls_of(const parsed_url& url) {
  net::tls_settings chosen;
  const std::pair<std::string_view, std::string*> texts[] = {{"ca", &chosen.ca},
                                                             {"ca_dir", &chosen.ca_dir},
                                                             {"cert", &chosen.cert},
                                                             {"key", &chosen.key},
                                                             {"key_password", &chosen.key_password},
                                                             {"server_name", &chosen.server_name}};
  for (const auto& [name, into] : texts) {
    const auto given = url.parameter(name);
    if (given && given->empty()) return {errc::invalid_url, "store URL: " + std::string(name) + " is empty"};
    if (given) *into = *given;
  }
  if (!possible_name(chosen.server_name)) {
    return {errc::invalid_url, "store URL: server_name must be a host name or an address"};
  }
  if (const auto insecure = url.parameter("tls_insecure")) {
    if (*insecure != "1") {
      return {errc::invalid_url, "store URL: tls_insecure=1 is all there is: the server is then not verified at all"};
    }
    if (!chosen.ca.empty() || !chosen.ca_dir.empty()) {
      return {errc::invalid_url, "store URL: tls_insecure=1 beside ca or ca_dir: verify the server, or do not"};
    }
    chosen.verify = false;
  }
  auto context = net::make_tls_context(std::move(chosen));
  if (!context) return {errc::invalid_url, "store URL: " + context.error().message};
  return std::function<std::unique_ptr<net::transport>()>(
      [made = *std::move(context)] { return net::make_tls_transport(made, net::make_socket_transport()); });
}

}  // namespace coatcheck
