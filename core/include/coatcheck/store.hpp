// The store contract: what a place that keeps sessions must do. Every store (memory, LMDB, Redis, and
// the ones to come) fulfils exactly this, and one test suite (tests/contract) runs against all of them.
//
// The three outcomes of a read are never mixed up: found, absent, unknown. `unknown` (an outage, a
// deadline, a damaged value) says nothing about the key; whoever gets it must not create or overwrite.
//
// Every write can be a compare-and-set on an etag, an opaque tag of the bytes that were read. A write
// that expects an etag fails with `gone` when the key is not there any more: that is what keeps a
// destroyed session destroyed. `touch` moves the deadline alone: it leaves bytes and etag as they are,
// so it never makes another writer's compare-and-set a conflict.
//
// A key is 1 to 128 bytes of [A-Za-z0-9_-]; `owner` is any string of up to 256 bytes, empty for none.
// `expires_at` is in milliseconds since the epoch; an entry whose time has come reads as absent.
//
// Completions: an operation completes inside the call that asked for it, or later: each for itself, so that a
// store may answer from what it has at hand and ask a server for the rest. Later means on the thread of the
// loop that turns its driver, exactly once, at the latest when the store's operation deadline has passed, also
// when the store is closed. A store without `needs_loop` (store_capabilities) always completes inside the call.
// A key, bytes or owner passed in is copied if it is needed after the call returns.
//
// Thread safety: a store without `needs_loop` may be used from any thread. One that needs a loop belongs to the
// thread of its driver.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "coatcheck/clock.hpp"
#include "coatcheck/error.hpp"
#include "coatcheck/kept_block.hpp"

namespace coatcheck {

// Opaque tag of one stored version. Up to 20 bytes; equal tags mean equal versions.
class etag {
 public:
  static constexpr std::size_t max_size = 20;

  etag() = default;
  explicit etag(std::string_view tag) noexcept : size_(static_cast<std::uint8_t>(std::min(tag.size(), max_size))) {
    if (size_ != 0) std::memcpy(data_.data(), tag.data(), size_);
  }
  [[nodiscard]] std::string_view view() const noexcept { return {data_.data(), size_}; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  friend bool operator==(const etag& a, const etag& b) noexcept { return a.view() == b.view(); }

 private:
  std::array<char, max_size> data_{};
  std::uint8_t size_ = 0;
};

struct stored_value {
  std::string bytes;
  etag tag;
  epoch_ms expires_at = 0;
};

enum class get_status : std::uint8_t { found, absent, unknown };
struct get_result {
  get_status status = get_status::unknown;
  stored_value value;  // when found
  error why;           // when unknown
};

// What a put expects to find. Anything else than `any` makes it a compare-and-set.
struct expectation {
  enum class kind : std::uint8_t { any, absent, match };
  kind what = kind::any;
  etag tag;  // for match

  [[nodiscard]] static expectation anything() noexcept { return {}; }
  [[nodiscard]] static expectation nothing() noexcept { return {kind::absent, {}}; }
  [[nodiscard]] static expectation version(const etag& tag) noexcept { return {kind::match, tag}; }
};

// stored: `tag` is the new version. conflict: another version is there, in `current`. gone: a version was
// expected and the key is absent. unknown: may or may not have been stored.
enum class put_status : std::uint8_t { stored, conflict, gone, unknown };
struct put_result {
  put_status status = put_status::unknown;
  etag tag;              // when stored
  stored_value current;  // when conflict
  error why;             // when unknown
};

enum class touch_status : std::uint8_t { touched, gone, unknown };
struct touch_result {
  touch_status status = touch_status::unknown;
  error why;
};

enum class remove_status : std::uint8_t { removed, absent, unknown };
struct remove_result {
  remove_status status = remove_status::unknown;
  error why;
};

struct keys_result {
  bool known = false;
  std::vector<std::string> keys;
  std::string cursor;  // of scan: pass it to the next call; empty when the scan is complete
  error why;
};

struct count_result {
  bool known = false;
  std::uint64_t count = 0;
  error why;
};

// Of a near-cache since it was opened; entries and bytes are those of now.
struct near_cache_stats {
  std::uint64_t hits = 0;            // reads that were answered at once
  std::uint64_t misses = 0;          // reads that asked the store
  std::uint64_t joined = 0;          // reads that waited for another one's answer, of the same key
  std::uint64_t lease_refusals = 0;  // of the misses: the value was there, but too long ago was the server last heard
  std::uint64_t invalidations = 0;   // changes that the server told of
  std::uint64_t echoes = 0;          // of the invalidations: taken for what was written here
  std::uint64_t evictions = 0;       // for room
  std::uint64_t epoch_bumps = 0;     // everything was dropped: the server's messages were lost, or it was emptied
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;  // of values, keys and bookkeeping; never above max_bytes
  std::uint64_t max_bytes = 0;
  std::string trouble;  // why the server tells of no changes, so that each read asks it; empty: it does
};

struct store_stats {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;      // of values, keys and bookkeeping, as far as the store knows
  std::uint64_t max_bytes = 0;  // 0: not bounded by the store
};
struct stats_result {
  bool known = false;
  store_stats stats;
  error why;
  std::optional<near_cache_stats> near{};  // where there is one, also while the store's own are unknown
};

// Where a result goes. Two words, never allocates; `context` must outlive the operation.
template <class R>
class completion {
 public:
  using function = void (*)(void* context, R&& value);
  completion(function fn, void* context) noexcept : fn_(fn), context_(context) {}
  void operator()(R&& value) const { fn_(context_, std::move(value)); }

 private:
  function fn_;
  void* context_;
};

// Whose records a store keeps. In another package's layout the key is the session's id as it is, and what the engine
// puts is that package's record (docs/formats.md, "Layouts of other packages"); those of Flask-Session and starsessions
// are read on the way in alone (engine_options::migrate_from).
enum class record_layout : std::uint8_t { own, connect_redis, flask_session, starsessions, connect_pg_simple };
// Whether they are express-session's: its JSON, with its cookie.
[[nodiscard]] constexpr bool is_express_layout(record_layout layout) noexcept {
  return layout == record_layout::connect_redis || layout == record_layout::connect_pg_simple;
}

// What a store can do, and what it asks of its host. Constant while the store is open. What a store can't do it answers
// with store_unsupported, unknown: never with a result that looks like one.
struct store_capabilities {
  bool needs_loop = false;      // some operations complete later, on the loop's thread; else all do inside the call
  bool may_block = false;       // a write waits inside the call for something as slow as a disk: a host that holds a
                                // lock of its own around writes lets go of it meanwhile
  bool compare_and_set = true;  // put() with an expectation; the engine needs it
  bool owner_index = true;      // owned_by(), remove_owner()
  bool scan = true;             // scan(), and what stands on it
  bool scan_repeats = false;    // a scan may list a key more than once
  bool expires_itself = false;  // what has expired goes without prune(), which has nothing to do then
  duration_ms expiry_resolution = 1;  // an entry may live for so long after its time
  bool unique_versions = true;        // false: a tag is of the bytes alone, so that equal ones have the same
  record_layout layout = record_layout::own;
  // In another package's layout: how long a session lives whose record names no time, and whether the URL says so.
  duration_ms layout_lifetime = 0;
  bool layout_lifetime_given = false;
};

class store {
 public:
  store() = default;
  store(const store&) = delete;
  store& operator=(const store&) = delete;
  virtual ~store() = default;

  [[nodiscard]] virtual store_capabilities capabilities() const noexcept = 0;

  virtual void get(std::string_view key, completion<get_result> done) = 0;
  // As get(), for whoever can do with a value of a moment ago: a store that is told to may ask a replica
  // (`?read_from=replica`). Absent is never a replica's word. What is written on the strength of it is a
  // compare-and-set. By default get().
  virtual void get_recent(std::string_view key, completion<get_result> done) { get(key, done); }
  virtual void put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
                   std::string_view owner, completion<put_result> done) = 0;
  // Moves the deadline if the key is there; never creates, never changes bytes or etag.
  virtual void touch(std::string_view key, epoch_ms expires_at, completion<touch_result> done) = 0;
  virtual void remove(std::string_view key, completion<remove_result> done) = 0;

  // The live keys that were last put with this owner.
  virtual void owned_by(std::string_view owner, completion<keys_result> done);
  // Removes them all, save `except` (a key; empty: none is spared). Counts what it removed.
  virtual void remove_owner(std::string_view owner, std::string_view except, completion<count_result> done);
  // Removes everything, whoever put it there: sessions, refresh tokens, what other services keep. That logs everybody
  // out, while services run, where deleting a store's file would not. Counts what it removed, of which some may have
  // expired. What is put meanwhile may stay. A remote store gives each page of keys a deadline of its own; when one is
  // unknown the rest stays. By default scan() and remove().
  virtual void clear(completion<count_result> done);
  // Live keys, about `limit` a call, in no order; an entry that is there throughout is seen at least once.
  virtual void scan(std::string_view cursor, std::size_t limit, completion<keys_result> done);
  // Drops up to `limit` entries whose time has come; a store that expires by itself answers 0.
  virtual void prune(std::size_t limit, completion<count_result> done) = 0;
  virtual void stats(completion<stats_result> done) = 0;
  // Known and 1 when the store answers; `why` when it does not.
  virtual void health(completion<count_result> done) = 0;
  // Makes the tables that the store keeps sessions in, or brings those of an older version up to date: once, by whoever
  // sets the service up, not at each start. Doing it again, or from two programs at once, does no harm. `count` is the
  // version that is there now. A store that has no schema answers store_unsupported.
  virtual void create_schema(completion<count_result> done);
  // Ends all work; later and pending operations complete as unknown (store_closed). Idempotent.
  virtual void close() = 0;
};

// Runs one operation of a store without `needs_loop` and returns its result:
//   auto got = complete<get_result>([&](auto done) { s.get(key, done); });
template <class R, class Start>
[[nodiscard]] R complete(Start&& start) {
  R out;
  start(completion<R>([](void* context, R&& value) { *static_cast<R*>(context) = std::move(value); }, &out));
  return out;
}

// Runs one operation of any store. Where it completes inside the call, `now(R&&)` makes the answer of its result. Else
// the answer is `otherwise`, and what `make_later()` gives, a callable, gets the result when it comes, once.
template <class R, class Start, class Now, class MakeLater>
[[nodiscard]] std::invoke_result_t<Now, R&&> complete_or_later(Start&& start, Now&& now,
                                                               std::invoke_result_t<Now, R&&> otherwise,
                                                               MakeLater&& make_later) {
  using later_call = std::invoke_result_t<MakeLater>;
  struct waiting : kept_block<waiting> {
    std::optional<R> early;
    std::optional<later_call> later;
    static void done(void* context, R&& value) {
      auto* const self = static_cast<waiting*>(context);
      if (!self->later) {
        self->early.emplace(std::move(value));
        return;
      }
      later_call then = *std::move(self->later);
      delete self;
      then(std::move(value));
    }
  };
  auto* const one = new waiting;
  start(completion<R>(&waiting::done, one));
  if (!one->early) {
    one->later.emplace(make_later());
    return otherwise;
  }
  const std::unique_ptr<waiting> mine(one);
  return now(std::move(*mine->early));
}

// Encryption at rest: what becomes of records on their way into a store, and of those that are there already.
enum class encryption : std::uint8_t {
  off,
  required,  // sealed; a record that is not is unknown (record_damaged): nobody plants one
  migrate,   // sealed; records from before are read, and sealed at their next write
  prepare,   // not sealed yet, or no longer; what other services seal is read
};

class driver;  // driver.hpp: the host's event loop, as remote stores see it

class key_ring;  // key_ring.hpp

// A cache of a remote store's records in the process, kept in step by the server's own messages. What it promises:
// docs/guide.md, "A near-cache".
struct near_cache_options {
  static constexpr std::size_t least_size = std::size_t{64} << 10;
  static constexpr duration_ms default_max_stale = 2000;

  std::size_t size = 0;                       // bytes, bookkeeping included; least_size or more
  duration_ms max_stale = default_max_stale;  // ms, 50 to 60,000: no read is answered with what is older
};
// From numbers, as hosts have them: bytes, and milliseconds (none: the default). Errors: invalid_option, also for what
// is no whole number.
[[nodiscard]] result<near_cache_options> read_near_cache(double size, std::optional<double> max_stale);

struct store_options {
  const clock* time = nullptr;     // not owned; null: the system clock
  driver* loop = nullptr;          // not owned; for stores that need one (needs_driver)
  const key_ring* keys = nullptr;  // for layers that seal what they keep; copied where it is needed
  // As near_cache= and max_stale= of the URL say it. A store that can't have one refuses it (invalid_option).
  std::optional<near_cache_options> near_cache{};
  bool may_forget = false;  // it is a cache: that its server evicts is no warning (driver::on_warning)
};

// Opens the store that a URL names:
//   memory:            the process-wide memory store, shared by every thread; memory:NAME another one, which is given
//                      back when everybody who opened it has called close().
//                      ?max_bytes=N (default 256 MiB)
//   file:PATH          LMDB file (relative: to the working directory). ?durability=process|disk
//                      (default process), ?map_size=BYTES (default 1 GiB, fixed when the file is made)
//   redis://[user[:password]@]host[:port][/db]  and  redis+unix:///path/to/socket[?db=N]
//                      ?timeout=MS (default 250, 1–60000), ?prefix=P (default "cc:"), ?queue=N; ?db=, ?username= and
//                      ?password= in place of the parts before; ?password_file=PATH, read at each connection.
//                      ?near_cache=BYTES (from 65536) answers reads from the process itself, with what is at most
//                      ?max_stale=MS old (default 2000, 50–60000)
//   rediss://…         redis: over TLS, with ?ca=, ?ca_dir=, ?cert=, ?key= (paths, PEM), ?key_password=,
//                      ?server_name=, ?tls_insecure=1 (nothing is verified). The files are read here, and again once
//                      they have changed
//                      With ?layout=connect-redis: that package's records; ?prefix=sess:, ?ttl=S (default 86400),
//                      ?disableTouch=true, ?disableTTL=true, as there. ?layout=flask-session and ?layout=starsessions:
//                      read on the way in alone (engine_options::migrate_from)
//   memcached://[user:password@]host[:port],host[:port]…  and  memcacheds://…, over TLS, with the parameters of rediss:
//                      ?timeout=, ?prefix=, ?queue= as Redis'; ?weights=N,N… one for each host, ?failover=unknown|move
//   postgresql://[user[:password]@]host[:port][,host…][/database]  and  postgres://…
//                      ?timeout=MS (default 1000, 1–60000), ?queue=N, ?pool=N (connections at most, default 4, 1–64),
//                      ?table=[SCHEMA.]NAME (default coatcheck_sessions), ?prepare=off (behind pgbouncer in transaction
//                      mode), ?idle_timeout=MS (60000; 0: never), ?near_cache= and ?max_stale= as Redis', where
//                      create_schema() was called with them or with ?notify=on (the table tells of its changes), and
//                      libpq's own: sslmode, sslrootcert, application_name, target_session_attrs, … Needs libpq 14 or
//                      later (libpq.so.5), and its table: create_schema() below. Of several hosts the one that takes
//                      writes is used. With ?layout=connect-pg-simple: that package's rows; ?table=session, ?ttl=S
//                      (default 86400), ?disableTouch=true, as there. Needs PostgreSQL 11 or later
//   redis+sentinel://[user[:password]@]host[:port],host…/NAME[?db=N]
//                      the master that these sentinels call NAME, followed as they switch. Default port 26379;
//                      ?sentinel_user= and ?sentinel_password= of the sentinels themselves; else as redis:
//   redis+cluster://[user[:password]@]host[:port],host…
//                      a Redis cluster, of which these are some nodes; else as redis:, in database 0
//                      Of both, ?read_from=replica (default master): a session is read from a replica that is in step,
//                      and from the master where there is none or it does not have it. Such a read may be out of date
//   rediss+sentinel://…  and  rediss+cluster://…
//                      the same over TLS, with the parameters of rediss:; each server must be who it was announced as,
//                      or ?server_name=. ?sentinel_tls=false: the sentinels themselves listen without it
// Before a URL may stand layers, the outermost first, each with a colon:
//   counted:URL        counts how operations end
//   encrypted:URL      seals each record under the service's keys (store_options::keys) before the store sees it; also
//                      encrypted+migrate: and encrypted+prepare: (encryption)
// A cache may stand before an origin (cached.hpp): cached:URL|URL, or with options, cached(ttl=MS,…):URL|URL; a bar
// within a URL is written %7C.
// Percent-encoding works in user, password, path and values. Unknown schemes and parameters are refused.
[[nodiscard]] result<std::shared_ptr<store>> open_store(std::string_view url, const store_options& options = {});

// `url` with the layer before it that `how` asks for: every host's option to encrypt is this. A URL that has one
// already stays as it is, where it is of the same kind. Errors: invalid_option (it is of another).
[[nodiscard]] result<std::string> encrypted_url(std::string_view url, encryption how);

// `url` without such layers: for what needs no keys (clear, prune, stats).
[[nodiscard]] std::string unencrypted_url(std::string_view url);
// The SQL that create_schema() runs for this URL: for those who run migrations of their own. Nothing is connected.
// Errors: invalid_url; store_unsupported: the store has no schema.
[[nodiscard]] result<std::string> schema_sql(std::string_view url);

// Whether `url` names a store that needs a driver (store_capabilities::needs_loop).
[[nodiscard]] result<bool> needs_driver(std::string_view url);

}  // namespace coatcheck
