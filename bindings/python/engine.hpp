// coatcheck._core.Engine: the engine for code that takes its answer in the call. Local stores answer at once;
// remote ones are waited for with the GIL released.
//
// Thread safety: any thread that holds the GIL.
#pragma once

#include <pybind11/pybind11.h>

namespace coatcheck::python {

// Makes the type and adds it to the module.
void add_engine_type(pybind11::module_& module);

}  // namespace coatcheck::python
