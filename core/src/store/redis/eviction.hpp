// Whether a Redis server may evict sessions before their time. docs/decisions/0085.
//
// Thread safety: pure functions.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "coatcheck/driver.hpp"

namespace coatcheck {

// What to say of a server whose INFO memory this is; empty: nothing, it evicts nothing, or does not say so.
[[nodiscard]] std::string eviction_warning(std::string_view info);

// For redis_target::on_memory: warns once, however many servers are asked. Empty where the driver hears no warnings.
// REQUIRES: `loop` outlives its links.
[[nodiscard]] std::function<void(std::string_view)> warn_of_eviction(driver& loop);

}  // namespace coatcheck
