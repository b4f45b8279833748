// Names to addresses: see driver.hpp.
#include <cerrno>
#include <cstring>
#include <netdb.h>

#include "coatcheck/driver.hpp"

namespace coatcheck {
namespace {

int look_up(const std::string& host, std::uint16_t port, int flags, socket_addresses& into) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | flags;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (failed == 0) {
    into = copy_addresses(found);
    ::freeaddrinfo(found);
  }
  return failed;
}

}  // namespace

socket_addresses copy_addresses(const addrinfo* list) {
  socket_addresses out;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    socket_address made;
    std::memcpy(&made.storage, one->ai_addr, one->ai_addrlen);
    made.size = one->ai_addrlen;
    out.push_back(made);
  }
  return out;
}

socket_addresses numeric_address(const std::string& host, std::uint16_t port) {
  socket_addresses out;
  (void)look_up(host, port, AI_NUMERICHOST, out);
  return out;
}

result<socket_addresses> resolve_blocking(const std::string& host, std::uint16_t port) {
  socket_addresses out;
  if (const int failed = look_up(host, port, 0, out); failed != 0) {
    return {errc::store_unavailable, failed == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(failed)};
  }
  return out;
}

}  // namespace coatcheck
