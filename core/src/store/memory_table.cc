// The data of one memory store.
#include "store/memory_table.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "store/envelope.hpp"

namespace coatcheck {
namespace {

// Looked at on each put to a shard, so that expired entries go without anybody calling prune.
constexpr std::size_t due_per_put = 4;
// Hash nodes, bucket slots and index nodes of one entry, about.
constexpr std::uint64_t owner_overhead = 64;

std::string scan_cursor(std::size_t shard, std::size_t hash) {
  std::string out(18, '0');
  static constexpr char digits[] = "0123456789abcdef";
  out[0] = digits[shard];
  out[1] = '-';
  for (std::size_t i = 17; i > 1; --i, hash >>= 4) out[i] = digits[hash & 15];
  return out;
}

bool parse_cursor(std::string_view text, std::size_t& shard, std::size_t& hash) {
  if (text.size() != 18 || text[1] != '-') return false;
  const auto whole = [](std::string_view part, std::size_t& out) {
    const auto [end, failed] = std::from_chars(part.data(), part.data() + part.size(), out, 16);
    return failed == std::errc() && end == part.data() + part.size();
  };
  return whole(text.substr(0, 1), shard) && whole(text.substr(2), hash);
}

}  // namespace

std::uint64_t memory_table::cost(std::size_t key, std::size_t bytes, std::size_t owner) noexcept {
  constexpr std::uint64_t overhead = sizeof(item) + 96;
  return overhead + key + bytes + (owner != 0 ? owner + owner_overhead : 0);
}

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

void memory_table::link_owner(const std::string& key, const std::string& owner) {
  if (owner.empty()) return;
  auto& in = owners_of(owner);
  const std::lock_guard hold(in.lock);
  in.keys[owner].insert(&key);
}

void memory_table::unlink_owner(const std::string& key, const std::string& owner) {
  if (owner.empty()) return;
  auto& in = owners_of(owner);
  const std::lock_guard hold(in.lock);
  const auto at = in.keys.find(owner);
  if (at == in.keys.end()) return;
  at->second.erase(&key);
  if (at->second.empty()) in.keys.erase(at);
}

void memory_table::erase(shard& in, entry_map::iterator at) {
  unlink_owner(at->first, at->second.owner);
  in.due.erase({at->second.indexed_at, &*at});
  (void)reserve(cost(at->first.size(), at->second.bytes.size(), at->second.owner.size()), 0);
  in.entries.erase(at);
}

void memory_table::set_deadline(shard& in, item& what, epoch_ms expires_at) {
  what.second.expires_at = expires_at;
  if (expires_at >= what.second.indexed_at) return;
  in.due.erase({what.second.indexed_at, &what});
  what.second.indexed_at = expires_at;
  in.due.emplace(expires_at, &what);
}

std::uint64_t memory_table::drop_due(shard& in, epoch_ms now, std::size_t limit, std::size_t steps) {
  std::uint64_t dropped = 0;
  for (; dropped < limit && steps > 0 && !in.due.empty() && in.due.begin()->first <= now; --steps) {
    item& what = *in.due.begin()->second;
    if (what.second.expires_at <= now) {
      erase(in, in.entries.find(std::string_view(what.first)));
      ++dropped;
      continue;
    }
    auto node = in.due.extract(in.due.begin());
    what.second.indexed_at = what.second.expires_at;
    node.value().first = what.second.indexed_at;
    in.due.insert(std::move(node));
  }
  return dropped;
}

void memory_table::get(std::string_view key, epoch_ms now, get_result& out) const {
  const auto wanted = hash_of(key);
  const auto& in = shards_[shard_of(wanted.hash)];
  const std::lock_guard hold(in.lock);
  const auto at = in.entries.find(wanted);
  if (at == in.entries.end() || at->second.expires_at <= now) {
    out.status = get_status::absent;
    return;
  }
  out.status = get_status::found;
  out.value.bytes = at->second.bytes;
  out.value.tag = at->second.tag;
  out.value.expires_at = at->second.expires_at;
}

put_result memory_table::put(std::string_view key, std::string_view bytes, epoch_ms expires_at,
                             const expectation& expect, std::string_view owner, epoch_ms now) {
  put_result out;
  const auto wanted = hash_of(key);
  auto& in = shards_[shard_of(wanted.hash)];
  // Copied before the lock is taken, and the old ones are freed after it is given back.
  entry fresh{std::string(bytes), std::string(owner), make_etag(), expires_at, 0};
  if (fresh.tag.empty()) {
    out.why = {errc::random_failed, "the system gives no random bytes for a version tag"};
    return out;
  }
  for (int attempt = 0; attempt < 2; ++attempt) {
    {
      const std::lock_guard hold(in.lock);
      (void)drop_due(in, now, due_per_put, due_per_put);
      auto at = in.entries.find(wanted);
      if (at != in.entries.end() && at->second.expires_at <= now) {
        erase(in, at);
        at = in.entries.end();
      }
      const bool present = at != in.entries.end();
      if (!present && expect.what == expectation::kind::match) {
        out.status = put_status::gone;
        return out;
      }
      if (present && (expect.what == expectation::kind::absent ||
                      (expect.what == expectation::kind::match && !(at->second.tag == expect.tag)))) {
        out.status = put_status::conflict;
        out.current = {at->second.bytes, at->second.tag, at->second.expires_at};
        return out;
      }
      const auto before = present ? cost(key.size(), at->second.bytes.size(), at->second.owner.size()) : 0;
      if (reserve(before, cost(key.size(), bytes.size(), owner.size()))) {
        if (present) {
          if (at->second.owner != owner) {
            unlink_owner(at->first, at->second.owner);
            link_owner(at->first, fresh.owner);
          }
          at->second.bytes.swap(fresh.bytes);
          at->second.owner.swap(fresh.owner);
          at->second.tag = fresh.tag;
          set_deadline(in, *at, expires_at);
        } else {
          fresh.indexed_at = expires_at;
          at = in.entries.emplace(std::string(key), std::move(fresh)).first;
          in.due.emplace(expires_at, &*at);
          link_owner(at->first, at->second.owner);
        }
        out.status = put_status::stored;
        out.tag = at->second.tag;
        return out;
      }
    }
    if (attempt == 0) (void)prune(std::numeric_limits<std::size_t>::max(), now);
  }
  out.why = {errc::store_full, "the memory store is full (max_bytes=" + std::to_string(max_bytes_) +
                                   "): nothing in it has expired. Raise max_bytes, or use a file: or redis: store"};
  return out;
}

touch_status memory_table::touch(std::string_view key, epoch_ms expires_at, epoch_ms now) {
  const auto wanted = hash_of(key);
  auto& in = shards_[shard_of(wanted.hash)];
  const std::lock_guard hold(in.lock);
  const auto at = in.entries.find(wanted);
  if (at == in.entries.end() || at->second.expires_at <= now) return touch_status::gone;
  set_deadline(in, *at, expires_at);
  return touch_status::touched;
}

remove_status memory_table::remove(std::string_view key, epoch_ms now) {
  const auto wanted = hash_of(key);
  auto& in = shards_[shard_of(wanted.hash)];
  const std::lock_guard hold(in.lock);
  const auto at = in.entries.find(wanted);
  if (at == in.entries.end()) return remove_status::absent;
  const bool live = at->second.expires_at > now;
  erase(in, at);
  return live ? remove_status::removed : remove_status::absent;
}

std::vector<std::string> memory_table::owned_by(std::string_view owner, epoch_ms now) const {
  std::vector<std::string> keys;
  {
    const auto& in = owners_of(owner);
    const std::lock_guard hold(in.lock);
    const auto at = in.keys.find(owner);
    if (at == in.keys.end()) return keys;
    keys.reserve(at->second.size());
    for (const auto* key : at->second) keys.push_back(*key);
  }
  // Between the two locks an entry may have gone or changed hands.
  std::erase_if(keys, [&](const std::string& key) {
    const auto wanted = hash_of(key);
    const auto& in = shards_[shard_of(wanted.hash)];
    const std::lock_guard hold(in.lock);
    const auto at = in.entries.find(wanted);
    return at == in.entries.end() || at->second.expires_at <= now || at->second.owner != owner;
  });
  return keys;
}

std::uint64_t memory_table::remove_owner(std::string_view owner, std::string_view except, epoch_ms now) {
  std::uint64_t removed = 0;
  for (const auto& key : owned_by(owner, now)) {
    if (key == except) continue;
    const auto wanted = hash_of(key);
    auto& in = shards_[shard_of(wanted.hash)];
    const std::lock_guard hold(in.lock);
    const auto at = in.entries.find(wanted);
    if (at == in.entries.end() || at->second.owner != owner) continue;
    removed += at->second.expires_at > now ? 1 : 0;
    erase(in, at);
  }
  return removed;
}

std::uint64_t memory_table::clear() {
  std::uint64_t removed = 0;
  for (auto& in : shards_) {
    const std::lock_guard hold(in.lock);
    removed += in.entries.size();
    while (!in.entries.empty()) erase(in, in.entries.begin());
  }
  return removed;
}

// Goes through the shards in order, and through a shard in the order of hashes: that order does not depend on
// what is added or removed between two calls. A call looks at a whole shard and gives the `limit` lowest hashes.
keys_result memory_table::scan(std::string_view cursor, std::size_t limit, epoch_ms now) const {
  keys_result out;
  std::size_t first = 0;
  std::size_t last_hash = 0;
  bool resumed = !cursor.empty();
  if (resumed && !parse_cursor(cursor, first, last_hash)) {
    out.why = bad_cursor_error();
    return out;
  }
  limit = std::max<std::size_t>(limit, 1);
  for (std::size_t i = first; i < shard_count; ++i, resumed = false) {
    const auto& in = shards_[i];
    const std::lock_guard hold(in.lock);
    std::vector<std::pair<std::size_t, const std::string*>> live;
    for (const auto& [key, value] : in.entries) {
      const auto hash = in.entries.hash_function()(key);
      if (value.expires_at > now && (!resumed || hash > last_hash)) live.emplace_back(hash, &key);
    }
    const auto room = limit - out.keys.size();
    if (live.size() > room) {
      const auto edge = live.begin() + static_cast<std::ptrdiff_t>(room) - 1;
      std::nth_element(live.begin(), edge, live.end());
      const auto hash = edge->first;
      for (const auto& [h, key] : live)
        if (h <= hash) out.keys.push_back(*key);
      out.cursor = scan_cursor(i, hash);
      break;
    }
    for (const auto& [h, key] : live) out.keys.push_back(*key);
    if (out.keys.size() >= limit && i + 1 < shard_count) {
      out.cursor = scan_cursor(i, std::numeric_limits<std::size_t>::max());
      break;
    }
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
