// The core's driver on an asyncio event loop, uvloop's included: connections are watched with add_reader and
// add_writer, their deadlines kept with call_later, what was submitted in one turn is sent by one call_soon.
//
// The driver holds its loop weakly, but for a timer that is armed: a loop that is dropped is not kept alive by its
// connections. After the loop has closed, or in a child of a fork, it is not called any more: an epoll set is shared
// with the parent, and removing a descriptor from it in the child would deafen the parent.
//
// Thread safety: the loop's thread, with the GIL held.
#pragma once

#include <cstdint>
#include <pybind11/pybind11.h>

#include "coatcheck/driver.hpp"

namespace coatcheck::python {

class asyncio_driver final : public driver {
 public:
  // `owner` is the Python object that this driver and its store belong to (borrowed): it is kept alive while a
  // callback runs, since the last operation in flight may hold the last reference to it.
  // Throws error_already_set when the loop takes no weak references.
  asyncio_driver(const pybind11::handle& loop, PyObject* owner);
  ~asyncio_driver() override;
  asyncio_driver(const asyncio_driver&) = delete;
  asyncio_driver& operator=(const asyncio_driver&) = delete;

  void update(pollable& what) override;
  void drop_fd(pollable& what, int fd) override;
  void flush_soon(pollable& what) override;
  void resolve(pollable& what, const std::string& host, std::uint16_t port) override;
  void forget(pollable& what) override;

  // Whether the loop may still be called: neither closed, nor dropped, nor left behind by a fork.
  [[nodiscard]] bool usable() const noexcept;
  // A new reference to loop.create_future(); null with an exception set.
  [[nodiscard]] PyObject* new_future() const noexcept;
  // False in a child of the process that made the loop.
  [[nodiscard]] bool same_process() const noexcept;

  // Prepares the type of the callbacks, once. Throws error_already_set.
  static void prepare();

 private:
  struct watch;
  [[nodiscard]] PyObject* loop() const noexcept;  // new reference, null when the loop is not usable
  [[nodiscard]] static watch* watch_of(pollable& what) noexcept;
  void look_again(watch& of);
  void stop_watching(watch& of, int fd);

  PyObject* loop_reference_ = nullptr;  // weak
  PyObject* owner_;                     // borrowed
  std::uint32_t generation_;
};

}  // namespace coatcheck::python
