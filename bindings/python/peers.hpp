// Other packages' signed cookies for Python (coatcheck/peers.hpp).
#pragma once

#include <pybind11/pybind11.h>

namespace coatcheck::python {

void add_peers(pybind11::module_& module);

}  // namespace coatcheck::python
