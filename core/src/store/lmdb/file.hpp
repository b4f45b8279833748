// The checks on a store file before LMDB sees it: LMDB trusts a file's contents and follows links.
//
// Refused: a symbolic link, a directory, anything that is no regular file, a file that every user may write, a
// file of another user in a directory that every user may write (somebody else may have put it there), a file
// that does not begin as an LMDB file. A new file is made with mode 0600; its directory must exist.
//
// Then the watch on the file while it is open: an environment goes on with a file that was removed, replaced, cut or
// overwritten, and what it reads and writes there nobody else sees, or ends the process (SIGBUS).
//
// Thread safety: any thread.
#pragma once

#include <atomic>
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

class file_watch {
 public:
  explicit file_watch(const store_file& file) noexcept : file_(file) {}

  // 0, file_gone or file_cut (lmdb/errors.hpp). One stat().
  [[nodiscard]] int look() noexcept;
  // The same, at most once a second.
  [[nodiscard]] int look_sometimes() noexcept;

  // Snapshots count up. What a transaction that begins now must at least find; and what it found: 0 or
  // file_overwritten.
  [[nodiscard]] std::size_t newest() const noexcept { return newest_.load(std::memory_order_acquire); }
  [[nodiscard]] int found(std::size_t snapshot, std::size_t at_least) noexcept;

 private:
  const store_file& file_;
  std::atomic<std::uint64_t> size_{0};  // the largest that was seen
  std::atomic<std::size_t> newest_{0};
  std::atomic<std::int64_t> next_look_{0};  // steady seconds
};

}  // namespace coatcheck
