// Futures.
#include "future.hpp"

#include <pybind11/pybind11.h>

#include "errors.hpp"

namespace coatcheck::python {
namespace {

PyObject* set_result_name = nullptr;
PyObject* set_exception_name = nullptr;

}  // namespace

void prepare_futures() {
  set_result_name = PyUnicode_InternFromString("set_result");
  set_exception_name = PyUnicode_InternFromString("set_exception");
  if (set_result_name == nullptr || set_exception_name == nullptr) throw pybind11::error_already_set();
}

void settle(PyObject* future, PyObject* value, bool deliver) noexcept {
  const bool failed = value == nullptr;
  if (failed) value = take_exception();
  if (deliver) {
    PyObject* done = PyObject_CallMethodOneArg(future, failed ? set_exception_name : set_result_name, value);
    // Refused when it was cancelled, or when its loop has closed: then nobody waits.
    if (done == nullptr) PyErr_Clear();
    Py_XDECREF(done);
  }
  Py_XDECREF(value);
  Py_DECREF(future);
}

}  // namespace coatcheck::python
