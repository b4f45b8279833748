// Waiting under gevent, whose greenlets share one thread: while one waits for a store the others must run.
//
// Greenlets change places on one C stack: what stands there is copied away and put back. So a waiting operation may
// have its state on the stack, as long as nobody else writes to it meanwhile: each has a worker, and a loop, of its
// own.
//
// Thread safety: the GIL is held all the time.
#pragma once

#include <Python.h>
#include <memory>
#include <string>

#include "coatcheck/event_loop.hpp"

namespace coatcheck::python {

class greenlet_waiter final : public waiter {
 public:
  // One where gevent has patched the sockets of this process, else null.
  [[nodiscard]] static std::unique_ptr<greenlet_waiter> where_needed() noexcept;
  ~greenlet_waiter() override;
  greenlet_waiter(const greenlet_waiter&) = delete;
  greenlet_waiter& operator=(const greenlet_waiter&) = delete;

  void wait(pollfd* fds, std::size_t count, int timeout) override;
  [[nodiscard]] result<socket_addresses> resolve(const std::string& host, std::uint16_t port) override;

  // A greenlet that is killed, or whose gevent.Timeout is over, while it waits ends when its operation has: a command
  // that was sent has its answer on the way. False with that exception set.
  [[nodiscard]] bool restore_exception() noexcept;

 private:
  explicit greenlet_waiter(PyObject* function) noexcept : function_(function) {}

  void keep_raised() noexcept;  // the exception that is set, if none is kept yet

  PyObject* function_;  // coatcheck._gevent.wait
  PyObject* raised_ = nullptr;
};

}  // namespace coatcheck::python
