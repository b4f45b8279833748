// The read transactions of one open store file.
#include "store/lmdb/readers.hpp"

#include <cerrno>
#include <thread>
#include <utility>

namespace coatcheck {
namespace {

// Threads begin their search for a place at different ones.
std::size_t first_choice() noexcept {
  static std::atomic<std::size_t> next{0};
  thread_local const std::size_t mine = next.fetch_add(1, std::memory_order_relaxed);
  return mine;
}

}  // namespace

lmdb_readers::place& lmdb_readers::take() noexcept {
  for (const auto hint = first_choice();;) {
    for (std::size_t i = 0; i < place_count; ++i) {
      auto& mine = places_[(hint + i) % place_count];
      if (!mine.busy.load(std::memory_order_relaxed) && !mine.busy.exchange(true, std::memory_order_acquire))
        return mine;
    }
    std::this_thread::yield();
  }
}

// The lock comes first, by a guess at the latest snapshot's number. When another one has come to be the latest, it
// may have gone to the other byte: then the guess was wrong, and what was begun is not looked at.
int lmdb_readers::begin(place& mine) noexcept {
  constexpr int patience = 16;
  if (!mine.lock.is_open()) {
    if (const int rc = mine.lock.open(file_); rc != 0) return rc;
  }
  const auto at_least = watch_.newest();
  for (int attempt = 0;; ++attempt) {
    int rc =
        attempt < patience ? mine.lock.try_lock_snapshot(mine.snapshot) : mine.lock.wait_lock_snapshot(mine.snapshot);
    if (rc == EAGAIN) {
      ++mine.snapshot;
      continue;
    }
    if (rc != 0) return rc;
    rc = mine.txn == nullptr ? mdb_txn_begin(env_, nullptr, MDB_RDONLY, &mine.txn) : mdb_txn_renew(mine.txn);
    if (rc != 0) {
      mine.lock.unlock();
      return rc;
    }
    const auto latest = mdb_txn_id(mine.txn);
    mine.begun = true;
    if (((latest ^ mine.snapshot) & 1) == 0) return watch_.found(latest, at_least);
    end(mine);
    mine.snapshot = latest;
  }
}

void lmdb_readers::end(place& mine) noexcept {
  mdb_txn_reset(mine.txn);
  mine.lock.unlock();
  mine.begun = false;
}

int lmdb_readers::commit(place& mine) noexcept {
  const int rc = mdb_txn_commit(std::exchange(mine.txn, nullptr));
  mine.lock.unlock();
  mine.begun = false;
  return rc;
}

void lmdb_readers::drop() noexcept {
  for (auto& each : places_) {
    if (each.txn != nullptr) mdb_txn_abort(each.txn);
    each.txn = nullptr;
  }
}

void lmdb_readers::forget() noexcept {
  for (auto& each : places_) each.lock.forget();
}

}  // namespace coatcheck
