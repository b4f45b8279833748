// A real memcached of a test's own, on a free loopback port. It can be killed, frozen and started again. It dies with
// the test.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "support/child_process.hpp"

namespace coatcheck_test {

class memcached_server {
 public:
  // Where memcached is; empty: not installed.
  static std::string program() {
    for (const char* path : {"/usr/bin/memcached", "/usr/local/bin/memcached", "/opt/homebrew/bin/memcached"}) {
      if (::access(path, X_OK) == 0) return path;
    }
    return {};
  }

  // `more` are further words of its command line ("-I", "2m").
  explicit memcached_server(std::vector<std::string> more = {}) : more_(std::move(more)) {
    // Another process may take the port between the look and the start: then try another one.
    for (int tries = 0; tries < 20 && process_ < 0; ++tries) {
      port_ = free_port();
      start();
    }
    if (process_ < 0) throw std::runtime_error("memcached does not start");
  }
  ~memcached_server() { kill(); }
  memcached_server(const memcached_server&) = delete;
  memcached_server& operator=(const memcached_server&) = delete;

  [[nodiscard]] int port() const { return port_; }
  // "127.0.0.1:PORT" and "memcached://127.0.0.1:PORT".
  [[nodiscard]] std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] std::string url() const { return "memcached://" + host(); }

  // Starts it on the same port, and waits until it accepts connections. False when it ended instead.
  bool start() {
    std::vector<std::string> words = {program(), "-l",     "127.0.0.1", "-p", std::to_string(port_), "-U", "0",
                                      "-u",      "nobody", "-m",        "64"};
    words.insert(words.end(), more_.begin(), more_.end());
    process_ = spawn(std::move(words));
    // It says nothing when it is ready.
    for (;;) {
      if (const int fd = connection(); fd >= 0) {
        ::close(fd);
        return true;
      }
      if (::waitpid(process_, nullptr, WNOHANG) == process_) {
        process_ = -1;
        return false;
      }
      ::poll(nullptr, 0, 1);
    }
  }
  void kill() { end_child(process_); }
  void restart() {
    kill();
    if (!start()) throw std::runtime_error("memcached does not start again");
  }
  void freeze() { freeze_child(process_); }
  void thaw() { thaw_child(process_); }

  // Sends bytes on a connection of its own and gives what comes back up to and with the first line that begins with
  // `last`.
  std::string ask(std::string_view bytes, std::string_view last) {
    const int fd = connection();
    if (fd < 0) throw std::runtime_error("cannot connect to the test's memcached");
    (void)!::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    std::string got;
    char chunk[4096];
    const std::string wanted = "\n" + std::string(last);
    while (("\n" + got).find(wanted) == std::string::npos || !got.ends_with("\r\n")) {
      const ssize_t size = ::read(fd, chunk, sizeof chunk);
      if (size <= 0) break;
      got.append(chunk, static_cast<std::size_t>(size));
    }
    ::close(fd);
    return got;
  }

 private:
  [[nodiscard]] int connection() const {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(static_cast<std::uint16_t>(port_));
    if (::connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0) return fd;
    ::close(fd);
    return -1;
  }
  std::vector<std::string> more_;
  int port_ = 0;
  pid_t process_ = -1;
};

}  // namespace coatcheck_test
