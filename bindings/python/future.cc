// Futures.
#include "future.hpp"

#include <pybind11/pybind11.h>

namespace coatcheck::python {
namespace {

PyObject* set_result_name = nullptr;
PyObject* set_exception_name = nullptr;

// The exception that is set, as an object with its traceback.
[[nodiscard]] PyObject* take_exception() noexcept {
#if PY_VERSION_HEX >= 0x030C0000
  return PyErr_GetRaisedException();
#else
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  if (value != nullptr && trace != nullptr) PyException_SetTraceback(value, trace);
  Py_XDECREF(type);
  Py_XDECREF(trace);
  return value;
#endif
}

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
