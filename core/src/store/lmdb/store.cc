// Sessions in one LMDB file: the store contract on top of an environment.
#include "store/lmdb/store.hpp"

#include <algorithm>
#include <atomic>
#include <vector>

#include "crypto/random.hpp"
#include "store/envelope.hpp"
#include "store/lmdb/errors.hpp"
#include "store/lmdb/registry.hpp"

namespace coatcheck {
namespace {

class lmdb_store final : public store {
 public:
  lmdb_store(lmdb_env* env, lmdb_options options, const clock& time)
      : path_(env->file().path), options_(options), time_(time), on_disk_(env->safety() == durability::disk) {
    seats_.push_back(std::make_unique<seat>(env));
    seat_.store(seats_.back().get(), std::memory_order_release);
  }
  ~lmdb_store() override { close(); }

  // An environment's durability is that of whoever opened it first in this process, so the URL alone does not say it.
  store_capabilities capabilities() const noexcept override { return {.may_block = on_disk_}; }

  void get(std::string_view key, completion<get_result> done) override {
    get_result out;
    if (key_allowed(key, out)) {
      read(out, [&](lmdb_env& env, MDB_txn* txn) { return env.tables().get(txn, key, time_.now(), out); });
    }
    done(std::move(out));
  }

  void put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
           std::string_view owner, completion<put_result> done) override {
    put_result out;
    if (key_allowed(key, out) && owner_allowed(owner, out)) {
      const auto tag = make_etag();
      if (tag.empty()) {
        out.why = {errc::random_failed, "the system gives no random bytes for a version tag"};
      } else {
        write(out, [&](lmdb_env& env, MDB_txn* txn, epoch_ms now) {
          return env.tables().put(txn, key, bytes, expires_at, expect, owner, tag, now, env.room(), out);
        });
      }
    }
    done(std::move(out));
  }

  void touch(std::string_view key, epoch_ms expires_at, completion<touch_result> done) override {
    touch_result out;
    if (key_allowed(key, out)) {
      write(out, [&](lmdb_env& env, MDB_txn* txn, epoch_ms now) {
        return env.tables().touch(txn, key, expires_at, now, out);
      });
    }
    done(std::move(out));
  }

  void remove(std::string_view key, completion<remove_result> done) override {
    remove_result out;
    if (key_allowed(key, out)) {
      write(out, [&](lmdb_env& env, MDB_txn* txn, epoch_ms now) { return env.tables().remove(txn, key, now, out); });
    }
    done(std::move(out));
  }

  void owned_by(std::string_view owner, completion<keys_result> done) override {
    keys_result out;
    if (owner_allowed(owner, out)) {
      read(out, [&](lmdb_env& env, MDB_txn* txn) {
        const int rc = env.tables().owned_by(txn, owner, time_.now(), out.keys);
        out.known = rc == 0;
        return rc;
      });
    }
    done(std::move(out));
  }

  void remove_owner(std::string_view owner, std::string_view except, completion<count_result> done) override {
    count_result out;
    if (owner_allowed(owner, out) && (except.empty() || key_allowed(except, out))) {
      in_slices(out, [&](lmdb_env& env, MDB_txn* txn, epoch_ms now, bool& more) {
        lmdb_tables::owner_removal slice;
        const int rc = env.tables().remove_owner(txn, owner, except, keys_per_slice, now, slice);
        out.count = slice.removed;
        more = slice.more;
        return rc;
      });
    }
    done(std::move(out));
  }

  void clear(completion<count_result> done) override {
    count_result out;
    write(
        out,
        [&](lmdb_env& env, MDB_txn* txn, epoch_ms) {
          const int rc = env.tables().clear(txn, out.count);
          out.known = rc == 0;
          return rc;
        },
        sweeping::none);
    done(std::move(out));
  }

  void scan(std::string_view cursor, std::size_t limit, completion<keys_result> done) override {
    keys_result out;
    if (!cursor.empty() && !valid_key(cursor)) {
      out.why = bad_cursor_error();
    } else {
      read(out, [&](lmdb_env& env, MDB_txn* txn) { return env.tables().scan(txn, cursor, limit, time_.now(), out); });
    }
    done(std::move(out));
  }

  void prune(std::size_t limit, completion<count_result> done) override {
    count_result out{limit == 0, 0, {}};
    auto left = limit;
    if (limit > 0) {
      in_slices(out, [&](lmdb_env& env, MDB_txn* txn, epoch_ms now, bool& more) {
        lmdb_tables::swept slice;
        const int rc = env.tables().sweep(txn, now, std::min(left, keys_per_slice), slice);
        out.count = slice.dropped;
        left -= static_cast<std::size_t>(slice.dropped);
        more = slice.more && left > 0;
        return rc;
      });
    }
    done(std::move(out));
  }

  void stats(completion<stats_result> done) override {
    stats_result out;
    read(out, [&](lmdb_env& env, MDB_txn* txn) {
      const int rc = env.tables().stats(txn, out.stats);
      out.stats.max_bytes = env.map_size();
      out.known = rc == 0;
      return rc;
    });
    done(std::move(out));
  }

  void health(completion<count_result> done) override {
    count_result out;
    read(out, [&](lmdb_env& env, MDB_txn*) {
      const int rc = env.look();
      if (rc == 0) out = {true, 1, {}};
      return rc;
    });
    done(std::move(out));
  }

  void close() override {
    const auto hold = lmdb_registry::hold_renewals();
    closed_.store(true, std::memory_order_release);
    shut(*seat_.load(std::memory_order_acquire));
  }

 private:
  enum class sweeping { alongside, none };

  static constexpr std::size_t keys_per_slice = 64;

  // In flight operations, counted in twos; the lowest bit says that no other one may begin.
  static constexpr std::uint32_t closed_bit = 1;
  static constexpr std::uint32_t one_user = 2;

  // What the store holds of an environment. It takes another one after fork, and when the file was lost.
  struct seat {
    explicit seat(lmdb_env* of) noexcept : env(of), generation(of->generation()) {}
    lmdb_env* const env;
    const unsigned generation;  // of the process that env belongs to
    std::atomic<std::uint32_t> state{0};
    std::atomic<bool> given_back{false};
  };

  template <class R>
  static bool key_allowed(std::string_view key, R& out) {
    if (valid_key(key)) return true;
    out.why = bad_key_error();
    return false;
  }
  template <class R>
  static bool owner_allowed(std::string_view owner, R& out) {
    if (owner.size() <= max_owner_size) return true;
    out.why = bad_owner_error();
    return false;
  }

  template <class R, class Work>
  void read(R& out, Work&& work) {
    auto* at = enter(out.why);
    if (at == nullptr) return;
    const int rc = at->env->read([&](MDB_txn* txn) { return work(*at->env, txn); });
    leave(*at);
    if (rc != 0) fail(out, rc, "read");
  }

  template <class R, class Work>
  void write(R& out, Work&& work, sweeping sweep = sweeping::alongside) {
    auto* at = enter(out.why);
    if (at == nullptr) return;
    const auto now = time_.now();
    // An operation may run more than once: each time from the beginning.
    const int rc = at->env->write(sweep == sweeping::alongside ? now : 0, [&](MDB_txn* txn) {
      out = R{};
      return work(*at->env, txn, now);
    });
    leave(*at);
    if (rc != 0) fail(out, no_space_or(rc, path_), "write");
  }

  // One transaction per slice, so that other writers get their turn, and a large removal does not need many free
  // pages at once. `work` counts into `out` what it did; the sum is there at the end.
  template <class Work>
  void in_slices(count_result& out, Work&& work) {
    std::uint64_t total = 0;
    for (bool more = true; more; total += out.count) {
      write(
          out,
          [&](lmdb_env& env, MDB_txn* txn, epoch_ms now) {
            out.known = true;
            return work(env, txn, now, more);
          },
          sweeping::none);
      if (!out.known) return;
    }
    out.count = total;
  }

  template <class R>
  void fail(R& out, int code, const char* doing) {
    out = R{};
    out.why = lmdb_error(code, path_, doing);
  }

  // The environment to work with, kept open until leave(); null, with the reason, when there is none.
  seat* enter(error& why) {
    for (;;) {
      auto* const at = seat_.load(std::memory_order_acquire);
      if (at->generation != crypto::fork_generation()) {
        if (!renew(*at, why)) return nullptr;
        continue;
      }
      // Entered before it is asked anything: a closed one was given back, and may be gone.
      if ((at->state.fetch_add(one_user, std::memory_order_acquire) & closed_bit) == 0) {
        if (!at->env->lost()) return at;
        leave(*at);
        if (!renew(*at, why)) return nullptr;
        continue;
      }
      leave(*at);
      if (closed_.load(std::memory_order_acquire)) {
        why = closed_error();
        return nullptr;
      }
    }
  }

  static void leave(seat& at) noexcept {
    if (at.state.fetch_sub(one_user, std::memory_order_acq_rel) == one_user + closed_bit) give_back(at);
  }
  static void shut(seat& at) noexcept {
    if ((at.state.fetch_or(closed_bit, std::memory_order_acq_rel) >> 1) == 0) give_back(at);
  }
  static void give_back(seat& at) noexcept {
    if (at.generation != crypto::fork_generation()) return;
    if (!at.given_back.exchange(true, std::memory_order_acq_rel)) lmdb_registry::release(at.env);
  }

  // Opens the path again: in a child of fork, and once after each time that the file was lost.
  bool renew(seat& old, error& why) {
    const auto hold = lmdb_registry::hold_renewals();
    if (closed_.load(std::memory_order_acquire)) {
      why = closed_error();
      return false;
    }
    if (seat_.load(std::memory_order_acquire) != &old) return true;  // another thread did
    auto opened = lmdb_registry::acquire(path_, options_);
    if (!opened) {
      why = opened.error();
      return false;
    }
    seats_.push_back(std::make_unique<seat>(*opened));
    seat_.store(seats_.back().get(), std::memory_order_release);
    shut(old);
    return true;
  }

  const std::string path_;
  const lmdb_options options_;
  const clock& time_;
  const bool on_disk_;
  std::atomic<bool> closed_{false};
  std::atomic<seat*> seat_{nullptr};
  std::vector<std::unique_ptr<seat>> seats_;  // old ones too, while somebody may look at them; with hold_renewals()
};

}  // namespace

result<std::shared_ptr<store>> open_lmdb_store(const parsed_url& url, const store_options& options) {
  if (!url.host.empty() || !url.user.empty() || url.has_password)
    return {errc::invalid_url, "store URL: file: takes no host: write file:./sessions or file:///var/lib/sessions"};
  if (auto ok = url.only({"durability", "map_size"}); !ok) return ok.error();
  lmdb_options wanted;
  if (url.parameter("map_size")) {
    auto size = url.number("map_size", default_map_size, min_map_size, max_map_size);
    if (!size) return size.error();
    wanted.map_size = *size;
  }
  if (const auto text = url.parameter("durability")) {
    if (*text != "process" && *text != "disk")
      return {errc::invalid_url, "store URL: parameter 'durability' must be process or disk"};
    wanted.safety = *text == "disk" ? durability::disk : durability::process;
  }
  auto env = lmdb_registry::acquire(url.path, wanted);
  if (!env) return env.error();
  return std::shared_ptr<store>(
      std::make_shared<lmdb_store>(*env, wanted, options.time != nullptr ? *options.time : system_clock()));
}

}  // namespace coatcheck
