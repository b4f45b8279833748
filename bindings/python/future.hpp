// Settling asyncio futures from completions of the core.
//
// Thread safety: the loop's thread, with the GIL held.
#pragma once

#include <Python.h>

namespace coatcheck::python {

// Interns the names of a future's methods, once. Throws error_already_set.
void prepare_futures();

// Gives `value` (stolen; null: the exception that is set) to `future` (stolen). A future that was cancelled
// meanwhile stays so: the operation ran to its end all the same, and its result goes nowhere. With `deliver` false,
// in a child of a fork, the future is only released.
void settle(PyObject* future, PyObject* value, bool deliver) noexcept;

}  // namespace coatcheck::python
