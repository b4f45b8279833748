// Watching connections on an asyncio loop.
#include "asyncio_driver.hpp"

#include <algorithm>

#include "addresses.hpp"
#include "errors.hpp"
#include "fork.hpp"
#include "warning.hpp"

namespace py = pybind11;

namespace coatcheck::python {
namespace {

PyTypeObject* callback_type = nullptr;

// Names of the loop's methods, interned once and kept.
struct {
  PyObject* add_reader;
  PyObject* add_writer;
  PyObject* remove_reader;
  PyObject* remove_writer;
  PyObject* call_soon;
  PyObject* call_later;
  PyObject* cancel;
  PyObject* create_future;
  PyObject* is_closed;
} names;

// Errors in a callback have nobody to go to; they are reported as asyncio reports those of __del__.
void report(PyObject* where) noexcept {
  if (PyErr_Occurred() != nullptr) PyErr_WriteUnraisable(where);
}

[[nodiscard]] bool call(PyObject* object, PyObject* name, PyObject* a = nullptr, PyObject* b = nullptr) noexcept {
  PyObject* answer = PyObject_CallMethodObjArgs(object, name, a, b, nullptr);
  if (answer == nullptr) {
    report(name);
    return false;
  }
  Py_DECREF(answer);
  return true;
}

// A new reference to what a weak reference points to; null without an exception when it is gone.
[[nodiscard]] PyObject* strong(PyObject* weak) noexcept {
#if PY_VERSION_HEX >= 0x030D0000
  PyObject* found = nullptr;
  if (PyWeakref_GetRef(weak, &found) < 0) PyErr_Clear();
  return found;
#else
  PyObject* found = PyWeakref_GetObject(weak);
  if (found == nullptr || found == Py_None) return nullptr;
  Py_INCREF(found);
  return found;
#endif
}

// What coatcheck/_resolve.py tells: the addresses and the port.
[[nodiscard]] result<socket_addresses> found_by_python(PyObject* args) {
  const auto given = py::reinterpret_borrow<py::tuple>(args);
  return read_addresses(given[0], given[1].cast<std::uint16_t>());
}

enum class event : std::uint8_t { readable, writable, deadline, flush, resolved };

}  // namespace

// A connection under watch. Lives from the first update to forget; the callbacks point here and are cut off then.
struct asyncio_driver::watch {
  asyncio_driver* driver;
  pollable* what;
  int fd = -1;  // registered for reading
  bool writing = false;
  bool flushing = false;
  steady_ms armed_at = no_deadline;
  PyObject* timer = nullptr;
  PyObject* callbacks[5] = {};

  struct callback {
    PyObject_HEAD watch* of;  // null once the connection is gone
    event what;
  };

  [[nodiscard]] PyObject* get(event which) noexcept {
    PyObject*& slot = callbacks[static_cast<std::size_t>(which)];
    if (slot == nullptr) {
      slot = callback_type->tp_alloc(callback_type, 0);
      if (slot == nullptr) return nullptr;
      auto* made = reinterpret_cast<callback*>(slot);
      made->of = this;
      made->what = which;
    }
    return slot;
  }

  // A lookup's answer is not taken for that of another one: each has a callback of its own.
  void drop(event which) noexcept {
    PyObject* const old = std::exchange(callbacks[static_cast<std::size_t>(which)], nullptr);
    if (old == nullptr) return;
    reinterpret_cast<callback*>(old)->of = nullptr;
    Py_DECREF(old);
  }

  static PyObject* on_event(PyObject* self, PyObject* args, PyObject*) {
    return guarded([&]() -> PyObject* {
      auto* called = reinterpret_cast<callback*>(self);
      watch* of = called->of;
      if (of == nullptr) Py_RETURN_NONE;
      // The connection may be forgotten, and this callback with it, in the middle of its own call.
      PyObject* owner = of->driver->owner_;
      Py_INCREF(self);
      Py_INCREF(owner);
      switch (called->what) {
        case event::readable:
          of->what->on_readable();
          break;
        case event::writable:
          of->what->on_writable();
          break;
        case event::flush:
          of->flushing = false;
          of->what->flush();
          break;
        case event::resolved:
          of->what->on_resolved(found_by_python(args));
          break;
        case event::deadline:
          Py_CLEAR(of->timer);
          of->armed_at = no_deadline;
          // The deadline may have moved since the timer was set: it is not reset at each operation.
          if (const steady_ms now = steady_now(); of->what->deadline() <= now) of->what->on_deadline(now);
          break;
      }
      if (called->of != nullptr) called->of->driver->look_again(*called->of);
      Py_DECREF(owner);
      Py_DECREF(self);
      Py_RETURN_NONE;
    });
  }

  static void destroy_callback(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
  }
};

void asyncio_driver::prepare() {
  static PyType_Slot slots[] = {
      {Py_tp_dealloc, reinterpret_cast<void*>(watch::destroy_callback)},
      {Py_tp_call, reinterpret_cast<void*>(watch::on_event)},
      {0, nullptr},
  };
  static PyType_Spec spec = {"coatcheck._core.LoopCallback", sizeof(watch::callback), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  callback_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (callback_type == nullptr) throw py::error_already_set();
  const auto intern = [](const char* name) {
    PyObject* made = PyUnicode_InternFromString(name);
    if (made == nullptr) throw py::error_already_set();
    return made;
  };
  names = {intern("add_reader"),    intern("add_writer"),    intern("remove_reader"),
           intern("remove_writer"), intern("call_soon"),     intern("call_later"),
           intern("cancel"),        intern("create_future"), intern("is_closed")};
}

asyncio_driver::asyncio_driver(const py::handle& loop, PyObject* owner)
    : loop_reference_(PyWeakref_NewRef(loop.ptr(), nullptr)), owner_(owner), generation_(fork_generation()) {
  if (loop_reference_ == nullptr) throw py::error_already_set();
  on_warning = log_warning;
}

asyncio_driver::~asyncio_driver() { Py_XDECREF(loop_reference_); }

bool asyncio_driver::usable() const noexcept {
  PyObject* found = loop();
  Py_XDECREF(found);
  return found != nullptr;
}

PyObject* asyncio_driver::loop() const noexcept {
  PyObject* found = same_process() ? strong(loop_reference_) : nullptr;
  if (found == nullptr) return nullptr;
  PyObject* closed = PyObject_CallMethodNoArgs(found, names.is_closed);
  const bool open = closed == Py_False;
  if (closed == nullptr) PyErr_Clear();
  Py_XDECREF(closed);
  if (open) return found;
  Py_DECREF(found);
  return nullptr;
}

bool asyncio_driver::same_process() const noexcept { return generation_ == fork_generation(); }

PyObject* asyncio_driver::new_future() const noexcept {
  // Called on the running loop, which is not closed: no need to ask it.
  PyObject* found = same_process() ? strong(loop_reference_) : nullptr;
  if (found == nullptr) {
    return raise({errc::invalid_state, "this engine belongs to an event loop that is gone, or to the parent process"});
  }
  PyObject* made = PyObject_CallMethodNoArgs(found, names.create_future);
  Py_DECREF(found);
  return made;
}

asyncio_driver::watch* asyncio_driver::watch_of(pollable& what) noexcept { return static_cast<watch*>(what.slot); }

void asyncio_driver::update(pollable& what) {
  if (what.slot == nullptr) {
    auto* made = new watch{};
    made->driver = this;
    made->what = &what;
    what.slot = made;
  }
  look_again(*watch_of(what));
}

void asyncio_driver::look_again(watch& of) {
  const int fd = of.what->fd();
  const bool writing = fd >= 0 && of.what->wants_write();
  const steady_ms deadline = of.what->deadline();
  // An armed timer that comes too early looks again by itself.
  const bool arm = deadline < of.armed_at;
  if (fd == of.fd && writing == of.writing && !arm) return;

  PyObject* on = loop();
  if (on == nullptr) return;
  if (fd != of.fd) {
    if (of.fd >= 0) stop_watching(of, of.fd);
    if (fd >= 0) {
      PyObject* number = PyLong_FromLong(fd);
      if (number != nullptr && call(on, names.add_reader, number, of.get(event::readable))) of.fd = fd;
      Py_XDECREF(number);
    }
  }
  if (fd >= 0 && writing != of.writing) {
    PyObject* number = PyLong_FromLong(fd);
    if (number != nullptr) {
      const bool changed =
          writing ? call(on, names.add_writer, number, of.get(event::writable)) : call(on, names.remove_writer, number);
      if (changed) of.writing = writing;
    }
    Py_XDECREF(number);
  }
  if (arm) {
    if (of.timer != nullptr) static_cast<void>(call(of.timer, names.cancel));
    Py_CLEAR(of.timer);
    const auto wait = static_cast<double>(std::max<steady_ms>(0, deadline - steady_now())) / 1000.0;
    PyObject* seconds = PyFloat_FromDouble(wait);
    if (seconds != nullptr) {
      of.timer = PyObject_CallMethodObjArgs(on, names.call_later, seconds, of.get(event::deadline), nullptr);
    }
    Py_XDECREF(seconds);
    if (of.timer != nullptr) {
      of.armed_at = deadline;
    } else {
      report(names.call_later);
    }
  }
  Py_DECREF(on);
}

void asyncio_driver::stop_watching(watch& of, int fd) {
  PyObject* on = loop();
  if (on != nullptr) {
    PyObject* number = PyLong_FromLong(fd);
    if (number != nullptr) {
      if (of.writing) static_cast<void>(call(on, names.remove_writer, number));
      static_cast<void>(call(on, names.remove_reader, number));
    }
    Py_XDECREF(number);
    Py_DECREF(on);
  }
  of.fd = -1;
  of.writing = false;
}

void asyncio_driver::drop_fd(pollable& what, int fd) {
  watch* of = watch_of(what);
  if (of != nullptr && of->fd == fd && fd >= 0) stop_watching(*of, fd);
}

void asyncio_driver::resolve(pollable& what, const std::string& host, std::uint16_t port) {
  if (what.slot == nullptr) update(what);
  watch* of = watch_of(what);
  of->drop(event::resolved);
  PyObject* on = loop();
  if (on == nullptr) return;
  try {
    py::module_::import("coatcheck._resolve")
        .attr("begin")(py::handle(on), host, port, py::handle(of->get(event::resolved)));
  } catch (py::error_already_set& e) {
    e.discard_as_unraisable("coatcheck: getaddrinfo");  // the connection's own deadline ends what waits
  }
  Py_DECREF(on);
}

void asyncio_driver::flush_soon(pollable& what) {
  if (what.slot == nullptr) update(what);
  watch* of = watch_of(what);
  if (of->flushing) return;
  PyObject* on = loop();
  if (on == nullptr) return;
  of->flushing = call(on, names.call_soon, of->get(event::flush));
  Py_DECREF(on);
}

void asyncio_driver::forget(pollable& what) {
  watch* of = watch_of(what);
  if (of == nullptr) return;
  what.slot = nullptr;
  if (of->fd >= 0) stop_watching(*of, of->fd);
  if (of->timer != nullptr && usable()) static_cast<void>(call(of->timer, names.cancel));
  Py_XDECREF(of->timer);
  for (std::size_t i = 0; i < std::size(of->callbacks); ++i) of->drop(static_cast<event>(i));
  delete of;
}

}  // namespace coatcheck::python
