// A small event loop over poll(): for C++ services, and for callers that block until a result is there.
//
//   coatcheck::event_loop loop;
//   auto opened = coatcheck::open_store("redis://127.0.0.1", {.loop = &loop});
//   auto got = loop.wait<coatcheck::get_result>([&](auto done) { (*opened)->get(key, done); });
//
// A service with a loop of its own (Asio, libuv, epoll) implements `driver` on that instead.
//
// Thread safety: none; every call, stop() included, belongs to the thread that turns the loop. A server's name is
// looked up on a thread that ends with the answer: the resolver knows no deadline.
// Lifetime: stores opened on a loop are closed before the loop is destroyed.
// Fork: a child may go on using its copy; its stores connect anew.
#pragma once

#include <cstddef>
#include <memory>
#include <poll.h>
#include <string>
#include <utility>
#include <vector>

#include "coatcheck/clock.hpp"
#include "coatcheck/driver.hpp"
#include "coatcheck/store.hpp"

namespace coatcheck {

namespace net {
class name_lookup;
}

// How an event_loop waits: poll(2)'s contract. For hosts whose threads are cooperative (gevent) and must not block.
class waiter {
 public:
  virtual ~waiter() = default;
  // Returns when one of them is ready, or after `timeout` milliseconds, or earlier for no reason; sets `revents`.
  virtual void wait(pollfd* fds, std::size_t count, int timeout) = 0;
  // As resolve_blocking, while others of its kind run.
  [[nodiscard]] virtual result<socket_addresses> resolve(const std::string& host, std::uint16_t port) = 0;
};

class event_loop final : public driver {
 public:
  // `how` outlives the loop; null: poll(2) itself.
  explicit event_loop(waiter* how = nullptr) noexcept;
  ~event_loop() override;
  event_loop(const event_loop&) = delete;
  event_loop& operator=(const event_loop&) = delete;

  // One turn: sends what was submitted, waits for at most `timeout` milliseconds (0: not at all; negative: until
  // something happens), and runs what is due. False when there is nothing to wait for: then it does not wait.
  bool run_once(duration_ms timeout = -1);
  // Turns until `done` is true, which a completion does. False when stop() was called or nothing is left to wait for.
  bool run_until(const bool& done);
  // Turns until stop() is called or nobody waits for a result.
  void run();
  // Ends the innermost run or run_until after the current turn. For completions.
  void stop() noexcept { stopped_ = true; }

  // Starts one operation of a store (or engine) on this loop and turns until it is complete, whatever stop() says.
  // Works on synchronous stores, too. Inside a completion it starts nothing: the outcome is unknown (invalid_state).
  template <class R, class Start>
  [[nodiscard]] R wait(Start&& start) {
    struct {
      R value;
      bool done = false;
    } slot;
    if (turning_) {
      slot.value.why = {errc::invalid_state, "a completion must not wait for another operation"};
      return std::move(slot.value);
    }
    start(completion<R>(
        [](void* context, R&& value) {
          auto& into = *static_cast<decltype(slot)*>(context);
          into.value = std::move(value);
          into.done = true;
        },
        &slot));
    while (!slot.done && run_once()) {
    }
    return std::move(slot.value);
  }

  void update(pollable& what) override;
  void drop_fd(pollable& what, int fd) override;
  void flush_soon(pollable& what) override;
  void resolve(pollable& what, const std::string& host, std::uint16_t port) override;
  void forget(pollable& what) override;

 private:
  void flush_all();
  void dispatch(std::size_t count);
  void drop_lookup(const pollable& wanted_by);

  waiter* const waiter_;
  std::vector<pollable*> watched_;  // null: forgotten during this turn
  std::vector<pollable*> to_flush_;
  std::vector<pollfd> polled_;
  std::vector<std::unique_ptr<net::name_lookup>> lookups_;
  bool stopped_ = false;
  bool turning_ = false;
};

}  // namespace coatcheck
