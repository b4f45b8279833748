// A proxy before a real server, on a thread of its own, that ill-treats the connections on which a near-cache hears of
// changes and passes all others on as they are. It knows them by the name that they give themselves.
//
// Thread safety: treat() from any thread.
#pragma once

#include <arpa/inet.h>
#include <atomic>
#include <chrono>
#include <deque>
#include <list>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "coatcheck/driver.hpp"

namespace coatcheck_test {

class chaos_proxy {
 public:
  // pass; hold all bytes back; hold the server's alone; let each byte come late; close, and refuse new ones.
  enum class mode { pass, stall, deaf, delay, cut };
  static constexpr coatcheck::steady_ms lateness = 40;

  explicit chaos_proxy(int server) : server_(server) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&at), size) != 0 || ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size) != 0 || ::pipe(wake_) != 0) {
      throw std::runtime_error("cannot listen");
    }
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~chaos_proxy() {
    over_ = true;
    (void)!::write(wake_[1], "x", 1);
    thread_.join();
    for (auto& one : pairs_) end(one);
    for (const int fd : {listener_, wake_[0], wake_[1]}) ::close(fd);
  }
  chaos_proxy(const chaos_proxy&) = delete;
  chaos_proxy& operator=(const chaos_proxy&) = delete;

  [[nodiscard]] std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }
  void treat(mode how) {
    mode_ = how;
    (void)!::write(wake_[1], "x", 1);
  }

 private:
  struct chunk {
    coatcheck::steady_ms due;
    std::string bytes;
  };
  struct side {
    int from = -1;
    int to = -1;
    std::deque<chunk> held;
  };
  struct pair {
    side up, down;  // to the server, to the client
    bool watched = false;
    std::string head;  // what the client said first
    bool dead = false;
  };

  static void end(pair& one) {
    if (!std::exchange(one.dead, true)) {
      ::close(one.up.from);
      ::close(one.down.from);
    }
  }
  void accept_one() {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(static_cast<std::uint16_t>(server_));
    if (client < 0 || ::connect(server, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) {
      ::close(client);
      ::close(server);
      return;
    }
    const int yes = 1;
    for (const int fd : {client, server}) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    pairs_.emplace_back();
    pairs_.back().up = {client, server, {}};
    pairs_.back().down = {server, client, {}};
  }
  void take(pair& one, side& from) {
    char buffer[65536];
    const ssize_t got = ::recv(from.from, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return end(one);
    if (&from == &one.up && one.head.size() < 4096) {
      one.head.append(buffer, static_cast<std::size_t>(got));
      one.watched = one.watched || one.head.find("coatcheck-near") != std::string::npos;
    }
    const bool late = one.watched && mode_ == mode::delay;
    from.held.push_back(
        {late ? coatcheck::steady_now() + lateness : 0, std::string(buffer, static_cast<std::size_t>(got))});
  }
  void give(pair& one, side& to, bool held_back) {
    while (!one.dead && !held_back && !to.held.empty() && to.held.front().due <= coatcheck::steady_now()) {
      const std::string& bytes = to.held.front().bytes;
      if (::send(to.to, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
        return end(one);
      to.held.pop_front();
    }
  }
  void serve() {
    while (!over_) {
      std::vector<pollfd> fds = {{wake_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
      bool waiting = false;
      for (const pair& one : pairs_) {
        fds.push_back({one.up.from, POLLIN, 0});
        fds.push_back({one.down.from, POLLIN, 0});
        waiting = waiting || !one.up.held.empty() || !one.down.held.empty();
      }
      (void)::poll(fds.data(), fds.size(), waiting ? 2 : -1);
      char ignored[64];
      if ((fds[0].revents & POLLIN) != 0) (void)!::read(wake_[0], ignored, sizeof ignored);
      const mode now = mode_;
      std::size_t at = 2;
      for (pair& one : pairs_) {
        if ((fds[at++].revents & (POLLIN | POLLHUP | POLLERR)) != 0) take(one, one.up);
        if (!one.dead && (fds[at].revents & (POLLIN | POLLHUP | POLLERR)) != 0) take(one, one.down);
        ++at;
        if (one.watched && now == mode::cut) end(one);
        give(one, one.up, one.watched && now == mode::stall);
        give(one, one.down, one.watched && (now == mode::stall || now == mode::deaf));
      }
      if ((fds[1].revents & POLLIN) != 0) accept_one();
      pairs_.remove_if([](const pair& one) { return one.dead; });
    }
  }

  const int server_;
  int listener_ = -1;
  int wake_[2] = {-1, -1};
  int port_ = 0;
  std::atomic<bool> over_{false};
  std::atomic<mode> mode_{mode::pass};
  std::list<pair> pairs_;
  std::thread thread_;
};

}  // namespace coatcheck_test
