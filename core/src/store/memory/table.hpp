// The data of one memory store: sharded by key, bounded in bytes, with an owner index and an expiry index.
//
// Bound: key, value, owner and bookkeeping of every entry count. When a write does not fit, what has expired is
// dropped; if that is not enough the write fails (store_full). A live session is never dropped to make room.
//
// Expiry index: a heap per shard of (time, entry), where time <= the entry's deadline. A later deadline leaves the
// index as it is; whoever finds the item due puts it back at the true time. So a touch costs no index work, and
// dropping what is due costs O(due · log n).
//
// Pauses: what a call does is bounded by what it is about, not by what the store holds, save that a shard's buckets are
// doubled now and then (docs/decisions/0047).
//
// Thread safety: every method may be called from any thread. Lock order: the shard of a key, then that of its owner.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "coatcheck/store.hpp"

#include "store/memory/index.hpp"

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
  static constexpr unsigned shard_bits = 5;
  static constexpr std::size_t shard_count = std::size_t{1} << shard_bits;

  struct alignas(64) shard {
    mutable std::mutex lock;
    memory_map entries{shard_bits};
    memory_due due;
  };
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };
  struct owner_shard {
    mutable std::mutex lock;
    std::unordered_map<std::string, std::unordered_set<const memory_record*>, text_hash, std::equal_to<>> records;
  };
  static constexpr std::size_t owner_shard_count = 16;

  [[nodiscard]] static std::size_t hash_of(std::string_view key) noexcept { return text_hash{}(key); }
  [[nodiscard]] shard& shard_of(std::size_t hash) noexcept { return shards_[hash >> (64 - shard_bits)]; }
  [[nodiscard]] const shard& shard_of(std::size_t hash) const noexcept { return shards_[hash >> (64 - shard_bits)]; }
  [[nodiscard]] owner_shard& owners_of(std::string_view owner) const noexcept {
    return owners_[text_hash{}(owner) % owner_shard_count];
  }
  [[nodiscard]] bool reserve(std::uint64_t before, std::uint64_t after) noexcept;

  // All of these with the shard's lock held.
  void link_owner(const memory_record& record);
  void unlink_owner(const memory_record& record);
  memory_record::pointer take(shard& in, memory_record& record);
  static void set_deadline(shard& in, memory_record& record, epoch_ms expires_at) noexcept;
  // Drops up to `limit` entries, looking at up to `steps` items of the index.
  std::uint64_t drop_due(shard& in, epoch_ms now, std::size_t limit, std::size_t steps);

  const std::uint64_t max_bytes_;
  std::atomic<std::uint64_t> bytes_{0};
  std::array<shard, shard_count> shards_;
  mutable std::array<owner_shard, owner_shard_count> owners_;
};

}  // namespace coatcheck
