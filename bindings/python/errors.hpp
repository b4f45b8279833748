// Errors of the core as Python exceptions. The classes are written in Python (coatcheck/errors.py); which one a
// code raises follows from COATCHECK_ERRORS, the one table of the project.
//
// Thread safety: the GIL is held.
#pragma once

#include <new>
#include <pybind11/pybind11.h>
#include <utility>

#include "coatcheck/error.hpp"

namespace coatcheck::python {

// Looks the classes up. Throws error_already_set when coatcheck.errors cannot be imported.
void load_error_classes();

// A new exception object for this error; null with a Python error set when out of memory.
[[nodiscard]] PyObject* make_exception(const error& why) noexcept;

// Sets the exception. Always null, so that a function can end in `return raise(why);`.
PyObject* raise(const error& why) noexcept;

// The same for code that pybind11 calls.
[[noreturn]] void throw_error(const error& why);
template <class T>
[[nodiscard]] T value_of(result<T>&& got) {
  if (!got) throw_error(got.error());
  return *std::move(got);
}

// The exception that is set, as an object with its traceback; it is set no longer.
[[nodiscard]] PyObject* take_exception() noexcept;

// {code name: exception class} of every code.
[[nodiscard]] pybind11::dict error_table();

// Runs the body of a function that CPython calls: no C++ exception may pass through the interpreter.
template <class Body>
[[nodiscard]] PyObject* guarded(Body&& body) noexcept {
  try {
    return std::forward<Body>(body)();
  } catch (pybind11::error_already_set& e) {
    e.restore();
  } catch (const pybind11::builtin_exception& e) {
    e.set_error();
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& e) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
  }
  return nullptr;
}

}  // namespace coatcheck::python
