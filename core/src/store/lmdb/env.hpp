// One open store file: LMDB's environment, its tables, its readers and its writer.
//
// A process has one environment per file (lmdb/registry.hpp), so that its threads share commits. An environment is not
// used in a child of fork; the destructor leaks what an ancestor opened.
//
// Thread safety: any thread, after open.
#pragma once

#include <atomic>
#include <cstdint>
#include <lmdb.h>
#include <memory>
#include <optional>
#include <string>

#include "coatcheck/error.hpp"

#include "store/lmdb/errors.hpp"
#include "store/lmdb/file.hpp"
#include "store/lmdb/readers.hpp"
#include "store/lmdb/room.hpp"
#include "store/lmdb/tables.hpp"
#include "store/lmdb/writer.hpp"

namespace coatcheck {

enum class durability : std::uint8_t {
  process,  // a commit survives the process (kill -9), not a power cut
  disk,     // a commit is on the disk before the call returns
};

struct lmdb_options {
  std::optional<std::uint64_t> map_size;  // bytes; unset: as the file has it, or the default for a new one
  std::optional<durability> safety;       // unset: as the process has it open already, or `process`
};

inline constexpr std::uint64_t default_map_size = 1ULL << 30;
inline constexpr std::uint64_t min_map_size = 64ULL << 10;
inline constexpr std::uint64_t max_map_size = 1ULL << 46;

class lmdb_env {
 public:
  // Errors: store_format, store_permission, store_unavailable, store_full, invalid_option (another map size).
  [[nodiscard]] static result<std::unique_ptr<lmdb_env>> open(const store_file& file, const lmdb_options& options);
  ~lmdb_env();
  lmdb_env(const lmdb_env&) = delete;
  lmdb_env& operator=(const lmdb_env&) = delete;

  // Whether `options` ask for something else than what is open. Error: invalid_option.
  [[nodiscard]] result<void> agrees_with(const lmdb_options& options) const;

  // Runs `work(MDB_txn*) -> int` in a read transaction of the moment. Returns 0 or an error of lmdb/errors.hpp.
  template <class Work>
  [[nodiscard]] int read(Work&& work) {
    const int rc = watch_.look_sometimes();
    return noted(rc != 0 ? rc : readers_->read(std::forward<Work>(work)));
  }
  template <class Work>
  [[nodiscard]] int write(epoch_ms now, Work&& work) {
    return noted(writer_->write(now, std::forward<Work>(work)));
  }
  // Whether the path still leads to what is open. 0 or an error.
  [[nodiscard]] int look() noexcept { return noted(watch_.look()); }

  // Once an operation ended with an error after which the file must be opened again: every later one may crash.
  [[nodiscard]] bool lost() const noexcept { return lost_.load(std::memory_order_acquire); }

  [[nodiscard]] const lmdb_tables& tables() const noexcept { return tables_; }
  [[nodiscard]] lmdb_room& room() noexcept { return *room_; }  // inside write() alone
  [[nodiscard]] const store_file& file() const noexcept { return file_; }
  [[nodiscard]] std::uint64_t map_size() const noexcept { return map_size_; }
  [[nodiscard]] durability safety() const noexcept { return safety_; }
  // Of the process that opened it: crypto::fork_generation().
  [[nodiscard]] unsigned generation() const noexcept { return generation_; }
  // In a child of fork: lets go of the parent's locks, which would outlive the parent otherwise.
  void forget_locks() noexcept;

 private:
  explicit lmdb_env(store_file file) noexcept : file_(std::move(file)), watch_(file_) {}

  int noted(int code) noexcept {
    if (code != 0 && needs_reopening(code)) lost_.store(true, std::memory_order_release);
    return code;
  }

  [[nodiscard]] result<void> start(const lmdb_options& options);
  [[nodiscard]] int open_tables(std::uint64_t& recorded_size, bool& foreign);
  [[nodiscard]] int make_tables(std::uint64_t map_size);
  [[nodiscard]] int read_format(MDB_txn* txn, std::uint64_t& recorded_size, bool& foreign) const;
  [[nodiscard]] result<void> check_whole(writer_turn& turn);
  [[nodiscard]] error failure(int code) const;

  const store_file file_;
  file_watch watch_;
  std::atomic<bool> lost_{false};
  MDB_env* env_ = nullptr;
  unsigned generation_ = 0;
  durability safety_ = durability::process;
  std::uint64_t map_size_ = 0;
  lmdb_tables tables_;
  std::unique_ptr<lmdb_room> room_;
  lmdb_lock lock_;  // the writer's
  std::unique_ptr<lmdb_readers> readers_;
  std::unique_ptr<lmdb_writer> writer_;
};

}  // namespace coatcheck
