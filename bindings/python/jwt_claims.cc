// Claims as Python objects.
#include "jwt_claims.hpp"

#include <cmath>
#include <utility>

#include "errors.hpp"

namespace py = pybind11;

namespace coatcheck::python {
namespace {

struct known_name {
  std::string_view text;
  PyObject* object = nullptr;  // interned; never given back
};
std::array<known_name, 16> known{{{"iss"},
                                  {"sub"},
                                  {"aud"},
                                  {"exp"},
                                  {"nbf"},
                                  {"iat"},
                                  {"jti"},
                                  {"scope"},
                                  {"typ"},
                                  {"alg"},
                                  {"kid"},
                                  {"client_id"},
                                  {"azp"},
                                  {"sid"},
                                  {"name"},
                                  {"email"}}};
PyObject* loads = nullptr;  // json.loads

PyObject* text(std::string_view from) noexcept {
  return PyUnicode_DecodeUTF8(from.data(), static_cast<Py_ssize_t>(from.size()), nullptr);
}

}  // namespace

void prepare_claims() {
  for (known_name& one : known) {
    one.object = PyUnicode_InternFromString(one.text.data());  // literals end with a NUL
    if (one.object == nullptr) throw py::error_already_set();
  }
  loads = py::object(py::module_::import("json").attr("loads")).release().ptr();
}

claims_builder::~claims_builder() {
  Py_XDECREF(name_);
  Py_XDECREF(top_);
}

bool claims_builder::on_key(std::string_view name, std::size_t) {
  for (const known_name& one : known) {
    if (one.text != name) continue;
    name_ = Py_NewRef(one.object);
    return true;
  }
  name_ = text(name);
  return name_ != nullptr || stop();
}

bool claims_builder::on_string(std::string_view value, std::size_t) { return add(text(value)); }

bool claims_builder::on_number(const json::number& value, std::size_t) {
  using kind = json::number::kind;
  if (value.what == kind::integer) return add(PyLong_FromLongLong(value.integer));
  if (value.what == kind::natural) return add(PyLong_FromUnsignedLongLong(value.natural));
  // Integers beyond 64 bits come as reals: json.loads keeps their digits.
  if (std::fabs(value.real) >= 9223372036854775808.0) return stop();
  return add(PyFloat_FromDouble(value.real));
}

bool claims_builder::on_bool(bool value, std::size_t) { return add(Py_NewRef(value ? Py_True : Py_False)); }
bool claims_builder::on_null(std::size_t) { return add(Py_NewRef(Py_None)); }

bool claims_builder::on_start(bool object, std::size_t depth) {
  PyObject* const made = object ? PyDict_New() : PyList_New(0);
  if (depth >= stack_.size()) {
    Py_XDECREF(made);
    return stop();
  }
  if (depth == 0) {
    top_ = made;
  } else if (!add(made)) {  // the container above holds it from here on
    return false;
  }
  stack_[depth] = made;
  depth_ = depth + 1;
  return made != nullptr || stop();
}

bool claims_builder::on_end(bool, std::size_t depth) {
  depth_ = depth;
  return true;
}

bool claims_builder::add(PyObject* value) noexcept {
  if (value == nullptr || depth_ == 0) {
    Py_XDECREF(value);
    return stop();
  }
  PyObject* const into = stack_[depth_ - 1];
  bool ok = false;
  if (PyDict_CheckExact(into)) {
    ok = PyDict_SetItem(into, name_, value) == 0;
    Py_CLEAR(name_);
  } else {
    ok = PyList_Append(into, value) == 0;
  }
  Py_DECREF(value);
  return ok || stop();
}

PyObject* claims_builder::take(std::string_view from) noexcept {
  return guarded([&]() -> PyObject* {
    if (!stopped_) return std::exchange(top_, nullptr);
    if (PyErr_Occurred() != nullptr) return nullptr;
    // Too large for the reader's numbers; anything else the core has refused before.
    const auto whole = py::reinterpret_steal<py::object>(text(from));
    return whole ? PyObject_CallOneArg(loads, whole.ptr()) : nullptr;
  });
}

PyObject* claims_object(std::string_view from) noexcept {
  claims_builder made;
  static_cast<void>(json::read(from, made));
  return made.take(from);
}

}  // namespace coatcheck::python
