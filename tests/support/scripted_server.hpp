// A peer that answers what a test wants: for what real servers do not do.
#pragma once

#include <arpa/inet.h>
#include <atomic>
#include <functional>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace coatcheck_test {

// Accepts connections one after the other and answers each message it reads with `answer(message)`; an empty answer
// closes the connection, `silence` leaves it as it is.
inline const std::string silence = "(silence)";

class scripted_server {
 public:
  using answering = std::function<std::string(const std::string&)>;
  explicit scripted_server(std::function<std::string(const std::string&)> answer, std::string scheme = "redis")
      : answer_(std::move(answer)), scheme_(std::move(scheme)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&at), size) != 0 || ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size) != 0 || ::pipe(end_) != 0) {
      throw std::runtime_error("cannot listen");
    }
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~scripted_server() {
    (void)!::write(end_[1], "x", 1);
    thread_.join();
    for (const int fd : {listener_, end_[0], end_[1]}) ::close(fd);
  }
  scripted_server(const scripted_server&) = delete;
  scripted_server& operator=(const scripted_server&) = delete;

  [[nodiscard]] std::string url(const std::string& parameters = "?timeout=2000") const {
    return scheme_ + "://127.0.0.1:" + std::to_string(port_) + parameters;
  }
  std::atomic<int> connections{0};

 private:
  // False when the test is over.
  [[nodiscard]] bool wait(int fd) const {
    pollfd both[2] = {{fd, POLLIN, 0}, {end_[0], POLLIN, 0}};
    while (::poll(both, 2, -1) < 0) {
    }
    return (both[1].revents & POLLIN) == 0;
  }
  void serve() {
    while (wait(listener_)) {
      const int peer = ::accept(listener_, nullptr, nullptr);
      if (peer < 0) continue;
      ++connections;
      char buffer[65536];
      while (wait(peer)) {
        const ssize_t got = ::read(peer, buffer, sizeof buffer);
        if (got <= 0) break;
        const std::string out = answer_(std::string(buffer, static_cast<std::size_t>(got)));
        if (out.empty()) break;
        if (out == silence) continue;
        (void)!::send(peer, out.data(), out.size(), MSG_NOSIGNAL);
      }
      ::close(peer);
    }
  }

  std::function<std::string(const std::string&)> answer_;
  std::string scheme_;
  int listener_ = -1;
  int end_[2] = {-1, -1};
  int port_ = 0;
  std::thread thread_;
};

}  // namespace coatcheck_test
