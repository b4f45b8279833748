// The data of one memory store: sharded by key, bounded in bytes, with an owner index and an expiry index.
//
// Bound: key, value, owner and bookkeeping of every entry count. When a write does not fit, what has expired is
// dropped; if that is not enough the write fails (store_full). A live session is never dropped to make room.
//
// Expiry index: an ordered set per shard of (time, entry), where time <= the entry's deadline. A later deadline
// leaves the index as it is; whoever finds the item due puts it back at the true time. So a touch costs no index
// work, and dropping what is due costs O(due · log n).
//
// Thread safety: every method may be called from any thread. Lock order: the shard of a key, then that of its owner.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "coatcheck/store.hpp"

namespace coatcheck {

class memory_table {
 public:
  explicit memory_table(std::uint64_t max_bytes) noexcept : max_bytes_(max_bytes) {}
  memory_table(const memory_table&) = delete;
  memory_table& operator=(const memory_table&) = delete;

  [[nodiscard]] std::uint64_t max_bytes() const noexcept { return max_bytes_; }

  // As in the store contract; `now` is the caller's clock. Keys and owners were checked by the caller.
  void get(std::string_view key, epoch_ms now, get_result& out) const;
  [[nodiscard]] put_result put(std::string_view key, std::string_view bytes, epoch_ms expires_at,
                               const expectation& expect, std::string_view owner, epoch_ms now);
  [[nodiscard]] touch_status touch(std::string_view key, epoch_ms expires_at, epoch_ms now);
  [[nodiscard]] remove_status remove(std::string_view key, epoch_ms now);
  [[nodiscard]] std::vector<std::string> owned_by(std::string_view owner, epoch_ms now) const;
  [[nodiscard]] std::uint64_t remove_owner(std::string_view owner, std::string_view except, epoch_ms now);
  std::uint64_t clear();
  [[nodiscard]] keys_result scan(std::string_view cursor, std::size_t limit, epoch_ms now) const;
  [[nodiscard]] std::uint64_t prune(std::size_t limit, epoch_ms now);
  [[nodiscard]] store_stats stats() const;

  // For fork: takes every lock, so that the child's copy is whole and none is held for ever.
  void lock_all();
  void unlock_all();

 private:
  struct entry {
    std::string bytes;
    std::string owner;
    etag tag;
    epoch_ms expires_at = 0;
    epoch_ms indexed_at = 0;  // where it is in the expiry index
  };
  // A key whose hash was computed already: it also chose the shard.
  struct hashed {
    std::string_view key;
    std::size_t hash;
  };
  struct key_hash {
    using is_transparent = void;
    // Not noexcept, so that libstdc++ keeps the hash in the node and compares it before the key.
    std::size_t operator()(std::string_view key) const { return std::hash<std::string_view>{}(key); }
    std::size_t operator()(const hashed& key) const { return key.hash; }
  };
  struct key_equal {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const noexcept { return a == b; }
    bool operator()(const hashed& a, std::string_view b) const noexcept { return a.key == b; }
    bool operator()(std::string_view a, const hashed& b) const noexcept { return a == b.key; }
  };
  using entry_map = std::unordered_map<std::string, entry, key_hash, key_equal>;
  using item = entry_map::value_type;  // its address is stable

  struct alignas(64) shard {
    mutable std::mutex lock;
    entry_map entries;
    std::set<std::pair<epoch_ms, item*>> due;
  };
  struct alignas(64) owner_shard {
    mutable std::mutex lock;
    std::unordered_map<std::string, std::unordered_set<const std::string*>, key_hash, key_equal> keys;
  };
  static constexpr std::size_t shard_count = 16;

  [[nodiscard]] static hashed hash_of(std::string_view key) { return {key, key_hash{}(key)}; }
  [[nodiscard]] static std::size_t shard_of(std::size_t hash) noexcept { return hash >> 60; }
  [[nodiscard]] owner_shard& owners_of(std::string_view owner) const { return owners_[shard_of(key_hash{}(owner))]; }
  [[nodiscard]] static std::uint64_t cost(std::size_t key, std::size_t bytes, std::size_t owner) noexcept;
  [[nodiscard]] bool reserve(std::uint64_t before, std::uint64_t after) noexcept;

  // All of these with the shard's lock held.
  void link_owner(const std::string& key, const std::string& owner);
  void unlink_owner(const std::string& key, const std::string& owner);
  void erase(shard& in, entry_map::iterator at);
  void set_deadline(shard& in, item& what, epoch_ms expires_at);
  // Drops up to `limit` entries, looking at up to `steps` items of the index.
  std::uint64_t drop_due(shard& in, epoch_ms now, std::size_t limit, std::size_t steps);

  const std::uint64_t max_bytes_;
  std::atomic<std::uint64_t> bytes_{0};
  std::array<shard, shard_count> shards_;
  mutable std::array<owner_shard, shard_count> owners_;
};

}  // namespace coatcheck
