// `memory:` and `memory:NAME`: a handle on one of the process's memory stores.
//
// Closing a handle ends that handle alone; the sessions stay for the others, and go with the last close() of a named
// one. Thread safety: any thread.
#pragma once

#include <memory>

#include "coatcheck/store.hpp"

#include "store/kind.hpp"

namespace coatcheck {

// Errors: invalid_url, invalid_option (open with another bound).
[[nodiscard]] result<std::shared_ptr<store>> open_memory_store(const parsed_url& url, const store_options& options);
inline constexpr store_kind memory_kinds[] = {{"memory", false, open_memory_store}};

}  // namespace coatcheck
