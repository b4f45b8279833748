// SIEVE over a hash table: see near_table.hpp.
#include "store/layers/near_table.hpp"

#include <algorithm>
#include <utility>

namespace coatcheck {
namespace {

constexpr std::size_t usual_entry = 1024;  // for the buckets that are made at the start
constexpr std::size_t most_buckets = std::size_t{1} << 20;
constexpr std::size_t of_allocation = 16;  // what the allocator keeps for itself, about

std::size_t heap_of(const std::string& text) noexcept {
  static const std::size_t in_place = std::string().capacity();
  return text.capacity() > in_place ? text.capacity() + 1 + of_allocation : 0;
}

}  // namespace

near_table::near_table(std::size_t max_bytes) : max_bytes_(max_bytes) {
  // So that it is never rehashed at once while it grows; above that, seldom.
  map_.max_load_factor(2);
  map_.reserve(std::min(max_bytes / usual_entry, most_buckets));
}

near_entry* near_table::find(std::string_view key) {
  const auto at = map_.find(key);
  if (at == map_.end()) return nullptr;
  if (at->second.epoch != epoch_) {
    erase(at);
    return nullptr;
  }
  return &at->second;
}

near_entry* near_table::keep(std::string_view key, stored_value&& value, bool found, steady_ms until) {
  auto at = map_.find(key);
  const bool asked = at != map_.end() && at->second.asked;
  if (at != map_.end()) erase(at);
  // A string that was read has room to spare at times: it would be paid for.
  if (value.bytes.capacity() > value.bytes.size() + value.bytes.size() / 4) value.bytes.shrink_to_fit();
  const std::size_t name = key.size() + 1 + of_allocation;
  const std::size_t cost = sizeof(map::value_type) + 3 * sizeof(void*) + of_allocation + name + heap_of(value.bytes);
  if (cost > max_bytes_ / 8) return nullptr;
  make_room(cost);
  at = map_.try_emplace(std::string(key)).first;
  near_entry& made = at->second;
  made.value = std::move(value);
  made.found = found;
  made.until = until;
  made.epoch = epoch_;
  made.cost = cost;
  made.key = at->first;
  made.asked = asked;
  made.older = newest_;
  (newest_ != nullptr ? newest_->newer : oldest_) = &made;
  newest_ = &made;
  bytes_ += cost;
  return &made;
}

bool near_table::drop(std::string_view key) {
  const auto at = map_.find(key);
  if (at == map_.end()) return false;
  erase(at);
  return true;
}

void near_table::clear() {
  map_.clear();
  newest_ = oldest_ = hand_ = nullptr;
  bytes_ = 0;
  ++epoch_;
}

void near_table::erase(map::iterator at) {
  near_entry& gone = at->second;
  if (hand_ == &gone) hand_ = gone.newer;
  (gone.newer != nullptr ? gone.newer->older : newest_) = gone.older;
  (gone.older != nullptr ? gone.older->newer : oldest_) = gone.newer;
  bytes_ -= gone.cost;
  map_.erase(at);
}

// Each step either drops an entry or takes a flag back that a hit has set.
void near_table::make_room(std::size_t bytes) {
  while (bytes_ + bytes > max_bytes_) {
    near_entry* const one = hand_ != nullptr ? hand_ : oldest_;
    hand_ = one->newer;
    if (one->asked && one->epoch == epoch_) {
      one->asked = false;
      continue;
    }
    if (one->epoch == epoch_) ++evictions_;
    erase(map_.find(one->key));
  }
}

}  // namespace coatcheck
