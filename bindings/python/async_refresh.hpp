// coatcheck._core.AsyncRefreshTokens: refresh tokens on a remote store, for one asyncio loop. Calls answer futures.
//
// Thread safety: the loop's thread.
#pragma once

#include <pybind11/pybind11.h>

namespace coatcheck::python {

// Makes the type and adds it to the module.
void add_async_refresh_type(pybind11::module_& module);

}  // namespace coatcheck::python
