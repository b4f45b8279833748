// Group commit without a thread.
#include "store/lmdb_writer.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

namespace coatcheck {
namespace {

constexpr std::int64_t reader_check_seconds = 60;

std::int64_t steady_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return now.tv_sec;
}

}  // namespace

int lmdb_writer::run(operation& mine) {
  std::unique_lock hold(lock_);
  queue_.push_back(&mine);
  mine.wake.wait(hold, [&] { return mine.done || queue_.front() == &mine; });
  if (mine.done) return mine.code;

  std::array<operation*, max_batch> batch;
  const auto size = std::min(queue_.size(), batch.size());
  std::copy_n(queue_.begin(), size, batch.begin());
  hold.unlock();
  execute({batch.data(), size});
  hold.lock();
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(size));
  // Notified under the lock: a follower's operation is on its stack and goes with it.
  for (auto* op : std::span(batch.data(), size)) {
    op->done = true;
    if (op != &mine) op->wake.notify_one();
  }
  if (!queue_.empty()) queue_.front()->wake.notify_one();
  return mine.code;
}

void lmdb_writer::execute(std::span<operation*> batch) {
  check_readers_sometimes();
  const int code = attempt(batch, sweep_steps);
  for (auto* op : batch) op->code = code;
  if (code == 0) return;
  for (auto* op : batch) op->code = attempt_alone(*op);
}

int lmdb_writer::attempt(std::span<operation*> batch, std::size_t steps) {
  MDB_txn* txn = nullptr;
  if (const int rc = mdb_txn_begin(env_, nullptr, 0, &txn); rc != 0) return rc;
  int rc = 0;
  epoch_ms now = 0;
  for (auto* op : batch) {
    rc = op->call(op->context, txn);
    if (rc != 0) break;
    now = std::max(now, op->now);
  }
  lmdb_tables::swept swept;
  if (rc == 0 && steps > 0) rc = tables_.sweep(txn, now, steps, swept);
  if (rc != 0) {
    mdb_txn_abort(txn);
    return rc;
  }
  return mdb_txn_commit(txn);  // frees it also when it fails
}

int lmdb_writer::attempt_alone(operation& one) {
  operation* self = &one;
  int rc = attempt({&self, 1}, 0);
  if (rc != MDB_MAP_FULL && rc != ENOSPC && rc != EDQUOT) return rc;
  make_room(one.now);
  return attempt({&self, 1}, 0);
}

// Each slice is a transaction of its own: it needs few pages, and what it frees is there for the next but one.
void lmdb_writer::make_room(epoch_ms now) {
  int dead = 0;
  (void)mdb_reader_check(env_, &dead);
  for (lmdb_tables::swept swept{0, true}; swept.more;) {
    swept = {};
    MDB_txn* txn = nullptr;
    if (mdb_txn_begin(env_, nullptr, 0, &txn) != 0) return;
    if (tables_.sweep(txn, now, sweep_steps, swept) != 0) {
      mdb_txn_abort(txn);
      return;
    }
    if (mdb_txn_commit(txn) != 0) return;
  }
}

// A process that was killed leaves its reader slots behind, and they keep old pages from being used again.
void lmdb_writer::check_readers_sometimes() {
  const auto now = steady_seconds();
  if (now - last_reader_check_ < reader_check_seconds) return;
  last_reader_check_ = now;
  int dead = 0;
  (void)mdb_reader_check(env_, &dead);
}

}  // namespace coatcheck
