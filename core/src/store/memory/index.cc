// A shard's records by key and by time.
#include "store/memory/index.hpp"

#include <algorithm>

namespace coatcheck {
namespace {

constexpr unsigned first_bucket_bits = 3;
constexpr std::size_t branches = 4;

}  // namespace

void memory_map::clear() noexcept {
  for (auto*& at : buckets_) {
    while (at != nullptr) at = memory_record::pointer(at)->next;
  }
  size_ = 0;
}

memory_record* memory_map::find(std::string_view key, std::size_t hash) const noexcept {
  if (buckets_.empty()) return nullptr;
  auto* at = buckets_[bucket_of(hash)];
  while (at != nullptr && (at->hash() != hash || at->key() != key)) at = at->next;
  return at;
}

void memory_map::insert(memory_record::pointer record) {
  if (size_ == buckets_.size()) grow();
  auto& bucket = buckets_[bucket_of(record->hash())];
  record->next = bucket;
  bucket = record.release();
  ++size_;
}

memory_record** memory_map::link_to(const memory_record& record) noexcept {
  auto* link = &buckets_[bucket_of(record.hash())];
  while (*link != &record) link = &(*link)->next;
  return link;
}

memory_record::pointer memory_map::replace(memory_record& old, memory_record::pointer fresh) noexcept {
  fresh->next = old.next;
  *link_to(old) = fresh.release();
  return memory_record::pointer(&old);
}

memory_record::pointer memory_map::take(memory_record& record) noexcept {
  *link_to(record) = record.next;
  --size_;
  return memory_record::pointer(&record);
}

std::size_t memory_map::first_hash_of(std::size_t i, std::size_t of) const noexcept {
  const auto shard = of >> (64 - shard_bits_) << (64 - shard_bits_);
  return shard | (bucket_bits_ == 0 ? 0 : i << (64 - bucket_bits_) >> shard_bits_);
}

// Each bucket's records go to two neighbours.
void memory_map::grow() {
  const auto bits = buckets_.empty() ? first_bucket_bits : bucket_bits_ + 1;
  std::vector<memory_record*> before(std::size_t{1} << bits, nullptr);
  before.swap(buckets_);
  bucket_bits_ = bits;
  for (auto* at : before) {
    while (at != nullptr) {
      auto& bucket = buckets_[bucket_of(at->hash())];
      auto* next = at->next;
      at->next = bucket;
      bucket = at;
      at = next;
    }
  }
}

void memory_due::place(std::size_t i, item what) noexcept {
  items_[i] = what;
  what.what->due_at = static_cast<std::uint32_t>(i);
}

// Puts an item where it belongs, beginning at the free place `i`.
void memory_due::settle(std::size_t i, item what) noexcept {
  for (; i > 0; i = (i - 1) / branches) {
    const auto& above = items_[(i - 1) / branches];
    if (above.at <= what.at) break;
    place(i, above);
  }
  for (;;) {
    const auto begin = items_.begin() + static_cast<std::ptrdiff_t>(std::min(i * branches + 1, items_.size()));
    const auto end = items_.begin() + static_cast<std::ptrdiff_t>(std::min(i * branches + 1 + branches, items_.size()));
    const auto least = std::min_element(begin, end, [](const item& a, const item& b) { return a.at < b.at; });
    if (least == end || least->at >= what.at) break;
    place(i, *least);
    i = static_cast<std::size_t>(least - items_.begin());
  }
  place(i, what);
}

void memory_due::insert(epoch_ms at, memory_record& record) {
  items_.push_back({at, &record});
  settle(items_.size() - 1, {at, &record});
}

void memory_due::move(memory_record& record, epoch_ms at) noexcept { settle(record.due_at, {at, &record}); }

void memory_due::replace(const memory_record& old, memory_record& fresh) noexcept {
  place(old.due_at, {items_[old.due_at].at, &fresh});
}

void memory_due::remove(const memory_record& record) noexcept {
  const auto last = items_.back();
  items_.pop_back();
  if (last.what != &record) settle(record.due_at, last);
}

}  // namespace coatcheck
