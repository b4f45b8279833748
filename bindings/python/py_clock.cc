// Whether time.time is still Python's own, and what it says if it is not.
#include "py_clock.hpp"

#include <cmath>
#include <pybind11/pybind11.h>

namespace py = pybind11;

namespace coatcheck::python {
namespace {

// References that are never given back: operations go on while the interpreter shuts down.
PyObject* time_names = nullptr;  // of the module `time`
PyObject* time_name = nullptr;   // "time"
PyObject* own_function = nullptr;
PyCFunction own_code = nullptr;  // time_machine replaces this inside the function

host_clock& instance() noexcept {
  static host_clock clock;
  return clock;
}

bool is_own(PyObject* function) noexcept {
  return function == own_function && PyCFunction_GET_FUNCTION(function) == own_code;
}

}  // namespace

const clock& python_clock() noexcept { return instance(); }

void look_at_the_time() noexcept {
  PyObject* const function = PyDict_GetItem(time_names, time_name);  // borrowed
  if (function == nullptr || is_own(function)) {
    instance().restore();
    return;
  }
  PyObject* const now = PyObject_CallNoArgs(function);
  const double seconds = now != nullptr ? PyFloat_AsDouble(now) : -1;
  Py_XDECREF(now);
  if (PyErr_Occurred() != nullptr) PyErr_WriteUnraisable(function);
  if (seconds > 0 && seconds * 1000 < static_cast<double>(latest_time)) {
    instance().replace(static_cast<epoch_ms>(std::floor(seconds * 1000)));
  } else {
    instance().restore();
  }
}

epoch_ms python_now() noexcept {
  look_at_the_time();
  return instance().now();
}

void find_time_function() {
  if (time_names != nullptr) return;
  const auto module = py::module_::import("time");
  time_name = py::str("time").release().ptr();
  time_names = py::object(module.attr("__dict__")).release().ptr();
  // Imported while the time stands still, this is another function: then it is asked each time, for good.
  PyObject* const function = PyDict_GetItem(time_names, time_name);
  if (function != nullptr && PyCFunction_CheckExact(function)) {
    own_code = PyCFunction_GET_FUNCTION(function);
    own_function = Py_NewRef(function);
  }
}

}  // namespace coatcheck::python
