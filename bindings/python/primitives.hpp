// Functions of the core that Python offers or tests by themselves: signing, cookies, JSON comparison. Through
// pybind11: none of them is called for each request.
#pragma once

#include <pybind11/pybind11.h>

namespace coatcheck::python {

// Adds KeyRing, ManualClock and the functions to the module.
void add_primitives(pybind11::module_& module);

}  // namespace coatcheck::python
