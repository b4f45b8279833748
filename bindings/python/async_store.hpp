// coatcheck._core.AsyncStore: a remote store for one asyncio loop, without the session engine around it.
//
// Thread safety: the loop's thread.
#pragma once

#include <pybind11/pybind11.h>

namespace coatcheck::python {

// Makes the type and adds it to the module.
void add_async_store_type(pybind11::module_& module);

}  // namespace coatcheck::python
