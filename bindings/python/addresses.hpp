// What Python's resolvers answer (coatcheck/_resolve.py), as the core takes it.
//
// Thread safety: the GIL is held.
#pragma once

#include <pybind11/pybind11.h>
#include <string>

#include "coatcheck/driver.hpp"

namespace coatcheck::python {

// `found`: a list of addresses in digits, or a str: why there is none. Throws error_already_set.
[[nodiscard]] inline result<socket_addresses> read_addresses(const pybind11::object& found, std::uint16_t port) {
  if (pybind11::isinstance<pybind11::str>(found)) return {errc::store_unavailable, found.cast<std::string>()};
  socket_addresses out;
  for (const pybind11::handle one : found.cast<pybind11::list>()) {
    for (const auto& address : numeric_address(one.cast<std::string>(), port)) out.push_back(address);
  }
  return out;
}

}  // namespace coatcheck::python
