// The waiter that lets other greenlets run.
#include "gevent.hpp"

#include <algorithm>
#include <pybind11/pybind11.h>
#include <utility>

#include "addresses.hpp"
#include "errors.hpp"

namespace py = pybind11;

namespace coatcheck::python {
namespace {

constexpr int longest_wait = 1000;  // ms, where nothing has a deadline
constexpr int refused_wait = 10;    // ms, for a hub that can't wait here

}  // namespace

std::unique_ptr<greenlet_waiter> greenlet_waiter::where_needed() noexcept {
  // Looked up, not imported: who uses gevent has it there.
  try {
    const auto loaded = py::module_::import("sys").attr("modules");
    if (!loaded.contains("gevent.monkey")) return nullptr;
    if (!loaded["gevent.monkey"].attr("is_module_patched")("socket").cast<bool>()) return nullptr;
    auto function = py::object(py::module_::import("coatcheck._gevent").attr("wait"));
    return std::unique_ptr<greenlet_waiter>(new greenlet_waiter(function.release().ptr()));
  } catch (py::error_already_set& e) {
    e.discard_as_unraisable("coatcheck: gevent");
    return nullptr;
  } catch (const std::exception&) {
    return nullptr;
  }
}

greenlet_waiter::~greenlet_waiter() {
  Py_XDECREF(raised_);
  Py_XDECREF(function_);
}

void greenlet_waiter::wait(pollfd* fds, std::size_t count, int timeout) {
  // Ready already, or not to be waited for: no change of greenlets.
  if (::poll(fds, count, 0) != 0 || timeout == 0) return;
  const pollfd* const open = std::find_if(fds, fds + count, [](const pollfd& one) { return one.fd >= 0; });
  const int fd = open == fds + count ? -1 : open->fd;
  const bool writes = fd >= 0 && (open->events & POLLOUT) != 0;
  PyObject* const done = PyObject_CallFunction(function_, "iOd", fd, writes ? Py_True : Py_False,
                                               std::min(timeout, longest_wait) / 1000.0);
  if (done == nullptr) {
    keep_raised();
    (void)::poll(fds, count, std::min(timeout, refused_wait));
    return;
  }
  Py_DECREF(done);
  (void)::poll(fds, count, 0);
}

result<socket_addresses> greenlet_waiter::resolve(const std::string& host, std::uint16_t port) {
  try {
    return read_addresses(py::module_::import("coatcheck._gevent").attr("resolve")(host, port), port);
  } catch (py::error_already_set& e) {
    e.restore();
    keep_raised();  // a greenlet that was killed, say
  }
  return socket_addresses();
}

void greenlet_waiter::keep_raised() noexcept {
  PyObject* const raised = take_exception();
  if (raised_ == nullptr) {
    raised_ = raised;
  } else {
    Py_XDECREF(raised);
  }
}

bool greenlet_waiter::restore_exception() noexcept {
  if (raised_ == nullptr) return true;
  PyObject* const raised = std::exchange(raised_, nullptr);
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(raised)), raised);
  Py_DECREF(raised);
  return false;
}

}  // namespace coatcheck::python
