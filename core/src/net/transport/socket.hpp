// Stream sockets that never block: where a server is, and a connection under way to it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <vector>

#include "coatcheck/error.hpp"

namespace coatcheck::net {

struct address {
  sockaddr_storage storage;
  socklen_t size;
};

// Every address of a TCP server, in the resolver's order. A name is resolved here and now, which can block for as
// long as the resolver does: call at start-up, not on a loop. Numeric addresses and `localhost` never leave the
// machine.
[[nodiscard]] result<std::vector<address>> resolve_tcp(const std::string& host, std::uint16_t port);
// A Unix socket. Errors: invalid_url when the path is too long.
[[nodiscard]] result<std::vector<address>> resolve_unix(std::string_view path);

struct connecting {
  int fd = -1;        // -1: failed, see `code`
  int code = 0;       // errno
  bool done = false;  // connected already; otherwise wait until it is writable and ask connect_error
};
[[nodiscard]] connecting start_connect(const address& to) noexcept;
// The errno of a connection attempt that became writable; 0: connected.
[[nodiscard]] int connect_error(int fd) noexcept;

}  // namespace coatcheck::net
