// The JSON writer.
#include "encode.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/engine.hpp"

#include "errors.hpp"
#include "values.hpp"

namespace coatcheck::python {
namespace {

constexpr long long max_integer = (1LL << 53) - 1;

// 0: stands for itself; 'u': as \u00XX; else the letter after the backslash.
constexpr std::array<char, 256> make_escapes() {
  std::array<char, 256> table{};
  for (std::size_t control = 0; control < 0x20; ++control) table[control] = 'u';
  table['\b'] = 'b';
  table['\t'] = 't';
  table['\n'] = 'n';
  table['\f'] = 'f';
  table['\r'] = 'r';
  table['"'] = '"';
  table['\\'] = '\\';
  return table;
}
constexpr auto escapes = make_escapes();

class writer {
 public:
  // True when all is well; false with PayloadError, or another exception, set.
  [[nodiscard]] bool write(PyObject* value, int depth) {
    if (PyUnicode_Check(value)) return string(value);
    if (value == Py_None) return literal("null");
    if (PyBool_Check(value)) return literal(value == Py_True ? "true" : "false");
    if (PyLong_Check(value))
      return integer(value) || fail("an integer beyond 2^53 that no double holds exactly: store it as a string");
    if (PyFloat_Check(value)) {
      return number(PyFloat_AS_DOUBLE(value)) || fail("NaN or an infinity, which JSON does not have");
    }
    if (PyDict_Check(value)) return object(value, depth);
    if (PyList_Check(value) || PyTuple_Check(value)) return array(value, depth);
    return fail("a value of type " + std::string(Py_TYPE(value)->tp_name) +
                ": sessions hold dict, list, tuple, str, int, float, bool and None");
  }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  bool literal(std::string_view word) {
    text_ += word;
    return true;
  }

  [[nodiscard]] bool object(PyObject* value, int depth) {
    if (depth == max_depth) return fail(too_deep);
    char separator = '{';
    PyObject* key = nullptr;
    PyObject* item = nullptr;
    Py_ssize_t position = -1;
    for (Py_ssize_t at = 0; PyDict_Next(value, &at, &key, &item) != 0; separator = ',') {
      ++position;
      if (!PyUnicode_Check(key)) {
        return fail("a key of type " + std::string(Py_TYPE(key)->tp_name) + ": the keys of a session are str");
      }
      text_ += separator;
      const std::size_t start = text_.size();
      if (!string(key)) return false;
      if (std::string_view(text_).substr(start) == "\"__proto__\"") {
        return fail("the key \"__proto__\", which is not safe in JavaScript");
      }
      text_ += ':';
      way_.push_back({key, position});
      if (!write(item, depth + 1)) return false;
      way_.pop_back();
    }
    if (separator == '{') text_ += '{';
    text_ += '}';
    return true;
  }

  [[nodiscard]] bool array(PyObject* value, int depth) {
    if (depth == max_depth) return fail(too_deep);
    text_ += '[';
    for (Py_ssize_t at = 0; at < PySequence_Fast_GET_SIZE(value); ++at) {
      if (at > 0) text_ += ',';
      way_.push_back({nullptr, at});
      if (!write(PySequence_Fast_GET_ITEM(value, at), depth + 1)) return false;
      way_.pop_back();
    }
    text_ += ']';
    return true;
  }

  [[nodiscard]] bool string(PyObject* value) {
    std::string_view left;
    if (PyUnicode_IS_COMPACT_ASCII(value)) {
      left = {static_cast<const char*>(PyUnicode_DATA(value)), static_cast<std::size_t>(PyUnicode_GET_LENGTH(value))};
    } else {
      Py_ssize_t size = 0;
      const char* utf8 = PyUnicode_AsUTF8AndSize(value, &size);
      if (utf8 == nullptr) return halves(value);
      left = {utf8, static_cast<std::size_t>(size)};
    }
    text_ += '"';
    characters(left);
    text_ += '"';
    return true;
  }

  void characters(std::string_view left) {
    while (!left.empty()) {
      std::size_t plain = 0;
      while (plain < left.size() && escapes[static_cast<unsigned char>(left[plain])] == 0) ++plain;
      text_.append(left.data(), plain);
      if (plain == left.size()) break;
      escape(static_cast<unsigned char>(left[plain]));
      left.remove_prefix(plain + 1);
    }
  }

  // A str with halves of surrogate pairs, which UTF-8 can't express: they are written as escapes, as JavaScript writes
  // them. Two that make a pair are then one character; what becomes of the others is the core's to say.
  [[nodiscard]] bool halves(PyObject* value) {
    PyErr_Clear();
    const auto bytes =
        pybind11::reinterpret_steal<pybind11::bytes>(PyUnicode_AsEncodedString(value, "utf-8", "surrogatepass"));
    if (!bytes) return false;
    text_ += '"';
    const std::string_view left(bytes);
    const auto byte = [&](std::size_t at) { return static_cast<unsigned>(static_cast<unsigned char>(left[at])); };
    std::size_t from = 0;
    for (std::size_t at = 0; at + 2 < left.size(); ++at) {
      if (byte(at) != 0xed || byte(at + 1) < 0xa0) continue;  // halves alone begin so
      characters(left.substr(from, at - from));
      const unsigned unit = 0xd000 | (byte(at + 1) & 0x3f) << 6 | (byte(at + 2) & 0x3f);
      text_ += "\\u";
      for (int shift = 12; shift >= 0; shift -= 4) text_ += hex[(unit >> shift) & 15];
      from = at + 3;
    }
    characters(left.substr(from));
    text_ += '"';
    return true;
  }

  void escape(unsigned char byte) {
    text_ += '\\';
    text_ += escapes[byte];
    if (escapes[byte] != 'u') return;
    text_ += "00";
    text_ += hex[byte >> 4];
    text_ += hex[byte & 15];
  }

  [[nodiscard]] bool integer(PyObject* value) {
    int overflow = 0;
    const long long as_number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow != 0 || as_number < -max_integer || as_number > max_integer) return large_integer(value);
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), as_number).ptr;
    text_.append(digits.data(), end);
    return true;
  }

  // Beyond 2^53 the core says which ones other languages read as the same number.
  [[nodiscard]] bool large_integer(PyObject* value) {
    const double rounded = PyLong_AsDouble(value);
    if (rounded == -1.0 && PyErr_Occurred() != nullptr) {  // beyond every double, and maybe of a million digits
      PyErr_Clear();
      return false;
    }
    const auto digits = pybind11::reinterpret_steal<pybind11::object>(PyLong_Type.tp_repr(value));
    if (!digits) {
      PyErr_Clear();
      return false;
    }
    const auto text = digits.cast<std::string>();
    return portable_integer(text) && literal(text);
  }

  // ECMA-262, Number::toString: the shortest digits that read back as the same number, without an exponent from 1e-6
  // on. Upwards the exponent starts where integers stop being exact: without one, it would read as an integer.
  [[nodiscard]] bool number(double value) {
    if (!std::isfinite(value)) return false;
    if (value == 0) return literal("0");
    const double size = std::fabs(value);
    const bool plain = size >= 1e-6 && size <= static_cast<double>(max_integer);
    std::array<char, 64> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value,
                                   plain ? std::chars_format::fixed : std::chars_format::scientific)
                         .ptr;
    std::string_view printed(digits.data(), static_cast<std::size_t>(end - digits.data()));
    const std::size_t exponent = plain ? std::string_view::npos : printed.find('e');
    if (exponent == std::string_view::npos) return literal(printed);
    // to_chars writes at least two digits of the exponent, JavaScript none that it does not need.
    literal(printed.substr(0, exponent + 2));
    printed.remove_prefix(exponent + 2);
    while (printed.size() > 1 && printed.front() == '0') printed.remove_prefix(1);
    return literal(printed);
  }

  bool fail(const std::string& what) {
    std::string path;
    // A cycle leads to the same keys again and again: the first few tell where it is.
    for (std::size_t at = 0; at < way_.size() && at < max_labels; ++at) {
      if (way_[at].key == nullptr) {
        path += '[' + std::to_string(way_[at].index) + ']';
        continue;
      }
      const char* name = PyUnicode_AsUTF8(way_[at].key);  // null: a lone surrogate
      path += (path.empty() ? "" : ".");
      path += member_label(name != nullptr ? name : "", static_cast<std::size_t>(way_[at].index));
    }
    if (way_.size() > max_labels) path += "…";
    PyErr_Clear();
    raise({errc::not_serialisable, path.empty() ? "the session can't be stored: it holds " + what
                                                : "the session can't be stored: \"" + path + "\" holds " + what});
    return false;
  }

  static constexpr std::string_view hex = "0123456789abcdef";
  static constexpr const char* too_deep = "data nested deeper than 64 levels, or itself";
  struct step {
    PyObject* key;     // borrowed; null: an element
    Py_ssize_t index;  // of the element or the member
  };
  std::string text_;
  std::vector<step> way_;
};

}  // namespace

PyObject* encode_value(PyObject*, PyObject* value) {
  return guarded([&]() -> PyObject* {
    writer out;
    if (!out.write(value, 0)) return nullptr;
    return PyUnicode_DecodeUTF8(out.text().data(), static_cast<Py_ssize_t>(out.text().size()), nullptr);
  });
}

}  // namespace coatcheck::python
