// Group commit without a thread: writers queue, the first of the queue commits for all of them.
//
// The first writer that finds no other at work takes what has queued up, runs it in one transaction on its own
// thread, commits once, and wakes the others with their results. So concurrent threads share a commit (and its
// fsync), and a lone writer pays for two uncontended locks.
//
// When a transaction fails as a whole, its operations are run again one by one, so that one that does not fit
// cannot fail the others. A full map: what has expired is dropped, one more try.
//
// Thread safety: any thread. An operation runs on whichever thread leads, once or more often: it must set all of
// its results each time, and touch nothing else.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <lmdb.h>
#include <mutex>
#include <span>

#include "coatcheck/clock.hpp"

#include "store/lmdb/lock.hpp"
#include "store/lmdb/tables.hpp"

namespace coatcheck {

class lmdb_writer {
 public:
  lmdb_writer(MDB_env* env, const lmdb_tables& tables, lmdb_lock& lock, file_watch& watch) noexcept
      : env_(env), tables_(tables), file_lock_(lock), watch_(watch) {}

  // Runs `work(MDB_txn*) -> int` and commits. Returns 0, or the error that kept it from being committed.
  // `now`: what is due by then may be swept in the same transaction.
  template <class Work>
  [[nodiscard]] int write(epoch_ms now, Work&& work) {
    operation mine;
    mine.now = now;
    mine.context = &work;
    mine.call = [](void* context, MDB_txn* txn) {
      return (*static_cast<std::remove_reference_t<Work>*>(context))(txn);
    };
    return run(mine);
  }

 private:
  struct operation {
    int (*call)(void* context, MDB_txn* txn) = nullptr;
    void* context = nullptr;
    epoch_ms now = 0;
    int code = 0;
    bool done = false;
    std::condition_variable wake;
  };
  // Up to this many due index items are looked at in a transaction.
  static constexpr std::size_t sweep_steps = 8;
  static constexpr std::size_t max_batch = 64;

  int run(operation& mine);
  void execute(std::span<operation*> batch);
  int attempt(std::span<operation*> batch, std::size_t steps);
  int attempt_alone(operation& one);
  void make_room(epoch_ms now);
  // Runs `work` in a transaction and commits it.
  template <class Work>
  int transact(Work&& work);

  MDB_env* const env_;
  const lmdb_tables& tables_;
  lmdb_lock& file_lock_;  // the leader's
  file_watch& watch_;
  std::mutex lock_;
  std::deque<operation*> queue_;  // the front one leads
};

}  // namespace coatcheck
