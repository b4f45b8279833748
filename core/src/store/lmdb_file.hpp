// The checks on a store file before LMDB sees it: LMDB trusts a file's contents and follows links.
//
// Refused: a symbolic link, a directory, anything that is no regular file, a file that every user may write, a
// file of another user in a directory that every user may write (somebody else may have put it there), a file
// that does not begin as an LMDB file. A new file is made with mode 0600; its directory must exist.
//
// Thread safety: free functions.
#pragma once

#include <cstdint>
#include <string>
#include <sys/types.h>

#include "coatcheck/error.hpp"

namespace coatcheck {

struct store_file {
  std::string path;  // absolute: a process that changes its directory and forks finds it again
  dev_t device = 0;
  ino_t inode = 0;
  std::uint64_t size = 0;

  [[nodiscard]] bool same_file(const store_file& other) const noexcept {
    return device == other.device && inode == other.inode;
  }
};

// Finds or makes the file. Errors: invalid_url, store_permission, store_format, store_unavailable.
[[nodiscard]] result<store_file> prepare_store_file(const std::string& path);

}  // namespace coatcheck
