// LMDB's and the system's error numbers as errors of the store contract.
#pragma once

#include <string>
#include <string_view>

#include "coatcheck/error.hpp"

namespace coatcheck {

// Our own beside LMDB's and the system's.
inline constexpr int file_gone = -30650;  // the path leads to no file, or to another one than the one that is open

// `path` is the store's file, `doing` what failed ("open", "read", "write").
[[nodiscard]] error lmdb_error(int code, std::string_view path, std::string_view doing);

// LMDB answers EIO when a write was cut short, which is how a full disk begins. Then this is ENOSPC; else `code`.
[[nodiscard]] int no_space_or(int code, const std::string& path);

}  // namespace coatcheck
