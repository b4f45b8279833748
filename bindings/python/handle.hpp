// What one request holds of its session between the call at its start and the one at its end: an object that
// Python passes back, with the few attributes that the middleware looks at.
//
// A plain CPython type: it is made once per request, and pybind11's instances cost five times as much.
//
// Thread safety: the GIL is held; a handle belongs to one request.
#pragma once

#include <pybind11/pybind11.h>

#include "coatcheck/engine.hpp"

namespace coatcheck::python {

struct handle {
  PyObject_HEAD opened value;
  const char* outcome;  // of the last commit or destroy; null: none yet
};

// Makes the type and adds it to the module as Handle.
void add_handle_type(pybind11::module_& module);

// A new reference; null with an exception set when out of memory.
[[nodiscard]] handle* make_handle(opened&& value) noexcept;

[[nodiscard]] bool is_handle(PyObject* object) noexcept;

[[nodiscard]] PyObject* as_object(handle* of) noexcept;

}  // namespace coatcheck::python
