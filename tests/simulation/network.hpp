// The network of a simulation: connections that are two queues of bytes, a driver without a clock, and a server at the
// other end. Nothing happens by itself: each method that changes something is one step that the scheduler chose.
#pragma once

#include <algorithm>
#include <cerrno>
#include <deque>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "coatcheck/driver.hpp"

#include "net/redis/reply.hpp"
#include "net/transport/transport.hpp"
#include "simulation/model_redis.hpp"

namespace coatcheck::simulation {

using dice = std::mt19937_64;
inline std::size_t below(dice& random, std::size_t bound) { return static_cast<std::size_t>(random() % bound); }

// One connection. A byte is sent, then under way, then arrived.
struct wire {
  enum class state : std::uint8_t { connecting, open, refused, reset, closed };
  int fd = -1;
  state now = state::connecting;
  std::size_t room = 0;  // that the client's kernel has for what it sends
  std::string to_server;
  std::string to_client;  // under way
  std::string arrived;    // at the client
  net::reply_reader commands;
  bool told = false;  // that it is broken
};

class network {
 public:
  network(dice& random, model_redis& server, int first_fd = 1000)
      : random_(random), server_(server), next_fd_(first_fd) {}

  [[nodiscard]] std::shared_ptr<wire> connect() {
    auto made = std::make_shared<wire>();
    made->fd = next_fd_++;
    made->now = refusing ? wire::state::refused : wire::state::connecting;
    made->room = 1 + below(random_, 4096);
    wires.push_back(made);
    return made;
  }
  // Some bytes reach the server, which answers the commands that are whole.
  void deliver_to_server(wire& on) {
    if (on.now != wire::state::open || on.to_server.empty() || frozen) return;
    const std::size_t bytes = 1 + below(random_, on.to_server.size());
    std::string taken = on.to_server.substr(0, bytes);
    on.to_server.erase(0, bytes);
    on.room += bytes;
    std::string_view left = taken;
    while (!left.empty()) {
      on.commands.feed(left);
      net::reply command;
      while (on.commands.next(command) == net::reply_reader::outcome::complete) {
        model_redis::words said;
        net::reply_view word = command.root().first();
        for (std::size_t i = 0; i < command.root().size(); ++i) {
          if (i > 0) word = word.next();
          said.emplace_back(word.text());
        }
        ++commands_run;
        on.to_client += server_.answer(said);
      }
    }
  }
  void deliver_to_client(wire& on) {
    if (on.to_client.empty()) return;
    const std::size_t bytes = 1 + below(random_, on.to_client.size());
    on.arrived += on.to_client.substr(0, bytes);
    on.to_client.erase(0, bytes);
  }
  // The connection breaks: what was under way is lost, in either direction.
  void reset(wire& on) {
    if (on.now != wire::state::open && on.now != wire::state::connecting) return;
    on.now = wire::state::reset;
    on.to_server.clear();
    on.to_client.clear();
  }
  void reset_all() {
    for (const auto& one : wires) reset(*one);
  }
  void drop_closed() {
    std::erase_if(wires, [](const auto& one) { return one->now == wire::state::closed; });
  }

  std::vector<std::shared_ptr<wire>> wires;
  bool frozen = false;    // the server reads nothing
  bool refusing = false;  // nobody listens
  std::uint64_t commands_run = 0;

 private:
  dice& random_;
  model_redis& server_;
  int next_fd_;
};

class wire_transport final : public net::transport {
 public:
  explicit wire_transport(network& on) : network_(on) {}
  ~wire_transport() override { close(); }
  outcome connect(const socket_address&, const std::string&) override {
    wire_ = network_.connect();
    return go_on();
  }
  outcome go_on() override {
    waiting_ = wire_->now == wire::state::connecting;
    if (waiting_) return {status::again};
    if (wire_->now == wire::state::open) return {status::done};
    return {status::failed, 0, ECONNREFUSED};
  }
  outcome read(char* into, std::size_t size) override {
    const std::size_t bytes = std::min(size, wire_->arrived.size());
    if (bytes != 0) {
      std::copy_n(wire_->arrived.data(), bytes, into);
      wire_->arrived.erase(0, bytes);
      return {status::done, bytes};
    }
    if (wire_->now == wire::state::reset) return {status::failed, 0, ECONNRESET};
    return {status::again};
  }
  outcome write(std::string_view bytes) override {
    if (wire_->now == wire::state::reset) return {status::failed, 0, EPIPE};
    const std::size_t taken = std::min(bytes.size(), wire_->room);
    waiting_ = taken < bytes.size();
    if (taken == 0) return {status::again};
    wire_->room -= taken;
    wire_->to_server.append(bytes.substr(0, taken));
    return {status::done, taken};
  }
  bool holds_bytes() const noexcept override { return false; }
  bool wants_write() const noexcept override { return waiting_; }
  int fd() const noexcept override { return wire_ ? wire_->fd : -1; }
  void close() noexcept override {
    waiting_ = false;
    if (!wire_) return;
    wire_->now = wire::state::closed;
    wire_.reset();
  }

 private:
  network& network_;
  std::shared_ptr<wire> wire_;
  bool waiting_ = false;  // until there is room to write
};

// One host's loop. The scheduler says when it turns.
class stepped_driver final : public driver {
 public:
  explicit stepped_driver(const steady_ms& now) : now_(now) {}
  steady_ms now() const noexcept override { return now_; }
  void update(pollable& what) override {
    if (std::find(watched_.begin(), watched_.end(), &what) == watched_.end()) watched_.push_back(&what);
  }
  void drop_fd(pollable&, int) override {}
  void flush_soon(pollable& what) override { to_flush_.push_back(&what); }
  void forget(pollable& what) override {
    std::erase(watched_, &what);
    std::replace(to_flush_.begin(), to_flush_.end(), &what, static_cast<pollable*>(nullptr));
  }

  // A turn: events of the descriptors, deadlines, flushes, as a real loop has them.
  void turn(std::initializer_list<network*> on) {
    const auto all = watched_;
    for (pollable* const one : all) {
      if (!watches(one)) continue;
      const std::shared_ptr<wire> at = wire_of(*one, on);
      if (at == nullptr) continue;
      const bool broken = at->now == wire::state::reset || at->now == wire::state::refused;
      if (one->wants_write() && (broken || (at->now == wire::state::open && at->room > 0))) one->on_writable();
      if (watches(one) && one->fd() == at->fd && (broken || !at->arrived.empty())) one->on_readable();
    }
    for (pollable* const one : all) {
      if (watches(one) && one->deadline() <= now_) one->on_deadline(now_);
    }
    const std::size_t planned = to_flush_.size();
    for (std::size_t i = 0; i < planned; ++i) {
      if (to_flush_[i] != nullptr) to_flush_[i]->flush();
    }
    to_flush_.erase(to_flush_.begin(), to_flush_.begin() + static_cast<std::ptrdiff_t>(planned));
  }

 private:
  [[nodiscard]] bool watches(const pollable* what) const {
    return std::find(watched_.begin(), watched_.end(), what) != watched_.end();
  }
  [[nodiscard]] static std::shared_ptr<wire> wire_of(const pollable& one, std::initializer_list<network*> on) {
    for (const auto* const each : on) {
      for (const auto& at : each->wires) {
        if (at->fd == one.fd()) return at;
      }
    }
    return nullptr;
  }
  const steady_ms& now_;
  std::vector<pollable*> watched_;
  std::vector<pollable*> to_flush_;
};

}  // namespace coatcheck::simulation
