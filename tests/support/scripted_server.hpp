// A server that says what a test wants, for what real servers do not do: lies, silence, answers that do not fit.
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
#include <vector>

namespace coatcheck_test {

// Accepts connections and answers each message it reads with `answer(message)`, on a thread of its own; an empty answer
// closes the connection, `silence` leaves it as it is.
inline const std::string silence = "(silence)";

class scripted_server {
 public:
  explicit scripted_server(std::function<std::string(const std::string&)> answer) : answer_(std::move(answer)) {
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

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string url(const std::string& parameters = "?timeout=2000") const {
    return "redis://127.0.0.1:" + std::to_string(port_) + parameters;
  }
  std::atomic<int> connections{0};

 private:
  void serve() {
    std::vector<pollfd> all = {{end_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
    for (;;) {
      if (::poll(all.data(), all.size(), -1) < 0) continue;
      if (all[0].revents != 0) break;
      for (std::size_t i = all.size(); i-- > 2;) {
        if (all[i].revents != 0 && !answer(all[i].fd)) {
          ::close(all[i].fd);
          all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
        }
      }
      if (all[1].revents != 0) {
        const int peer = ::accept(listener_, nullptr, nullptr);
        if (peer >= 0) all.push_back({peer, POLLIN, 0});
        if (peer >= 0) ++connections;
      }
    }
    for (std::size_t i = 2; i < all.size(); ++i) ::close(all[i].fd);
  }
  // False: the connection is to be closed.
  [[nodiscard]] bool answer(int peer) {
    char buffer[65536];
    const ssize_t got = ::read(peer, buffer, sizeof buffer);
    if (got <= 0) return false;
    const std::string out = answer_(std::string(buffer, static_cast<std::size_t>(got)));
    if (out.empty()) return false;
    if (out != silence) (void)!::send(peer, out.data(), out.size(), MSG_NOSIGNAL);
    return true;
  }

  std::function<std::string(const std::string&)> answer_;
  int listener_ = -1;
  int end_[2] = {-1, -1};
  int port_ = 0;
  std::thread thread_;
};

}  // namespace coatcheck_test
