// The memory stores of this process, by name.
//
// A table is kept until everybody who opened it has closed it. Who goes without closing it leaves it to the process: a
// Node worker that stops and a new one that starts find the same sessions. The one without a name is never given back.
// After fork the child has a copy of its own, whole but no longer shared.
//
// Thread safety: any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "coatcheck/error.hpp"

#include "store/memory/table.hpp"

namespace coatcheck {

inline constexpr std::uint64_t default_memory_bytes = 256ULL << 20;

// The table of that name, made if it is not there, with one more user. Error: invalid_option when it is open with
// another bound.
[[nodiscard]] result<std::shared_ptr<memory_table>> open_memory_table(const std::string& name,
                                                                      std::optional<std::uint64_t> max_bytes);

// One user of that table closed it. When it was the last one, the table is emptied, and the next one to open the name
// gets a new one.
void close_memory_table(const std::string& name);

}  // namespace coatcheck
