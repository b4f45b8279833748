// What is in a store file, and the operations on it inside one transaction.
//
//   meta      "format" -> "coatcheck-store 2", "map_size" -> decimal bytes
//   sessions  key -> envelope (envelope.hpp)
//   expiry    8 bytes big-endian ms ++ key -> nothing
//   owners    2 bytes big-endian length of owner ++ owner ++ key -> nothing
//   owner_of  key -> owner, for keys that have one
//
// Every session has an item in `expiry` at its deadline or before. A touch does not move it: whoever finds the item
// due reads the session and puts the item back at the true deadline. Items without a session are dropped when due.
// No table has duplicate keys (MDB_DUPSORT): LMDB before 0.9.31 has faults there.
//
// Every function returns 0 or an LMDB error; after an error the transaction must be aborted. What an operation
// found goes to its result. Thread safety: that of the transaction.
#pragma once

#include <lmdb.h>
#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/store.hpp"

#include "store/lmdb/room.hpp"

namespace coatcheck {

class lmdb_tables {
 public:
  static constexpr unsigned count = 5;

  // Opens the tables; `flags` is MDB_CREATE to make them. MDB_NOTFOUND when they are not there.
  [[nodiscard]] int open(MDB_txn* txn, unsigned flags);
  [[nodiscard]] int write_meta(MDB_txn* txn, std::string_view name, std::string_view value) const;
  // MDB_NOTFOUND when it is not there. The view is good until the transaction ends.
  [[nodiscard]] int read_meta(MDB_txn* txn, std::string_view name, std::string_view& value) const;

  [[nodiscard]] int get(MDB_txn* txn, std::string_view key, epoch_ms now, get_result& out) const;
  [[nodiscard]] int owned_by(MDB_txn* txn, std::string_view owner, epoch_ms now, std::vector<std::string>& out) const;
  [[nodiscard]] int scan(MDB_txn* txn, std::string_view after, std::size_t limit, epoch_ms now, keys_result& out) const;
  [[nodiscard]] int stats(MDB_txn* txn, store_stats& out) const;

  [[nodiscard]] int put(MDB_txn* txn, std::string_view key, std::string_view bytes, epoch_ms expires_at,
                        const expectation& expect, std::string_view owner, const etag& tag, epoch_ms now,
                        lmdb_room& room, put_result& out) const;
  [[nodiscard]] int touch(MDB_txn* txn, std::string_view key, epoch_ms expires_at, epoch_ms now,
                          touch_result& out) const;
  [[nodiscard]] int remove(MDB_txn* txn, std::string_view key, epoch_ms now, remove_result& out) const;
  // Looks at up to `limit` of the owner's keys; `more`: there are others.
  struct owner_removal {
    std::uint64_t removed = 0;
    bool more = false;
  };
  [[nodiscard]] int remove_owner(MDB_txn* txn, std::string_view owner, std::string_view except, std::size_t limit,
                                 epoch_ms now, owner_removal& out) const;

  // Drops every session. `count`: how many there were, live or not.
  [[nodiscard]] int clear(MDB_txn* txn, std::uint64_t& removed) const;

  // Looks at up to `steps` due items of the index. `more`: others are due.
  struct swept {
    std::uint64_t dropped = 0;
    bool more = false;
  };
  [[nodiscard]] int sweep(MDB_txn* txn, epoch_ms now, std::size_t steps, swept& out) const;

 private:
  [[nodiscard]] int erase(MDB_txn* txn, std::string_view key, epoch_ms expires_at) const;
  [[nodiscard]] int set_owner(MDB_txn* txn, std::string_view key, std::string_view owner) const;
  // Up to `limit` keys of an owner, live or not, without `except`.
  [[nodiscard]] int owner_items(MDB_txn* txn, std::string_view owner, std::string_view except, std::size_t limit,
                                std::vector<std::string>& keys) const;

  MDB_dbi meta_ = 0;
  MDB_dbi sessions_ = 0;
  MDB_dbi expiry_ = 0;
  MDB_dbi owners_ = 0;
  MDB_dbi owner_of_ = 0;
};

}  // namespace coatcheck
