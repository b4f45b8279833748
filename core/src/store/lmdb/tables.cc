// The operations on a store file inside one transaction.
#include "store/lmdb/tables.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <memory>

#include "store/envelope.hpp"

namespace coatcheck {
namespace {

error damaged_error() { return {errc::record_damaged, "the store holds a damaged entry under this key: remove it"}; }

MDB_val val(std::string_view text) noexcept { return {text.size(), const_cast<char*>(text.data())}; }
std::string_view text(const MDB_val& v) noexcept { return {static_cast<const char*>(v.mv_data), v.mv_size}; }

// A key of `expiry` or `owners`, put together on the stack: at most 2 + 256 + 128 bytes.
class item_key {
 public:
  static item_key expiry(epoch_ms at, std::string_view key) noexcept {
    item_key out;
    auto bits = static_cast<std::uint64_t>(std::clamp<epoch_ms>(at, 0, envelope::max_expiry));
    for (std::size_t i = expiry_prefix; i-- > 0; bits >>= 8) out.data_[i] = static_cast<char>(bits & 255);
    out.size_ = expiry_prefix;
    out.append(key);
    return out;
  }
  static item_key owner(std::string_view owner, std::string_view key) noexcept {
    item_key out;
    out.data_[0] = static_cast<char>(owner.size() >> 8);
    out.data_[1] = static_cast<char>(owner.size() & 255);
    out.size_ = owner_prefix;
    out.append(owner);
    out.append(key);
    return out;
  }
  [[nodiscard]] std::string_view view() const noexcept { return {data_.data(), size_}; }

  static constexpr std::size_t expiry_prefix = 8;
  static constexpr std::size_t owner_prefix = 2;

  static epoch_ms time_of(std::string_view item) noexcept {
    epoch_ms at = 0;
    for (const char c : item.substr(0, expiry_prefix)) at = (at << 8) | static_cast<unsigned char>(c);
    return at;
  }

 private:
  void append(std::string_view part) noexcept {
    if (!part.empty()) std::memcpy(data_.data() + size_, part.data(), part.size());
    size_ += part.size();
  }
  std::array<char, owner_prefix + max_owner_size + max_key_size> data_;
  std::size_t size_ = 0;
};

struct close_cursor {
  void operator()(MDB_cursor* c) const noexcept { mdb_cursor_close(c); }
};
using cursor_handle = std::unique_ptr<MDB_cursor, close_cursor>;

int open_cursor(MDB_txn* txn, MDB_dbi table, cursor_handle& out) {
  MDB_cursor* raw = nullptr;
  const int rc = mdb_cursor_open(txn, table, &raw);
  out.reset(raw);
  return rc;
}

int get_raw(MDB_txn* txn, MDB_dbi table, std::string_view key, MDB_val& out) {
  auto k = val(key);
  return mdb_get(txn, table, &k, &out);
}

int put_raw(MDB_txn* txn, MDB_dbi table, std::string_view key, std::string_view value) {
  auto k = val(key);
  auto v = val(value);
  return mdb_put(txn, table, &k, &v, 0);
}

// Deleting what is not there is no error.
int delete_raw(MDB_txn* txn, MDB_dbi table, std::string_view key) {
  auto k = val(key);
  const int rc = mdb_del(txn, table, &k, nullptr);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

// What is stored under a key: nothing, an entry (live or expired), or bytes that are none.
struct record {
  bool present = false;
  bool damaged = false;
  envelope::view entry;

  [[nodiscard]] bool live(epoch_ms now) const noexcept { return present && !damaged && entry.expires_at > now; }
};

int read_record(MDB_txn* txn, MDB_dbi sessions, std::string_view key, record& out) {
  MDB_val v{};
  const int rc = get_raw(txn, sessions, key, v);
  if (rc == MDB_NOTFOUND) return 0;
  if (rc != 0) return rc;
  out.present = true;
  const auto entry = envelope::decode(text(v));
  out.damaged = !entry;
  if (entry) out.entry = *entry;
  return 0;
}

}  // namespace

int lmdb_tables::open(MDB_txn* txn, unsigned flags) {
  const std::pair<const char*, MDB_dbi*> tables[] = {
      {"meta", &meta_}, {"sessions", &sessions_}, {"expiry", &expiry_}, {"owners", &owners_}, {"owner_of", &owner_of_}};
  static_assert(std::size(tables) == count);
  for (const auto& [name, handle] : tables)
    if (const int rc = mdb_dbi_open(txn, name, flags, handle); rc != 0) return rc;
  return 0;
}

int lmdb_tables::write_meta(MDB_txn* txn, std::string_view name, std::string_view value) const {
  return put_raw(txn, meta_, name, value);
}

int lmdb_tables::read_meta(MDB_txn* txn, std::string_view name, std::string_view& value) const {
  MDB_val v{};
  const int rc = get_raw(txn, meta_, name, v);
  if (rc == 0) value = text(v);
  return rc;
}

int lmdb_tables::get(MDB_txn* txn, std::string_view key, epoch_ms now, get_result& out) const {
  record found;
  if (const int rc = read_record(txn, sessions_, key, found); rc != 0) return rc;
  if (found.damaged) {
    out.why = damaged_error();
  } else if (!found.live(now)) {
    out.status = get_status::absent;
  } else {
    out.status = get_status::found;
    out.value.bytes.assign(found.entry.bytes);
    out.value.tag = etag(found.entry.tag);
    out.value.expires_at = found.entry.expires_at;
  }
  return 0;
}

int lmdb_tables::put(MDB_txn* txn, std::string_view key, std::string_view bytes, epoch_ms expires_at,
                     const expectation& expect, std::string_view owner, const etag& tag, epoch_ms now, lmdb_room& room,
                     put_result& out) const {
  record old;
  if (const int rc = read_record(txn, sessions_, key, old); rc != 0) return rc;
  const bool live = old.live(now);
  if (old.damaged && expect.what != expectation::kind::any) {
    out.why = damaged_error();
    return 0;
  }
  if (!live && expect.what == expectation::kind::match) {
    out.status = put_status::gone;
    return 0;
  }
  if (live && (expect.what == expectation::kind::absent ||
               (expect.what == expectation::kind::match && expect.tag.view() != old.entry.tag))) {
    out.status = put_status::conflict;
    out.current = envelope::to_value(old.entry);
    return 0;
  }

  // An item at the old deadline or before is in the index already; a later deadline needs no other one.
  const bool indexed = old.present && !old.damaged && old.entry.expires_at <= expires_at;
  const auto old_size = old.present && !old.damaged ? old.entry.bytes.size() : 0;
  if (!old.present || bytes.size() > old_size) {
    if (const int rc = room.ask(bytes.size() - old_size); rc != 0) return rc;
  }
  auto k = val(key);
  MDB_val v{envelope::header_size + bytes.size(), nullptr};
  if (const int rc = mdb_put(txn, sessions_, &k, &v, MDB_RESERVE); rc != 0) return rc;
  auto* at = static_cast<char*>(v.mv_data);
  envelope::write_header(expires_at, tag.view(), at);
  if (!bytes.empty()) std::memcpy(at + envelope::header_size, bytes.data(), bytes.size());
  if (!indexed) {
    const int rc = put_raw(txn, expiry_, item_key::expiry(expires_at, key).view(), {});
    if (rc != 0) return rc;
  }
  if (const int rc = set_owner(txn, key, owner); rc != 0) return rc;
  out.status = put_status::stored;
  out.tag = tag;
  return 0;
}

int lmdb_tables::touch(MDB_txn* txn, std::string_view key, epoch_ms expires_at, epoch_ms now, touch_result& out) const {
  record old;
  if (const int rc = read_record(txn, sessions_, key, old); rc != 0) return rc;
  if (old.damaged) {
    out.why = damaged_error();
    return 0;
  }
  if (!old.live(now)) {
    out.status = touch_status::gone;
    return 0;
  }
  const bool indexed = old.entry.expires_at <= expires_at;
  // A copy: the page under the view may be the one that the put below rewrites.
  std::string whole;
  whole.reserve(envelope::header_size + old.entry.bytes.size());
  whole.resize(envelope::header_size);
  envelope::write_header(expires_at, old.entry.tag, whole.data());
  whole.append(old.entry.bytes);
  if (const int rc = put_raw(txn, sessions_, key, whole); rc != 0) return rc;
  if (!indexed) {
    const int rc = put_raw(txn, expiry_, item_key::expiry(expires_at, key).view(), {});
    if (rc != 0) return rc;
  }
  out.status = touch_status::touched;
  return 0;
}

int lmdb_tables::remove(MDB_txn* txn, std::string_view key, epoch_ms now, remove_result& out) const {
  record old;
  if (const int rc = read_record(txn, sessions_, key, old); rc != 0) return rc;
  out.status = old.live(now) || old.damaged ? remove_status::removed : remove_status::absent;
  return old.present ? erase(txn, key, old.damaged ? 0 : old.entry.expires_at) : 0;
}

// Where the session was touched its index item is elsewhere, and goes when it is due.
int lmdb_tables::erase(MDB_txn* txn, std::string_view key, epoch_ms expires_at) const {
  // `key` and the record's view lie in pages that these calls may rewrite: copy first.
  const std::string copy(key);
  if (const int rc = delete_raw(txn, sessions_, copy); rc != 0) return rc;
  if (const int rc = delete_raw(txn, expiry_, item_key::expiry(expires_at, copy).view()); rc != 0) return rc;
  return set_owner(txn, copy, {});
}

int lmdb_tables::set_owner(MDB_txn* txn, std::string_view key, std::string_view owner) const {
  MDB_val v{};
  int rc = get_raw(txn, owner_of_, key, v);
  if (rc != 0 && rc != MDB_NOTFOUND) return rc;
  const std::string old(rc == 0 ? text(v) : std::string_view());
  if (old == owner) return 0;
  if (!old.empty()) {
    rc = delete_raw(txn, owners_, item_key::owner(old, key).view());
    if (rc != 0) return rc;
  }
  if (owner.empty()) return delete_raw(txn, owner_of_, key);
  rc = put_raw(txn, owners_, item_key::owner(owner, key).view(), {});
  return rc != 0 ? rc : put_raw(txn, owner_of_, key, owner);
}

int lmdb_tables::owner_items(MDB_txn* txn, std::string_view owner, std::string_view except, std::size_t limit,
                             std::vector<std::string>& keys) const {
  if (owner.empty()) return 0;
  cursor_handle cursor;
  if (const int rc = open_cursor(txn, owners_, cursor); rc != 0) return rc;
  const auto prefix = item_key::owner(owner, {});
  auto k = val(prefix.view());
  MDB_val v{};
  int rc = mdb_cursor_get(cursor.get(), &k, &v, MDB_SET_RANGE);
  while (rc == 0 && keys.size() < limit && text(k).starts_with(prefix.view())) {
    const auto key = text(k).substr(prefix.view().size());
    if (key != except) keys.emplace_back(key);
    rc = mdb_cursor_get(cursor.get(), &k, &v, MDB_NEXT);
  }
  return rc == MDB_NOTFOUND ? 0 : rc;
}

int lmdb_tables::owned_by(MDB_txn* txn, std::string_view owner, epoch_ms now, std::vector<std::string>& out) const {
  std::vector<std::string> keys;
  if (const int rc = owner_items(txn, owner, {}, std::numeric_limits<std::size_t>::max(), keys); rc != 0) return rc;
  for (auto& key : keys) {
    record found;
    if (const int rc = read_record(txn, sessions_, key, found); rc != 0) return rc;
    if (found.live(now)) out.push_back(std::move(key));
  }
  return 0;
}

int lmdb_tables::remove_owner(MDB_txn* txn, std::string_view owner, std::string_view except, std::size_t limit,
                              epoch_ms now, owner_removal& out) const {
  out = {};
  std::vector<std::string> keys;
  if (const int rc = owner_items(txn, owner, except, limit, keys); rc != 0) return rc;
  out.more = keys.size() == limit;
  for (const auto& key : keys) {
    remove_result one;
    if (const int rc = remove(txn, key, now, one); rc != 0) return rc;
    out.removed += one.status == remove_status::removed ? 1 : 0;
  }
  return 0;
}

int lmdb_tables::scan(MDB_txn* txn, std::string_view after, std::size_t limit, epoch_ms now, keys_result& out) const {
  limit = std::max<std::size_t>(limit, 1);
  cursor_handle cursor;
  if (const int rc = open_cursor(txn, sessions_, cursor); rc != 0) return rc;
  auto k = val(after);
  MDB_val v{};
  int rc = mdb_cursor_get(cursor.get(), &k, &v, after.empty() ? MDB_FIRST : MDB_SET_RANGE);
  if (rc == 0 && !after.empty() && text(k) == after) rc = mdb_cursor_get(cursor.get(), &k, &v, MDB_NEXT);
  for (; rc == 0 && out.keys.size() < limit; rc = mdb_cursor_get(cursor.get(), &k, &v, MDB_NEXT)) {
    const auto entry = envelope::decode(text(v));
    if (entry && entry->expires_at > now) out.keys.emplace_back(text(k));
  }
  if (rc != 0 && rc != MDB_NOTFOUND) return rc;
  if (rc == 0) out.cursor = out.keys.back();
  out.known = true;
  return 0;
}

int lmdb_tables::stats(MDB_txn* txn, store_stats& out) const {
  for (const auto table : {meta_, sessions_, expiry_, owners_, owner_of_}) {
    MDB_stat s{};
    if (const int rc = mdb_stat(txn, table, &s); rc != 0) return rc;
    out.bytes += s.ms_psize * (s.ms_branch_pages + s.ms_leaf_pages + s.ms_overflow_pages);
    if (table == sessions_) out.entries = s.ms_entries;
  }
  return 0;
}

int lmdb_tables::clear(MDB_txn* txn, std::uint64_t& removed) const {
  MDB_stat s{};
  if (const int rc = mdb_stat(txn, sessions_, &s); rc != 0) return rc;
  removed = s.ms_entries;
  for (const auto table : {sessions_, expiry_, owners_, owner_of_})
    if (const int rc = mdb_drop(txn, table, 0); rc != 0) return rc;
  return 0;
}

int lmdb_tables::sweep(MDB_txn* txn, epoch_ms now, std::size_t steps, swept& out) const {
  cursor_handle cursor;
  if (const int rc = open_cursor(txn, expiry_, cursor); rc != 0) return rc;
  for (;; --steps) {
    MDB_val k{};
    MDB_val v{};
    int rc = mdb_cursor_get(cursor.get(), &k, &v, MDB_FIRST);
    if (rc != 0) return rc == MDB_NOTFOUND ? 0 : rc;
    const auto item = text(k);
    if (item.size() <= item_key::expiry_prefix || item.size() > item_key::expiry_prefix + max_key_size)
      return MDB_CORRUPTED;
    if (item_key::time_of(item) > now) return 0;
    if (steps == 0) {
      out.more = true;
      return 0;
    }
    const auto due = item_key::expiry(item_key::time_of(item), item.substr(item_key::expiry_prefix));
    const auto key = due.view().substr(item_key::expiry_prefix);
    record found;
    if (rc = read_record(txn, sessions_, key, found); rc != 0) return rc;
    if (rc = delete_raw(txn, expiry_, due.view()); rc != 0) return rc;
    if (found.live(now)) {
      rc = put_raw(txn, expiry_, item_key::expiry(found.entry.expires_at, key).view(), {});
    } else if (found.present) {
      rc = erase(txn, key, found.damaged ? 0 : found.entry.expires_at);
      ++out.dropped;
    }
    if (rc != 0) return rc;
  }
}

}  // namespace coatcheck
