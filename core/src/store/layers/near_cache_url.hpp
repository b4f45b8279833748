// What a store URL says of a near-cache: near_cache=BYTES and max_stale=MS.
//
// Thread safety: pure functions.
#pragma once

#include <optional>

#include "coatcheck/store.hpp"

#include "store/url.hpp"

namespace coatcheck {

// As the URL and the options say it; none: no near-cache. Errors: invalid_url, invalid_option.
[[nodiscard]] result<std::optional<near_cache_options>> near_cache_of(const parsed_url& url,
                                                                      const store_options& options);

}  // namespace coatcheck
