// Group commit without a thread.
#include "store/lmdb/writer.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

namespace coatcheck {

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
  const int code = attempt(batch, sweep_steps);
  for (auto* op : batch) op->code = code;
  if (code == 0) return;
  for (auto* op : batch) op->code = attempt_alone(*op);
}

template <class Work>
int lmdb_writer::transact(Work&& work) {
  writer_turn turn(file_lock_);
  if (const int rc = turn.take(); rc != 0) return rc;
  if (const int rc = watch_.look(); rc != 0) return rc;
  const auto at_least = watch_.newest();
  MDB_txn* txn = nullptr;
  if (const int rc = mdb_txn_begin(env_, nullptr, 0, &txn); rc != 0) return rc;
  int rc = watch_.found(mdb_txn_id(txn) - 1, at_least);
  if (rc == 0) rc = file_lock_.lock_out_readers(mdb_txn_id(txn));
  if (rc == 0) rc = work(txn);
  if (rc == 0) return mdb_txn_commit(txn);  // frees it also when it fails
  mdb_txn_abort(txn);
  return rc;
}

int lmdb_writer::attempt(std::span<operation*> batch, std::size_t steps) {
  return transact([&](MDB_txn* txn) {
    epoch_ms now = 0;
    for (auto* op : batch) {
      if (const int rc = op->call(op->context, txn); rc != 0) return rc;
      now = std::max(now, op->now);
    }
    lmdb_tables::swept swept;
    return steps > 0 ? tables_.sweep(txn, now, steps, swept) : 0;
  });
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
  for (lmdb_tables::swept swept{0, true}; swept.more;) {
    swept = {};
    if (transact([&](MDB_txn* txn) { return tables_.sweep(txn, now, sweep_steps, swept); }) != 0) return;
  }
}

}  // namespace coatcheck
