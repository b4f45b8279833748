// coatcheck._core.AsyncEngine: the engine on a remote store for one asyncio loop. Calls answer futures of that loop.
//
// Thread safety: the loop's thread.
#pragma once

#include <pybind11/pybind11.h>

namespace coatcheck::python {

// Makes the type and adds it to the module.
void add_async_engine_type(pybind11::module_& module);

}  // namespace coatcheck::python
