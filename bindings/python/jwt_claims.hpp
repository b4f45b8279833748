// Claims as Python objects, straight from the core's strict reader: json.loads takes longer than the signature's check.
//
// Thread safety: the GIL is held; no Python code runs, but for numbers that only Python can hold.
#pragma once

#include <array>
#include <pybind11/pybind11.h>
#include <string_view>

#include "coatcheck/jose/json_visitor.hpp"

namespace coatcheck::python {

namespace json = jose::json;

// Prepares names that most tokens have, once. Throws error_already_set.
void prepare_claims();

// Makes a dict while the core reads. Holds on to nothing when it is thrown away.
class claims_builder final : public json::visitor {
 public:
  claims_builder() = default;
  claims_builder(const claims_builder&) = delete;
  claims_builder& operator=(const claims_builder&) = delete;
  ~claims_builder() override;

  bool on_key(std::string_view name, std::size_t depth) override;
  bool on_string(std::string_view value, std::size_t depth) override;
  bool on_number(const json::number& value, std::size_t depth) override;
  bool on_bool(bool value, std::size_t depth) override;
  bool on_null(std::size_t depth) override;
  bool on_start(bool object, std::size_t depth) override;
  bool on_end(bool object, std::size_t depth) override;

  // What was made of `text`, all of which was read and accepted; json.loads makes it where this could not. Null with
  // an exception set when out of memory.
  [[nodiscard]] PyObject* take(std::string_view text) noexcept;

 private:
  bool add(PyObject* value) noexcept;
  bool stop() noexcept {
    stopped_ = true;
    return false;
  }

  std::array<PyObject*, json::max_depth + 2> stack_{};  // borrowed
  std::size_t depth_ = 0;
  PyObject* top_ = nullptr;
  PyObject* name_ = nullptr;
  bool stopped_ = false;
};

// A new dict of JSON text that the core has accepted as claims or as a header; null with an exception set when out of
// memory. Integers of any size and floats come out as json.loads gives them.
[[nodiscard]] PyObject* claims_object(std::string_view text) noexcept;

}  // namespace coatcheck::python
