// How a host's event loop turns remote I/O. The core opens non-blocking sockets and runs state machines;
// it never blocks, starts no thread and never calls the host but through this interface.
//
// Implementations: uv_poll in bindings/node, add_reader/add_writer of asyncio in bindings/python,
// `event_loop` (poll; for C++ services and for callers that block, such as WSGI threads) in the core.
//
// A callback below may complete operations, and a completion may submit more, close the store or destroy
// it: after each callback the driver must be ready for `update` and `forget` to have been called.
//
// Thread safety: everything here runs on the one thread that owns the loop.
#pragma once

#include <cstdint>
#include <limits>

namespace coatcheck {

// Steady time in milliseconds (CLOCK_MONOTONIC): for deadlines, never for what is stored.
using steady_ms = std::int64_t;
inline constexpr steady_ms no_deadline = std::numeric_limits<steady_ms>::max();
[[nodiscard]] steady_ms steady_now() noexcept;

// One connection as the loop sees it.
class pollable {
 public:
  virtual ~pollable() = default;
  // The socket to watch for reading; -1: none at the moment (not connected; only the deadline counts).
  [[nodiscard]] virtual int fd() const noexcept = 0;
  [[nodiscard]] virtual bool wants_write() const noexcept = 0;
  // When on_deadline must run; no_deadline: never. It may be earlier than need be, so that it does not move
  // with every operation: a driver sets its timer when `update` finds an earlier value, and looks again
  // after each on_deadline. A call that comes early does no harm.
  [[nodiscard]] virtual steady_ms deadline() const noexcept = 0;
  // Whether a caller waits for a result: a loop that ends when it has nothing to do must go on.
  [[nodiscard]] virtual bool busy() const noexcept = 0;

  virtual void on_readable() = 0;
  virtual void on_writable() = 0;
  virtual void on_deadline(steady_ms now) = 0;
  // Sends what was submitted since the last turn of the loop: automatic pipelining.
  virtual void flush() = 0;

  void* slot = nullptr;  // for the driver's own bookkeeping
};

class driver {
 public:
  virtual ~driver() = default;
  // fd, wants_write, deadline or busy may have changed: look again. When the fd changed, the old one is
  // already closed or about to be: `before_close` was called for it.
  virtual void update(pollable& what) = 0;
  // Stop watching this fd now: it is closed right after the call. In a child after fork, do so without
  // touching a kernel object (an epoll instance) that is shared with the parent.
  virtual void before_close(pollable& what, int fd) = 0;
  // Call what.flush() once, before the loop next waits.
  virtual void flush_soon(pollable& what) = 0;
  // `what` is about to be destroyed.
  virtual void forget(pollable& what) = 0;
};

}  // namespace coatcheck
