// The memory stores of this process, by name.
//
// A table is kept until the process ends, also while nobody has it open: a Node worker that stops and a new one
// that starts find the same sessions. After fork the child has a copy of its own, whole but no longer shared.
//
// Thread safety: any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "coatcheck/error.hpp"

#include "store/memory_table.hpp"

namespace coatcheck {

inline constexpr std::uint64_t default_memory_bytes = 256ULL << 20;

// The table of that name, made if it is not there. Error: invalid_option when it is open with another bound.
[[nodiscard]] result<std::shared_ptr<memory_table>> memory_table_of(const std::string& name,
                                                                    std::optional<std::uint64_t> max_bytes);

}  // namespace coatcheck
