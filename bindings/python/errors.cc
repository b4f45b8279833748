// The table from error codes to exception classes.
#include "errors.hpp"

#include <array>
#include <string>

namespace py = pybind11;

namespace coatcheck::python {
namespace {

constexpr errc all_codes[] = {
#define COATCHECK_X(id, name, kind) errc::id,
    COATCHECK_ERRORS(COATCHECK_X)
#undef COATCHECK_X
};
constexpr std::size_t code_count = std::size(all_codes);

// A class per kind, and one each for what an application may want to catch by itself.
[[nodiscard]] constexpr const char* class_name(errc code) noexcept {
  switch (code) {
    case errc::session_conflict:
      return "SessionConflict";
    case errc::session_gone:
      return "SessionGone";
    case errc::store_timeout:
      return "StoreTimeout";
    default:
      break;
  }
  switch (kind_of(code)) {
    case error_kind::config:
      return "ConfigError";
    case error_kind::usage:
      return "UsageError";
    case error_kind::payload:
      return "PayloadError";
    case error_kind::store:
      return "StoreError";
    case error_kind::session:
      return "SessionError";
    case error_kind::token:
      return "TokenError";
    case error_kind::internal:
      break;
  }
  return "InternalError";
}

// Strong references that are never given back: an error may still be raised while the interpreter shuts down, when
// sys.modules is empty.
std::array<PyObject*, code_count> classes{};

// A new reference to the class of the module that is there: one that was reloaded, or removed and imported again, has
// other classes than the one that was there when this library was loaded.
py::object class_of(errc code) noexcept {
  const auto present = py::reinterpret_steal<py::object>(PyUnicode_FromString("coatcheck.errors"));
  const auto module = py::reinterpret_steal<py::object>(present ? PyImport_GetModule(present.ptr()) : nullptr);
  auto found =
      py::reinterpret_steal<py::object>(module ? PyObject_GetAttrString(module.ptr(), class_name(code)) : nullptr);
  if (found) return found;
  PyErr_Clear();
  return py::reinterpret_borrow<py::object>(classes[static_cast<std::size_t>(code)]);
}

}  // namespace

void load_error_classes() {
  const auto module = py::module_::import("coatcheck.errors");
  for (const errc code : all_codes) {
    classes[static_cast<std::size_t>(code)] = py::object(module.attr(class_name(code))).release().ptr();
  }
}

PyObject* make_exception(const error& why) noexcept {
  const auto text = [](std::string_view from) {
    return PyUnicode_DecodeUTF8(from.data(), static_cast<Py_ssize_t>(from.size()), "replace");
  };
  PyObject* message = text(why.message);
  PyObject* code = text(name_of(why.code));
  PyObject* made = nullptr;
  if (message != nullptr && code != nullptr) {
    made = PyObject_CallFunctionObjArgs(class_of(why.code).ptr(), message, code, nullptr);
  }
  Py_XDECREF(message);
  Py_XDECREF(code);
  return made;
}

PyObject* raise(const error& why) noexcept {
  if (PyObject* exception = make_exception(why)) {
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception)), exception);
    Py_DECREF(exception);
  }
  return nullptr;
}

void throw_error(const error& why) {
  raise(why);
  throw py::error_already_set();
}

PyObject* take_exception() noexcept {
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

py::dict error_table() {
  py::dict table;
  for (const errc code : all_codes) {
    table[py::str(std::string(name_of(code)))] = class_of(code);
  }
  return table;
}

}  // namespace coatcheck::python
