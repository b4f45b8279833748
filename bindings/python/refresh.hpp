// RefreshTokens for code that waits: on a local store it answers in the call, on a remote one it borrows a connection
// (blocking.hpp). coatcheck/refresh.py gives its answers their Python form.
#pragma once

#include <pybind11/pybind11.h>

namespace coatcheck::python {

void add_refresh_tokens(pybind11::module_& module);

}  // namespace coatcheck::python
