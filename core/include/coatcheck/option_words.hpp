// The words of options, the same in every language: text to value. An unknown word is an error that names those there
// are, never a default.
//
// Thread safety: pure functions.
#pragma once

#include <string_view>

#include "coatcheck/engine.hpp"

namespace coatcheck {

// `option` is what the host calls it, for the message. Errors: invalid_option. `T` is one of
//   secure_mode      auto, always, never
//   same_site_mode   lax, strict, none, unset, auto
//   same_site        lax, strict, none
//   cookie_priority  unset, low, medium, high
//   cookie_style     standard, starlette
//   merge_policy     mine, theirs, reject
//   lone_surrogates  replace, refuse
//   session_mode     store, jwt, jwe
//   encryption       off, required, migrate, prepare
template <class T>
[[nodiscard]] result<void> read_word(std::string_view option, std::string_view word, T& into);

}  // namespace coatcheck
