// Which PostgreSQL servers, as whom, and within what bounds.
//
// Thread safety: plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "coatcheck/clock.hpp"

namespace coatcheck::net {

struct pg_host {
  std::string host;  // a name, an address, or the directory of a Unix socket; empty: libpq's own default
  std::uint16_t port = 5432;
  [[nodiscard]] bool is_socket() const noexcept { return !host.empty() && (host[0] == '/' || host[0] == '@'); }
  // For messages.
  [[nodiscard]] std::string name() const {
    if (host.empty()) return "libpq's default address";
    if (is_socket()) return host;
    return (host.find(':') != std::string::npos ? "[" + host + "]" : host) + ":" + std::to_string(port);
  }
};

struct pg_target {
  std::vector<pg_host> hosts;                                   // one at least
  std::vector<std::pair<std::string, std::string>> parameters;  // libpq's, user and password among them
  bool prepare = true;  // by name, with a session of its own; false: behind a pooler that hands out transactions
};

struct pg_bounds {
  duration_ms timeout = 1000;                         // of an operation
  std::size_t queue = 16384;                          // operations at a time
  std::size_t waiting_bytes = std::size_t{64} << 20;  // parameters of those that are not sent yet
  std::size_t connections = 4;                        // at most; opened as they are needed
  std::size_t statements = 0;                         // how many the store has
  duration_ms idle = 0;                               // a connection that nobody used for so long is closed; 0: never
  bool background = false;                            // nobody waits for its answers: no loop goes on for them
};

}  // namespace coatcheck::net
