// The two indexes of a shard of a memory store: by key and by time. Neither allocates for an entry: the first threads
// its chains through the records, the second is one array.
//
// Thread safety: none; the shard's lock is held by the caller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "store/memory/record.hpp"

namespace coatcheck {

// Records by key. It owns them. Buckets are in the order of hashes, so that a walk that ends at a bucket's end goes on
// from there whatever is added or removed meanwhile, also when there are more buckets by then.
class memory_map {
 public:
  // `shard_bits`: how many of a hash's first bits chose the shard, the same for all that are in here.
  explicit memory_map(unsigned shard_bits) noexcept : shard_bits_(shard_bits) {}
  memory_map(const memory_map&) = delete;
  memory_map& operator=(const memory_map&) = delete;
  ~memory_map() { clear(); }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // Null when it is not there.
  [[nodiscard]] memory_record* find(std::string_view key, std::size_t hash) const noexcept;
  // The key must not be there.
  void insert(memory_record::pointer record);
  // Puts a record of the same key in the place of `old`, which the caller gets.
  [[nodiscard]] memory_record::pointer replace(memory_record& old, memory_record::pointer fresh) noexcept;
  [[nodiscard]] memory_record::pointer take(memory_record& record) noexcept;
  void clear() noexcept;

  // Calls `see` with each record of whole buckets from hash `from` on, until `enough()`. False: that was the last.
  // `from` is then where the next walk begins.
  template <class Enough, class See>
  bool walk(std::size_t& from, const Enough& enough, const See& see) const {
    if (buckets_.empty()) return false;
    for (std::size_t i = bucket_of(from); i < buckets_.size(); ++i) {
      if (enough()) {
        from = first_hash_of(i, from);
        return true;
      }
      for (auto* at = buckets_[i]; at != nullptr; at = at->next) see(*at);
    }
    return false;
  }

 private:
  [[nodiscard]] std::size_t bucket_of(std::size_t hash) const noexcept {
    return bucket_bits_ == 0 ? 0 : (hash << shard_bits_) >> (64 - bucket_bits_);
  }
  // The lowest hash of bucket `i`, in the shard that `of` is in.
  [[nodiscard]] std::size_t first_hash_of(std::size_t i, std::size_t of) const noexcept;
  [[nodiscard]] memory_record** link_to(const memory_record& record) noexcept;
  void grow();

  const unsigned shard_bits_;
  unsigned bucket_bits_ = 0;
  std::size_t size_ = 0;
  std::vector<memory_record*> buckets_;  // none, or 2 to the power of bucket_bits_
};

// Records by time: a heap of four branches. Each record knows its place, so that it can be moved or taken out.
class memory_due {
 public:
  [[nodiscard]] bool empty() const noexcept { return items_.empty(); }
  // The earliest time, and its record.
  [[nodiscard]] std::pair<epoch_ms, memory_record*> first() const noexcept { return {items_[0].at, items_[0].what}; }
  [[nodiscard]] epoch_ms time_of(const memory_record& record) const noexcept { return items_[record.due_at].at; }

  void insert(epoch_ms at, memory_record& record);
  void move(memory_record& record, epoch_ms at) noexcept;
  void replace(const memory_record& old, memory_record& fresh) noexcept;
  void remove(const memory_record& record) noexcept;
  void clear() noexcept { items_.clear(); }

 private:
  struct item {
    epoch_ms at;
    memory_record* what;
  };
  void place(std::size_t i, item what) noexcept;
  void settle(std::size_t i, item what) noexcept;

  std::vector<item> items_;
};

}  // namespace coatcheck
