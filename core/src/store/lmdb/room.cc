// How much of a store file is in use.
#include "store/lmdb/room.hpp"

namespace coatcheck {
namespace {

constexpr std::int64_t bytes_per_write = 128;  // nodes and index items of one session, about

// Runs `each(const std::size_t* pages, std::size_t count)` for every list of the free list (table 0).
template <class Each>
int for_free_pages(MDB_env* env, Each&& each) {
  // LMDB shows the free list to read transactions alone; with MDB_NOTLS a writer may have one besides. We have the
  // writer's lock: nobody takes these pages.
  MDB_txn* txn = nullptr;
  int rc = mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn);
  if (rc != 0) return rc;
  MDB_cursor* cursor = nullptr;
  rc = mdb_cursor_open(txn, 0, &cursor);
  if (rc == 0) {
    MDB_val k{};
    MDB_val v{};
    while ((rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
      const auto* list = static_cast<const std::size_t*>(v.mv_data);  // a count, then that many page numbers
      const auto size = v.mv_size / sizeof *list;
      if (size == 0 || list[0] >= size) {
        rc = MDB_CORRUPTED;
        break;
      }
      each(list + 1, list[0]);
    }
    mdb_cursor_close(cursor);
  }
  mdb_txn_abort(txn);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

}  // namespace

int mark_free_pages(MDB_env* env, std::vector<bool>& free) {
  return for_free_pages(env, [&](const std::size_t* pages, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      if (pages[i] < free.size()) free[pages[i]] = true;
  });
}

int lmdb_room::ask(std::size_t bytes) {
  const auto need = static_cast<std::int64_t>(bytes) + bytes_per_write;
  if (budget_ < need) {
    if (const int rc = count(); rc != 0) return rc;
    // What is left is less than the count allows for: the last of it goes one write at a time.
    if (budget_ < need && budget_ * 4 < need) return MDB_MAP_FULL;
  }
  budget_ -= need;
  return 0;
}

int lmdb_room::count() {
  MDB_envinfo info{};
  MDB_stat stat{};
  int rc = mdb_env_info(env_, &info);
  if (rc == 0) rc = mdb_env_stat(env_, &stat);
  if (rc != 0) return rc;
  auto pages = info.me_last_pgno + 1;
  // In a file that never grew that far, the free list need not be read.
  if (pages * stat.ms_psize > map_size_ / 2) {
    std::size_t free = 0;
    rc = for_free_pages(env_, [&](const std::size_t*, std::size_t count) { free += count; });
    if (rc != 0) return rc;
    pages -= free < pages ? free : pages;
  }
  budget_ = (static_cast<std::int64_t>(map_size_) - static_cast<std::int64_t>(pages * stat.ms_psize)) / 4;
  return 0;
}

}  // namespace coatcheck
