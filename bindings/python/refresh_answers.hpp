// What refresh tokens answer, as Python values: for the calls that wait (refresh.cc) and for those of asyncio
// (async_refresh.cc). coatcheck/refresh.py gives them their names.
//
// Each throws error_already_set where the operation failed or the store did not answer.
// Thread safety: the GIL is held.
#pragma once

#include <pybind11/pybind11.h>

#include "coatcheck/refresh_tokens.hpp"

namespace coatcheck::python {

// (token, family), where a family is a tuple of its members in the order of token_family.
[[nodiscard]] pybind11::object answer(issue_result&& got);
// (status, token, repeated, family, exception): what does not apply is None. A token that buys nothing is an answer.
[[nodiscard]] pybind11::object answer(refresh_result&& got);
// [family, …]
[[nodiscard]] pybind11::object answer(families_result&& got);
// Whether it was live.
[[nodiscard]] pybind11::object answer(remove_result&& got);
// (count, epoch)
[[nodiscard]] pybind11::object answer(revoke_all_result&& got);
// Whether it is still good.
[[nodiscard]] pybind11::object answer(epoch_result&& got);

}  // namespace coatcheck::python
