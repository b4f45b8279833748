// Claims as Python objects, straight from the core's strict reader: json.loads takes longer than the signature's check.
//
// Thread safety: the GIL is held; no Python code runs, but for numbers that only Python can hold.
#pragma once

#include <pybind11/pybind11.h>
#include <string_view>

namespace coatcheck::python {

// Prepares names that most tokens have, once. Throws error_already_set.
void prepare_claims();

// A new dict of JSON text that the core has accepted as claims or as a header; null with an exception set when out of
// memory. Integers of any size and floats come out as json.loads gives them.
[[nodiscard]] PyObject* claims_object(std::string_view text) noexcept;

}  // namespace coatcheck::python
