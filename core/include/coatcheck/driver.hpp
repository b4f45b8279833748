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
#include <functional>
#include <limits>
#include <netdb.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <vector>

#include "coatcheck/error.hpp"

namespace coatcheck {

// Steady time in milliseconds (CLOCK_MONOTONIC): for deadlines, never for what is stored.
using steady_ms = std::int64_t;
inline constexpr steady_ms no_deadline = std::numeric_limits<steady_ms>::max();
[[nodiscard]] steady_ms steady_now() noexcept;

// One address of a server, as connect(2) takes it.
struct socket_address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};
using socket_addresses = std::vector<socket_address>;

// The address that a text of digits stands for ("127.0.0.1", "::1", "fe80::1%eth0"); none for a name. Never blocks.
[[nodiscard]] socket_addresses numeric_address(const std::string& host, std::uint16_t port);
// Every address of a name, in the order of the machine's resolver, getaddrinfo(3), which may block for seconds.
// Error: store_unavailable.
[[nodiscard]] result<socket_addresses> resolve_blocking(const std::string& host, std::uint16_t port);

// getaddrinfo's list, for drivers whose resolver gives one.
[[nodiscard]] socket_addresses copy_addresses(const addrinfo* list);

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
  // What a driver's resolve found: at least one address, or why there is none.
  // NOLINTNEXTLINE(performance-unnecessary-value-param): it is given away
  virtual void on_resolved(result<socket_addresses> /*found*/) {}

  void* slot = nullptr;  // for the driver's own bookkeeping
};

class driver {
 public:
  virtual ~driver() = default;
  // The time that deadlines are measured in.
  [[nodiscard]] virtual steady_ms now() const noexcept { return steady_now(); }
  // fd, wants_write, deadline or busy may have changed: look again. When the fd changed, `drop_fd` was called
  // for the old one.
  virtual void update(pollable& what) = 0;
  // Stop watching this fd now, whatever it is doing: it is closed right after the call, or has been closed already by a
  // library that owns it (libpq does so by itself). In a child after fork, do so without touching a kernel object (an
  // epoll instance) that is shared with the parent.
  virtual void drop_fd(pollable& what, int fd) = 0;
  // Finds the addresses of a TCP server by the host's own resolver, without blocking the loop, and calls
  // what.on_resolved: later, or inside this call; not once `what` is forgotten. A further call replaces one that is
  // under way. The one here blocks: for loops whose callers block anyway.
  virtual void resolve(pollable& what, const std::string& host, std::uint16_t port) {
    what.on_resolved(resolve_blocking(host, port));
  }
  // Call what.flush() once, before the loop next waits.
  virtual void flush_soon(pollable& what) = 0;
  // `what` is about to be destroyed.
  virtual void forget(pollable& what) = 0;

  // What the operator of a server should know, as a sentence for a log: that it evicts sessions. Called inside a
  // callback of a pollable, at most once for each store; it may not call anything here. Empty: nobody is told, and the
  // server is not asked. To be set before a store is opened.
  std::function<void(std::string_view sentence)> on_warning;
};

}  // namespace coatcheck
