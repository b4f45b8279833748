// The locks of a store file. They lie on the data file itself: there is no second file that somebody may delete, and
// nothing goes by process ids, so that containers with a PID namespace each may share a file.
//
// Three bytes far behind the end of any file, locked by open file description (F_OFD_SETLK): the kernel gives a lock
// back when the last descriptor of its description is closed, so whoever dies leaves none behind.
//
//   writer          exclusive, from before a write transaction begins until it is committed
//   snapshot 0, 1   shared, while a snapshot with an even (odd) number is read; exclusive, while a writer makes the
//   next
//                   snapshot with an even (odd) number
//
// LMDB runs without locks of its own (MDB_NOLOCK). Then the writer of snapshot N takes pages that only snapshots before
// N - 1 show, and overwrites the meta page of N - 2. So it must wait for those who read N - 2 or earlier, and for
// nobody else: N - 2 has N's byte, and anything earlier was waited for by the writer of N - 1. A reader never waits
// for a commit: while snapshot N is being made, N - 1 is the latest, and has the other byte.
//
// Thread safety: one thread at a time, but for forget().
#pragma once

#include <atomic>
#include <cstddef>

#include "store/lmdb/file.hpp"

namespace coatcheck {

class lmdb_lock {
 public:
  lmdb_lock() = default;
  ~lmdb_lock() { forget(); }
  lmdb_lock(const lmdb_lock&) = delete;
  lmdb_lock& operator=(const lmdb_lock&) = delete;

  // All of these answer 0 or a number of the system. open: file_gone when the path leads to another file by now.
  [[nodiscard]] int open(const store_file& file) noexcept;
  [[nodiscard]] bool is_open() const noexcept { return fd_.load(std::memory_order_relaxed) >= 0; }

  [[nodiscard]] int lock_writer() noexcept;                             // waits for the writer before
  [[nodiscard]] int lock_out_readers(std::size_t snapshot) noexcept;    // of snapshot - 2; waits for them
  [[nodiscard]] int try_lock_snapshot(std::size_t snapshot) noexcept;   // shared; EAGAIN: one like it is being made
  [[nodiscard]] int wait_lock_snapshot(std::size_t snapshot) noexcept;  // shared
  void unlock() noexcept;                                               // everything

  // Closes the descriptor. In a child of fork: there it keeps the parent's locks alive. Async-signal-safe.
  void forget() noexcept;

 private:
  std::atomic<int> fd_{-1};
};

// The writer's lock, from take() to the end of the scope.
class writer_turn {
 public:
  explicit writer_turn(lmdb_lock& lock) noexcept : lock_(lock) {}
  ~writer_turn() {
    if (taken_) lock_.unlock();
  }
  writer_turn(const writer_turn&) = delete;
  writer_turn& operator=(const writer_turn&) = delete;
  // Taking it twice is taking it once.
  [[nodiscard]] int take() noexcept {
    const int rc = taken_ ? 0 : lock_.lock_writer();
    taken_ = rc == 0;
    return rc;
  }

 private:
  lmdb_lock& lock_;
  bool taken_ = false;
};

}  // namespace coatcheck
