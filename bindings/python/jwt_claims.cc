// Claims as Python objects.
#include "jwt_claims.hpp"

#include <array>
#include <cmath>
#include <utility>

#include "errors.hpp"
#include "jose/json.hpp"

namespace py = pybind11;

namespace coatcheck::python {
namespace {

namespace json = jose::json;

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

// Puts values into the container on top of a stack.
class builder final : public json::visitor {
 public:
  builder() = default;
  builder(const builder&) = delete;
  builder& operator=(const builder&) = delete;
  ~builder() override {
    Py_XDECREF(name_);
    Py_XDECREF(top_);
  }

  bool on_key(std::string_view name, std::size_t) override {
    for (const known_name& one : known) {
      if (one.text != name) continue;
      name_ = Py_NewRef(one.object);
      return true;
    }
    name_ = text(name);
    return name_ != nullptr;
  }
  bool on_string(std::string_view value, std::size_t) override { return add(text(value)); }
  bool on_number(const json::number& value, std::size_t) override {
    using kind = json::number::kind;
    if (value.what == kind::integer) return add(PyLong_FromLongLong(value.integer));
    if (value.what == kind::natural) return add(PyLong_FromUnsignedLongLong(value.natural));
    // Integers beyond 64 bits come as reals: json.loads keeps their digits.
    if (std::fabs(value.real) >= 9223372036854775808.0) return false;
    return add(PyFloat_FromDouble(value.real));
  }
  bool on_bool(bool value, std::size_t) override { return add(Py_NewRef(value ? Py_True : Py_False)); }
  bool on_null(std::size_t) override { return add(Py_NewRef(Py_None)); }
  bool on_start(bool object, std::size_t depth) override {
    PyObject* const made = object ? PyDict_New() : PyList_New(0);
    if (depth >= stack_.size()) {
      Py_XDECREF(made);
      return false;
    }
    if (depth == 0) {
      top_ = made;
    } else if (!add(made)) {  // the container above holds it from here on
      return false;
    }
    stack_[depth] = made;
    depth_ = depth + 1;
    return made != nullptr;
  }
  bool on_end(bool, std::size_t depth) override {
    depth_ = depth;
    return true;
  }

  [[nodiscard]] PyObject* take() noexcept { return std::exchange(top_, nullptr); }

 private:
  bool add(PyObject* value) noexcept {
    if (value == nullptr || depth_ == 0) {
      Py_XDECREF(value);
      return false;
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
    return ok;
  }

  std::array<PyObject*, json::max_depth + 2> stack_{};  // borrowed
  std::size_t depth_ = 0;
  PyObject* top_ = nullptr;
  PyObject* name_ = nullptr;
};

}  // namespace

void prepare_claims() {
  for (known_name& one : known) {
    one.object = PyUnicode_InternFromString(one.text.data());  // literals end with a NUL
    if (one.object == nullptr) throw py::error_already_set();
  }
  loads = py::object(py::module_::import("json").attr("loads")).release().ptr();
}

PyObject* claims_object(std::string_view from) noexcept {
  return guarded([&]() -> PyObject* {
    builder made;
    const json::verdict read = json::read(from, made);
    if (read == json::verdict::ok) return made.take();
    if (PyErr_Occurred() != nullptr) return nullptr;
    // Too large for the reader's numbers; anything else the core has refused before.
    const auto whole = py::reinterpret_steal<py::object>(text(from));
    return whole ? PyObject_CallOneArg(loads, whole.ptr()) : nullptr;
  });
}

}  // namespace coatcheck::python
