// JWS of any bytes, JWE, bare signatures and remote key sets for coatcheck.jwt.
//
// Thread safety: any thread that holds the GIL.
#pragma once

#include <pybind11/pybind11.h>

namespace coatcheck::python {

// Adds the functions and RemoteKeySet to the module.
void add_jwt_messages(pybind11::module_& module);

}  // namespace coatcheck::python
