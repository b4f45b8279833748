// The read transactions of one open store file: made once, used again, each with locks of its own (lmdb/lock.hpp).
//
// Thread safety: any thread. More threads than places wait for one another: a read takes microseconds.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <lmdb.h>

#include "store/lmdb/file.hpp"
#include "store/lmdb/lock.hpp"

namespace coatcheck {

class lmdb_readers {
 public:
  lmdb_readers(MDB_env* env, const store_file& file, file_watch& watch) noexcept
      : env_(env), file_(file), watch_(watch) {}
  lmdb_readers(const lmdb_readers&) = delete;
  lmdb_readers& operator=(const lmdb_readers&) = delete;

  // Runs `work(MDB_txn*) -> int` on the latest snapshot. Returns 0 or an error of lmdb/errors.hpp.
  template <class Work>
  [[nodiscard]] int read(Work&& work) {
    const reading mine(take());
    if (const int rc = begin(mine.at); rc != 0) return rc;
    return work(mine.at.txn);
  }

  // The same, and keeps the table handles that `work` opened.
  template <class Work>
  [[nodiscard]] int open_tables(Work&& work) {
    const reading mine(take());
    if (const int rc = begin(mine.at); rc != 0) return rc;
    const int rc = work(mine.at.txn);
    return rc == 0 ? commit(mine.at) : rc;
  }

  // Drops the transactions, before the environment is closed.
  void drop() noexcept;
  // In a child of fork: lets go of the parent's locks, and of nothing else.
  void forget() noexcept;

 private:
  struct alignas(64) place {
    std::atomic<bool> busy{false};
    bool begun = false;
    MDB_txn* txn = nullptr;
    std::size_t snapshot = 0;  // of the last read: the next one is likely to be the same
    lmdb_lock lock;
  };
  static constexpr std::size_t place_count = 32;
  struct reading {
    explicit reading(place& taken) noexcept : at(taken) {}
    ~reading() {
      if (at.begun) end(at);
      at.busy.store(false, std::memory_order_release);
    }
    reading(const reading&) = delete;
    reading& operator=(const reading&) = delete;
    place& at;
  };

  [[nodiscard]] place& take() noexcept;
  [[nodiscard]] int begin(place& mine) noexcept;
  static void end(place& mine) noexcept;
  [[nodiscard]] static int commit(place& mine) noexcept;

  MDB_env* const env_;
  const store_file& file_;
  file_watch& watch_;
  std::array<place, place_count> places_;
};

}  // namespace coatcheck
