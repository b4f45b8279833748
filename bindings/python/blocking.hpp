// Engines on a remote store for code that waits (WSGI): each call borrows a worker, which is an event loop turned
// by poll() and an engine with a connection of its own, and gives it back. Workers are made as many as calls
// overlap, which is at most the number of threads, and are kept; so a server that starts a thread for each request
// does not connect for each request.
//
// After a fork the child starts with none: what the parent opened is closed, not used.
//
// Thread safety: take and give_back are called with the GIL held, which is the only lock there is.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coatcheck/engine.hpp"
#include "coatcheck/event_loop.hpp"

#include "gevent.hpp"
#include "gil.hpp"
#include "options.hpp"

namespace coatcheck::python {

struct worker {
  std::unique_ptr<greenlet_waiter> greenlets;  // null: the thread itself waits
  std::unique_ptr<event_loop> loop;            // outlives the store, which unregisters from it
  std::shared_ptr<engine> on;
  std::uint32_t generation = 0;  // of fork.hpp
};

// Runs `start(completion<R>)` on the worker's loop to its end, which is the store's deadline at the latest (store.hpp).
// Other threads run meanwhile, and other greenlets under gevent. False with an exception set: this greenlet was to end.
template <class R, class Start>
[[nodiscard]] bool wait_on(worker& on, R& out, Start&& start) {
  if (on.greenlets) {
    out = on.loop->wait<R>(std::forward<Start>(start));
    return on.greenlets->restore_exception();
  }
  const gil_released released;
  out = on.loop->wait<R>(std::forward<Start>(start));
  return true;
}

class blocking_pool {
 public:
  explicit blocking_pool(setup made) : made_(std::move(made)) { idle_.reserve(max_idle); }
  ~blocking_pool() { close(); }
  blocking_pool(const blocking_pool&) = delete;
  blocking_pool& operator=(const blocking_pool&) = delete;

  // Errors: those of open_store and engine::create.
  [[nodiscard]] result<std::unique_ptr<worker>> take();
  void give_back(std::unique_ptr<worker> used) noexcept;
  void close() noexcept;

 private:
  static constexpr std::size_t max_idle = 64;
  setup made_;
  std::vector<std::unique_ptr<worker>> idle_;
  bool closed_ = false;
};

}  // namespace coatcheck::python
