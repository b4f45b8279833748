// Non-blocking stream sockets: options, connect, bytes.
#include "net/transport/socket.hpp"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

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

// By the address: one code for TCP and Unix sockets.
class socket_transport final : public transport {
 public:
  ~socket_transport() override { close(); }

  outcome connect(const socket_address& to, const std::string& /*host*/) override {
    fd_ = ::socket(to.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return failure(errno);
    if (to.storage.ss_family != AF_UNIX) tune_tcp(fd_);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to.storage), to.size) == 0) return {status::done};
    if (errno == EINPROGRESS || errno == EINTR) return {status::again};
    return failure(errno);  // a Unix socket whose backlog is full says EAGAIN: a failure, tried again later
  }
  outcome go_on() override {
    int code = 0;
    socklen_t size = sizeof(code);
    if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &code, &size) != 0) code = errno;
    return code == 0 ? outcome{status::done} : failure(code);
  }
  outcome read(char* into, std::size_t size) override {
    return counted([&] { return ::recv(fd_, into, size, 0); });
  }
  outcome write(std::string_view bytes) override {
    return counted([&] { return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); });
  }
  bool holds_bytes() const noexcept override { return false; }
  bool wants_write() const noexcept override { return false; }
  int fd() const noexcept override { return fd_; }
  void close() noexcept override {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  static outcome failure(int code) noexcept { return {status::failed, 0, code}; }
  template <class Call>
  static outcome counted(Call&& call) noexcept {
    for (;;) {
      const ssize_t bytes = call();
      if (bytes > 0) return {status::done, static_cast<std::size_t>(bytes)};
      if (bytes == 0) return {status::closed};
      if (errno == EAGAIN || errno == EWOULDBLOCK) return {status::again};
      if (errno != EINTR) return failure(errno);
    }
  }

  int fd_ = -1;
};

}  // namespace

result<socket_addresses> unix_address(std::string_view path) {
  sockaddr_un to{};
  if (path.empty() || path.size() >= sizeof(to.sun_path) || path.find('\0') != std::string_view::npos) {
    return {errc::invalid_url,
            "the path of a Unix socket must have 1 to " + std::to_string(sizeof(to.sun_path) - 1) + " bytes"};
  }
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, path.data(), path.size());
  socket_address made{};
  std::memcpy(&made.storage, &to, sizeof(to));
  made.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return socket_addresses{made};
}

std::string transport::why(const outcome& got) const {
  return got.what == status::closed ? "the peer closed the connection" : std::strerror(got.code);
}

std::unique_ptr<transport> make_socket_transport() { return std::make_unique<socket_transport>(); }

}  // namespace coatcheck::net
