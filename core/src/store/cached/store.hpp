// `cached(option=value,…):CACHE|ORIGIN`: the word, its options, and how such a store is opened. What it does is in
// coatcheck/cached.hpp.
#pragma once

#include <string_view>

#include "coatcheck/cached.hpp"

namespace coatcheck {

inline constexpr std::string_view cached_word = "cached";

// What stands between the parentheses. Error: invalid_url.
[[nodiscard]] result<cached_options> parse_cached_options(std::string_view text);

}  // namespace coatcheck
