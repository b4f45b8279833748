// Keys and key sets of coatcheck.jwt: import, generation, export. Cold: none of this runs for each token.
//
// Thread safety: the GIL is held; keys are immutable.
#pragma once

#include <pybind11/pybind11.h>

#include "coatcheck/jose/key.hpp"

namespace coatcheck::python {

// Adds JwtKey and JwtKeySet to the module.
void add_jwt_keys(pybind11::module_& module);

// Names to the core's enumerations; throw ConfigError for a name that is not known.
[[nodiscard]] jose::algorithm read_algorithm(std::string_view name);
[[nodiscard]] jose::encryption read_encryption(std::string_view name);

}  // namespace coatcheck::python
