// coatcheck._core.JwtVerifier and JwtSigner: the calls of every token, in CPython's own convention.
//
// A verification is one call: token in, the claims out. The GIL is released around asymmetric keys (12 to
// 60 microseconds); around a MAC, giving it up and taking it back would cost as much as the work.
//
// Thread safety: any thread that holds the GIL.
#pragma once

#include <pybind11/pybind11.h>

#include "coatcheck/error.hpp"
#include "coatcheck/jose/jwt.hpp"

namespace coatcheck::python {

// Makes the types and adds them, and the functions that make their objects, to the module.
void add_jwt_tokens(pybind11::module_& module);

// A token as Python has it: a str, or bytes. False with TypeError set for anything else.
[[nodiscard]] bool read_token(PyObject* given, std::string_view& into) noexcept;

// Sets the exception of a token that failed; with `claim`, `reason` and `value` on it where a claim did. Always null.
PyObject* raise_token_error(const error& why, const jose::claim_failure& failure) noexcept;

}  // namespace coatcheck::python
