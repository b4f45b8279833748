// Copying and comparing plain Python data. Nothing here runs Python code while it walks a container, but the
// comparison of two leaves of exact built-in types.
#include "values.hpp"

#include "errors.hpp"

namespace coatcheck::python {
namespace {

[[nodiscard]] PyObject* copy(PyObject* value, int depth) {
  if (depth > max_depth) {
    return raise({errc::not_serialisable, "the session is nested deeper than 64 levels"});
  }
  if (PyDict_CheckExact(value)) {
    PyObject* made = PyDict_New();
    if (made == nullptr) return nullptr;
    PyObject* key = nullptr;
    PyObject* item = nullptr;
    for (Py_ssize_t at = 0; PyDict_Next(value, &at, &key, &item) != 0;) {
      PyObject* copied = copy(item, depth + 1);
      const bool failed = copied == nullptr || PyDict_SetItem(made, key, copied) != 0;
      Py_XDECREF(copied);
      if (failed) {
        Py_DECREF(made);
        return nullptr;
      }
    }
    return made;
  }
  if (PyList_CheckExact(value)) {
    const Py_ssize_t size = PyList_GET_SIZE(value);
    PyObject* made = PyList_New(size);
    if (made == nullptr) return nullptr;
    for (Py_ssize_t at = 0; at < size; ++at) {
      PyObject* copied = copy(PyList_GET_ITEM(value, at), depth + 1);
      if (copied == nullptr) {
        Py_DECREF(made);
        return nullptr;
      }
      PyList_SET_ITEM(made, at, copied);
    }
    return made;
  }
  if (PyTuple_CheckExact(value)) {
    const Py_ssize_t size = PyTuple_GET_SIZE(value);
    PyObject* made = PyTuple_New(size);
    if (made == nullptr) return nullptr;
    for (Py_ssize_t at = 0; at < size; ++at) {
      PyObject* copied = copy(PyTuple_GET_ITEM(value, at), depth + 1);
      if (copied == nullptr) {
        Py_DECREF(made);
        return nullptr;
      }
      PyTuple_SET_ITEM(made, at, copied);
    }
    return made;
  }
  Py_INCREF(value);
  return value;
}

// 1 same, 0 different, -1 with an exception set. Unsure counts as different: then the JSON decides.
[[nodiscard]] int same(PyObject* a, PyObject* b, int depth) {
  if (depth > max_depth) return 0;
  const bool dicts = PyDict_Check(a) && PyDict_Check(b);
  if (!dicts && Py_TYPE(a) != Py_TYPE(b)) return 0;
  // Not copied: the very same one, which may have been changed in place.
  if (dicts && a == b && !PyDict_CheckExact(a)) return 0;
  if (dicts) {
    if (PyDict_GET_SIZE(a) != PyDict_GET_SIZE(b)) return 0;
    PyObject* key = nullptr;
    PyObject* item = nullptr;
    for (Py_ssize_t at = 0; PyDict_Next(a, &at, &key, &item) != 0;) {
      PyObject* other = PyDict_GetItemWithError(b, key);
      if (other == nullptr) return PyErr_Occurred() != nullptr ? -1 : 0;
      if (const int equal = same(item, other, depth + 1); equal != 1) return equal;
    }
    return 1;
  }
  if (PyList_CheckExact(a) || PyTuple_CheckExact(a)) {
    const Py_ssize_t size = PySequence_Fast_GET_SIZE(a);
    if (size != PySequence_Fast_GET_SIZE(b)) return 0;
    for (Py_ssize_t at = 0; at < size; ++at) {
      const int equal = same(PySequence_Fast_GET_ITEM(a, at), PySequence_Fast_GET_ITEM(b, at), depth + 1);
      if (equal != 1) return equal;
    }
    return 1;
  }
  const bool leaf = PyUnicode_CheckExact(a) || PyLong_CheckExact(a) || PyFloat_CheckExact(a) || PyBool_Check(a);
  // Any other object may have been changed in place, also when it is the very same one.
  if (!leaf) return a == Py_None ? 1 : 0;
  return a == b ? 1 : PyObject_RichCompareBool(a, b, Py_EQ);
}

// An object of one member whose name begins with a space is a tag, or has to be told from one.
[[nodiscard]] bool looks_tagged(PyObject* dict) noexcept {
  if (PyDict_GET_SIZE(dict) != 1) return false;
  PyObject* key = nullptr;
  PyObject* item = nullptr;
  Py_ssize_t at = 0;
  return PyDict_Next(dict, &at, &key, &item) != 0 && PyUnicode_Check(key) && PyUnicode_GET_LENGTH(key) > 0 &&
         PyUnicode_READ_CHAR(key, 0) == ' ';
}

[[nodiscard]] bool plain(PyObject* value, int depth, bool every) noexcept {
  if (PyUnicode_CheckExact(value) || PyBool_Check(value) || PyFloat_CheckExact(value) || value == Py_None) return true;
  if (PyLong_CheckExact(value)) {
    if (!every) return true;
    constexpr long long largest = (1LL << 53) - 1;  // what a JavaScript number holds exactly
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    return overflow == 0 && number >= -largest && number <= largest;
  }
  if (depth == max_depth) return false;
  if (PyList_CheckExact(value)) {
    for (Py_ssize_t at = 0; at < PyList_GET_SIZE(value); ++at) {
      if (!plain(PyList_GET_ITEM(value, at), depth + 1, every)) return false;
    }
    return true;
  }
  if (depth == 0 ? !PyDict_Check(value) : !PyDict_CheckExact(value) || looks_tagged(value)) return false;
  PyObject* key = nullptr;
  PyObject* item = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(value, &at, &key, &item) != 0;) {
    if (!plain(item, depth + 1, every)) return false;
  }
  return true;
}

}  // namespace

PyObject* is_plain(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2) return PyErr_Format(PyExc_TypeError, "is_plain() takes a dict and whether every type has a tag");
  const int every = PyObject_IsTrue(args[1]);
  return every < 0 ? nullptr : PyBool_FromLong(plain(args[0], 0, every == 1) ? 1 : 0);
}

PyObject* copy_value(PyObject*, PyObject* value) { return copy(value, 0); }

PyObject* same_value(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2) return PyErr_Format(PyExc_TypeError, "same() takes 2 arguments");
  const int equal = same(args[0], args[1], 0);
  return equal < 0 ? nullptr : PyBool_FromLong(equal);
}

PyObject* fill_value(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2 || !PyDict_Check(args[0]) || !PyDict_Check(args[1])) {
    return PyErr_Format(PyExc_TypeError, "fill() takes two dicts");
  }
  PyObject* key = nullptr;
  PyObject* item = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(args[1], &at, &key, &item) != 0;) {
    PyObject* copied = copy(item, 1);
    const bool failed = copied == nullptr || PyDict_SetItem(args[0], key, copied) != 0;
    Py_XDECREF(copied);
    if (failed) return nullptr;
  }
  Py_RETURN_NONE;
}

}  // namespace coatcheck::python
