// The data of one memory store.
#include "store/memory/table.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "store/envelope.hpp"

namespace coatcheck {
namespace {

// Looked at on each put to a shard, so that expired entries go without anybody calling prune.
constexpr std::size_t due_per_put = 4;
// Dropped at a time, of what has expired, until a write fits.
constexpr std::size_t dropped_at_once = 64;
// The allocation, its place in a bucket and in the expiry index, about.
constexpr std::uint64_t record_overhead = sizeof(memory_record) + 48;
constexpr std::uint64_t owner_overhead = 112;

std::uint64_t cost(const memory_record& record) noexcept {
  const auto owner = record.owner().size();
  return record_overhead + record.key().size() + record.bytes().size() + (owner != 0 ? 2 * owner + owner_overhead : 0);
}

// A cursor is the hash that the next call begins at: the shard is in it.
std::string scan_cursor(std::size_t hash) {
  std::string out(16, '0');
  static constexpr char digits[] = "0123456789abcdef";
  for (std::size_t i = out.size(); i > 0; hash >>= 4) out[--i] = digits[hash & 15];
  return out;
}

bool parse_cursor(std::string_view text, std::size_t& hash) {
  if (text.size() != 16) return false;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), hash, 16);
  return failed == std::errc() && end == text.data() + text.size();
}

stored_value value_of(const memory_record& record) {
  return {std::string(record.bytes()), record.tag(), record.expires_at};
}

}  // namespace

bool memory_table::reserve(std::uint64_t before, std::uint64_t after) noexcept {
  if (after <= before) {
    bytes_.fetch_sub(before - after, std::memory_order_relaxed);
    return true;
  }
  const auto more = after - before;
  auto used = bytes_.load(std::memory_order_relaxed);
  do {
    if (more > max_bytes_ || used > max_bytes_ - more) return false;
  } while (!bytes_.compare_exchange_weak(used, used + more, std::memory_order_relaxed));
  return true;
}

void memory_table::link_owner(const memory_record& record) {
  if (record.owner().empty()) return;
  auto& in = owners_of(record.owner());
  const std::lock_guard hold(in.lock);
  in.records[std::string(record.owner())].insert(&record);
}

void memory_table::unlink_owner(const memory_record& record) {
  if (record.owner().empty()) return;
  auto& in = owners_of(record.owner());
  const std::lock_guard hold(in.lock);
  const auto at = in.records.find(record.owner());
  if (at == in.records.end()) return;
  at->second.erase(&record);
  if (at->second.empty()) in.records.erase(at);
}

memory_record::pointer memory_table::take(shard& in, memory_record& record) {
  unlink_owner(record);
  in.due.remove(record);
  (void)reserve(cost(record), 0);
  return in.entries.take(record);
}

void memory_table::set_deadline(shard& in, memory_record& record, epoch_ms expires_at) noexcept {
  record.expires_at = expires_at;
  if (expires_at < in.due.time_of(record)) in.due.move(record, expires_at);
}

std::uint64_t memory_table::drop_due(shard& in, epoch_ms now, std::size_t limit, std::size_t steps) {
  std::uint64_t dropped = 0;
  for (; dropped < limit && steps > 0 && !in.due.empty(); --steps) {
    const auto [at, record] = in.due.first();
    if (at > now) break;
    if (record->expires_at <= now) {
      (void)take(in, *record);
      ++dropped;
    } else {
      in.due.move(*record, record->expires_at);
    }
  }
  return dropped;
}

void memory_table::get(std::string_view key, epoch_ms now, get_result& out) const {
  const auto hash = hash_of(key);
  const auto& in = shard_of(hash);
  const std::lock_guard hold(in.lock);
  const auto* found = in.entries.find(key, hash);
  if (found == nullptr || found->expires_at <= now) {
    out.status = get_status::absent;
    return;
  }
  out.status = get_status::found;
  out.value = value_of(*found);
}

put_result memory_table::put(std::string_view key, std::string_view bytes, epoch_ms expires_at,
                             const expectation& expect, std::string_view owner, epoch_ms now) {
  put_result out;
  const auto hash = hash_of(key);
  auto& in = shard_of(hash);
  const auto tag = make_etag();
  if (tag.empty()) {
    out.why = {errc::random_failed, "the system gives no random bytes for a version tag"};
    return out;
  }
  // Made before the lock is taken, and the old one is freed after it is given back.
  auto fresh = memory_record::make(key, hash, owner, bytes, tag, expires_at);
  memory_record::pointer old;
  do {
    const std::lock_guard hold(in.lock);
    (void)drop_due(in, now, due_per_put, due_per_put);
    auto* found = in.entries.find(key, hash);
    if (found != nullptr && found->expires_at <= now) {
      old = take(in, *found);
      found = nullptr;
    }
    if (found == nullptr && expect.what == expectation::kind::match) {
      out.status = put_status::gone;
      return out;
    }
    if (found != nullptr && (expect.what == expectation::kind::absent ||
                             (expect.what == expectation::kind::match && !(found->tag() == expect.tag)))) {
      out.status = put_status::conflict;
      out.current = value_of(*found);
      return out;
    }
    if (reserve(found != nullptr ? cost(*found) : 0, cost(*fresh))) {
      link_owner(*fresh);
      if (found != nullptr) {
        unlink_owner(*found);
        in.due.replace(*found, *fresh);
        set_deadline(in, *fresh, expires_at);
        old = in.entries.replace(*found, std::move(fresh));
      } else {
        in.due.insert(expires_at, *fresh);
        in.entries.insert(std::move(fresh));
      }
      out.status = put_status::stored;
      out.tag = tag;
      return out;
    }
    // No more than what makes it fit: a million that have expired are not dropped in one call.
  } while (prune(dropped_at_once, now) > 0);
  out.why = {errc::store_full, "the memory store is full (max_bytes=" + std::to_string(max_bytes_) +
                                   "): nothing in it has expired. Raise max_bytes, or use a file: or redis: store"};
  return out;
}

touch_status memory_table::touch(std::string_view key, epoch_ms expires_at, epoch_ms now) {
  const auto hash = hash_of(key);
  auto& in = shard_of(hash);
  const std::lock_guard hold(in.lock);
  auto* found = in.entries.find(key, hash);
  if (found == nullptr || found->expires_at <= now) return touch_status::gone;
  set_deadline(in, *found, expires_at);
  return touch_status::touched;
}

remove_status memory_table::remove(std::string_view key, epoch_ms now) {
  const auto hash = hash_of(key);
  auto& in = shard_of(hash);
  memory_record::pointer old;
  const std::lock_guard hold(in.lock);
  auto* found = in.entries.find(key, hash);
  if (found == nullptr) return remove_status::absent;
  old = take(in, *found);
  return old->expires_at > now ? remove_status::removed : remove_status::absent;
}

std::vector<std::string> memory_table::owned_by(std::string_view owner, epoch_ms now) const {
  std::vector<std::string> keys;
  {
    const auto& in = owners_of(owner);
    const std::lock_guard hold(in.lock);
    const auto at = in.records.find(owner);
    if (at == in.records.end()) return keys;
    keys.reserve(at->second.size());
    for (const auto* record : at->second) keys.emplace_back(record->key());
  }
  // Between the two locks an entry may have gone or changed hands.
  std::erase_if(keys, [&](const std::string& key) {
    const auto hash = hash_of(key);
    const auto& in = shard_of(hash);
    const std::lock_guard hold(in.lock);
    const auto* found = in.entries.find(key, hash);
    return found == nullptr || found->expires_at <= now || found->owner() != owner;
  });
  return keys;
}

std::uint64_t memory_table::remove_owner(std::string_view owner, std::string_view except, epoch_ms now) {
  std::uint64_t removed = 0;
  for (const auto& key : owned_by(owner, now)) {
    if (key == except) continue;
    const auto hash = hash_of(key);
    auto& in = shard_of(hash);
    const std::lock_guard hold(in.lock);
    auto* found = in.entries.find(key, hash);
    if (found == nullptr || found->owner() != owner) continue;
    removed += take(in, *found)->expires_at > now ? 1 : 0;
  }
  return removed;
}

std::uint64_t memory_table::clear() {
  std::uint64_t removed = 0;
  for (auto& in : shards_) {
    const std::lock_guard hold(in.lock);
    std::size_t from = 0;
    in.entries.walk(
        from, [] { return false; },
        [&](const memory_record& record) {
          unlink_owner(record);
          (void)reserve(cost(record), 0);
          ++removed;
        });
    in.due.clear();
    in.entries.clear();
  }
  return removed;
}

// Goes through the shards and their buckets in the order of hashes, which does not depend on what is added or removed
// between two calls.
keys_result memory_table::scan(std::string_view cursor, std::size_t limit, epoch_ms now) const {
  keys_result out;
  std::size_t from = 0;
  if (!cursor.empty() && !parse_cursor(cursor, from)) {
    out.why = bad_cursor_error();
    return out;
  }
  limit = std::max<std::size_t>(limit, 1);
  std::size_t looked_at = 0;  // expired ones, too: they cost as much
  for (std::size_t i = from >> (64 - shard_bits); i < shard_count; ++i) {
    const auto& in = shards_[i];
    const std::lock_guard hold(in.lock);
    if (looked_at < limit || in.entries.size() == 0) {
      if (!in.entries.walk(
              from, [&] { return looked_at >= limit; },
              [&](const memory_record& record) {
                ++looked_at;
                if (record.expires_at > now) out.keys.emplace_back(record.key());
              })) {
        from = (i + 1) << (64 - shard_bits);
        continue;
      }
    }
    out.cursor = scan_cursor(from);
    break;
  }
  out.known = true;
  return out;
}

std::uint64_t memory_table::prune(std::size_t limit, epoch_ms now) {
  std::uint64_t dropped = 0;
  for (auto& in : shards_) {
    if (dropped >= limit) break;
    const std::lock_guard hold(in.lock);
    dropped += drop_due(in, now, limit - dropped, std::numeric_limits<std::size_t>::max());
  }
  return dropped;
}

store_stats memory_table::stats() const {
  store_stats out{0, bytes_.load(std::memory_order_relaxed), max_bytes_};
  for (const auto& in : shards_) {
    const std::lock_guard hold(in.lock);
    out.entries += in.entries.size();
  }
  return out;
}

void memory_table::lock_all() {
  for (auto& in : shards_) in.lock.lock();
  for (auto& in : owners_) in.lock.lock();
}

void memory_table::unlock_all() {
  for (auto& in : owners_) in.lock.unlock();
  for (auto& in : shards_) in.lock.unlock();
}

}  // namespace coatcheck
