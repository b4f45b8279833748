// LMDB's and the system's error numbers as errors of the store contract.
#pragma once

#include <string>
#include <string_view>

#include "coatcheck/error.hpp"

namespace coatcheck {

// Our own beside LMDB's and the system's.
inline constexpr int file_gone = -30650;         // the path leads to no file, or to another than the one that is open
inline constexpr int file_cut = -30651;          // it is shorter than it was
inline constexpr int file_overwritten = -30652;  // its contents are older than what was there

// After which an environment is of no use any more: what is open is not what the path leads to, or is damaged in
// memory alone (MDB_PANIC: a write of LMDB's failed half-way). Opening the file again may help.
[[nodiscard]] bool needs_reopening(int code) noexcept;

// `path` is the store's file, `doing` what failed ("open", "read", "write").
[[nodiscard]] error lmdb_error(int code, std::string_view path, std::string_view doing);

// LMDB answers EIO when a write was cut short, which is how a full disk begins. Then this is ENOSPC; else `code`.
[[nodiscard]] int no_space_or(int code, const std::string& path);

}  // namespace coatcheck
