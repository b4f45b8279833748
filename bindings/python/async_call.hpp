// What types that belong to one asyncio loop have in common: an object that owns a host, and calls in flight that
// answer futures. `Host` has a member `loop`, its asyncio_driver.
//
// A future may be cancelled at any time, which changes nothing here: the operation goes on to its end, and its reply
// finds its place.
//
// Thread safety: the loop's thread, with the GIL held.
#pragma once

#include <Python.h>
#include <string_view>
#include <utility>

#include "coatcheck/store.hpp"

#include "asyncio_driver.hpp"
#include "errors.hpp"
#include "future.hpp"
#include "py_clock.hpp"

namespace coatcheck::python {

template <class Host>
struct async_object {
  PyObject_HEAD Host* of;
};

template <class Host>
[[nodiscard]] Host& host_of(PyObject* object) noexcept {
  return *reinterpret_cast<async_object<Host>*>(object)->of;
}

// A new object of `type`; `make(object)` gives its host. Throws error_already_set.
template <class Host, class Make>
[[nodiscard]] PyObject* make_async_object(PyTypeObject* type, Make&& make) {
  auto made = pybind11::reinterpret_steal<pybind11::object>(type->tp_alloc(type, 0));
  if (!made) return nullptr;
  reinterpret_cast<async_object<Host>*>(made.ptr())->of = make(made.ptr());
  return made.release().ptr();
}

template <class Host>
void destroy_async_object(PyObject* object) {
  PyTypeObject* type = Py_TYPE(object);
  delete reinterpret_cast<async_object<Host>*>(object)->of;
  type->tp_free(object);
  Py_DECREF(type);
}

// Runs `start(completion<R>)` and gives the future of its answer: what `to_python(R&&)` makes of it, a new reference,
// or null with the exception set. Null with an exception set when there is no loop to wait on.
template <class R, class Host, class ToPython, class Start>
[[nodiscard]] PyObject* in_flight(PyObject* self, ToPython to_python, Start&& start) {
  struct call {
    PyObject* object;  // kept alive while the call is in flight
    PyObject* future;
    ToPython convert;

    static void done(void* context, R&& value) {
      auto* of = static_cast<call*>(context);
      settle(of->future, guarded([&] { return of->convert(std::move(value)); }),
             host_of<Host>(of->object).loop.same_process());
      Py_DECREF(of->object);
      delete of;
    }
  };
  look_at_the_time();
  PyObject* future = host_of<Host>(self).loop.new_future();
  if (future == nullptr) return nullptr;
  Py_INCREF(future);
  Py_INCREF(self);
  std::forward<Start>(start)(completion<R>(&call::done, new call{self, future, to_python}));
  return future;
}

// A str argument as UTF-8, valid as long as the object lives. False with an exception set.
[[nodiscard]] inline bool read_text(PyObject* given, std::string_view& into) noexcept {
  Py_ssize_t size = 0;
  const char* text = PyUnicode_AsUTF8AndSize(given, &size);
  if (text == nullptr) return false;
  into = {text, static_cast<std::size_t>(size)};
  return true;
}

}  // namespace coatcheck::python
