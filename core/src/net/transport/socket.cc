// Non-blocking stream sockets: resolution, options, connect.
#include "net/transport/socket.hpp"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <unistd.h>

namespace coatcheck::net {
namespace {

void set(int fd, int level, int option, int value) noexcept {
  // Every option here only improves matters: a kernel that lacks one is no reason to fail.
  (void)::setsockopt(fd, level, option, &value, sizeof(value));
}

void tune_tcp(int fd) noexcept {
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  // A peer that vanished without a word: an idle link notices within a minute, one with unacknowledged bytes in 10 s.
  set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 10'000);
}

}  // namespace

result<std::vector<address>> resolve_tcp(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (failed != 0) {
    return {errc::store_unavailable,
            "the host of the store's URL cannot be resolved: " +
                std::string(failed == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(failed))};
  }
  std::vector<address> addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    address made{};
    std::memcpy(&made.storage, one->ai_addr, one->ai_addrlen);
    made.size = one->ai_addrlen;
    addresses.push_back(made);
  }
  ::freeaddrinfo(found);
  return addresses;
}

result<std::vector<address>> resolve_unix(std::string_view path) {
  sockaddr_un to{};
  if (path.empty() || path.size() >= sizeof(to.sun_path) || path.find('\0') != std::string_view::npos) {
    return {errc::invalid_url,
            "the path of a Unix socket must have 1 to " + std::to_string(sizeof(to.sun_path) - 1) + " bytes"};
  }
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, path.data(), path.size());
  address made{};
  std::memcpy(&made.storage, &to, sizeof(to));
  made.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return std::vector<address>{made};
}

connecting start_connect(const address& to) noexcept {
  const int fd = ::socket(to.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return {-1, errno, false};
  }
  if (to.storage.ss_family != AF_UNIX) {
    tune_tcp(fd);
  }
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to.storage), to.size) == 0) {
    return {fd, 0, true};
  }
  if (errno == EINPROGRESS || errno == EINTR) {
    return {fd, 0, false};
  }
  const int code = errno;  // a Unix socket whose backlog is full says EAGAIN: a failure, tried again later
  ::close(fd);
  return {-1, code, false};
}

int connect_error(int fd) noexcept {
  int code = 0;
  socklen_t size = sizeof(code);
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) == 0 ? code : errno;
}

}  // namespace coatcheck::net
