// A handle on one of the process's memory stores.
#include "store/memory/store.hpp"

#include <atomic>

#include "store/envelope.hpp"
#include "store/memory/registry.hpp"

namespace coatcheck {
namespace {

constexpr std::uint64_t min_memory_bytes = 4096;

// The checks that every operation makes first.
template <class R>
bool refused(R& out, bool closed, bool good_key) {
  if (closed) {
    out.why = closed_error();
  } else if (!good_key) {
    out.why = bad_key_error();
  } else {
    return false;
  }
  return true;
}

class memory_store final : public store {
 public:
  memory_store(std::string name, std::shared_ptr<memory_table> table, const clock& time)
      : name_(std::move(name)), table_(std::move(table)), time_(time) {}

  store_capabilities capabilities() const noexcept override { return {}; }

  void get(std::string_view key, completion<get_result> done) override {
    get_result out;
    if (!refused(out, closed(), valid_key(key))) table_->get(key, time_.now(), out);
    done(std::move(out));
  }

  void put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
           std::string_view owner, completion<put_result> done) override {
    put_result out;
    if (!refused(out, closed(), valid_key(key))) {
      if (owner.size() > max_owner_size) {
        out.why = bad_owner_error();
      } else {
        out = table_->put(key, bytes, expires_at, expect, owner, time_.now());
      }
    }
    done(std::move(out));
  }

  void touch(std::string_view key, epoch_ms expires_at, completion<touch_result> done) override {
    touch_result out;
    if (!refused(out, closed(), valid_key(key))) out.status = table_->touch(key, expires_at, time_.now());
    done(std::move(out));
  }

  void remove(std::string_view key, completion<remove_result> done) override {
    remove_result out;
    if (!refused(out, closed(), valid_key(key))) out.status = table_->remove(key, time_.now());
    done(std::move(out));
  }

  void owned_by(std::string_view owner, completion<keys_result> done) override {
    keys_result out;
    if (!refused(out, closed(), true)) {
      out.known = owner.size() <= max_owner_size;
      if (out.known) {
        out.keys = table_->owned_by(owner, time_.now());
      } else {
        out.why = bad_owner_error();
      }
    }
    done(std::move(out));
  }

  void remove_owner(std::string_view owner, std::string_view except, completion<count_result> done) override {
    count_result out;
    if (!refused(out, closed(), except.empty() || valid_key(except))) {
      out.known = owner.size() <= max_owner_size;
      if (out.known) {
        out.count = table_->remove_owner(owner, except, time_.now());
      } else {
        out.why = bad_owner_error();
      }
    }
    done(std::move(out));
  }

  void clear(completion<count_result> done) override {
    count_result out;
    if (!refused(out, closed(), true)) out = {true, table_->clear(), {}};
    done(std::move(out));
  }

  void scan(std::string_view cursor, std::size_t limit, completion<keys_result> done) override {
    keys_result out;
    if (!refused(out, closed(), true)) out = table_->scan(cursor, limit, time_.now());
    done(std::move(out));
  }

  void prune(std::size_t limit, completion<count_result> done) override {
    count_result out;
    if (!refused(out, closed(), true)) out = {true, table_->prune(limit, time_.now()), {}};
    done(std::move(out));
  }

  void stats(completion<stats_result> done) override {
    stats_result out;
    if (!refused(out, closed(), true)) out = {true, table_->stats(), {}};
    done(std::move(out));
  }

  void health(completion<count_result> done) override {
    count_result out;
    if (!refused(out, closed(), true)) out = {true, 1, {}};
    done(std::move(out));
  }

  void close() override {
    if (!closed_.exchange(true, std::memory_order_acq_rel)) close_memory_table(name_);
  }

 private:
  bool closed() const noexcept { return closed_.load(std::memory_order_relaxed); }

  const std::string name_;
  const std::shared_ptr<memory_table> table_;
  const clock& time_;
  std::atomic<bool> closed_{false};
};

}  // namespace

result<std::shared_ptr<store>> open_memory_store(const parsed_url& url, const store_options& options) {
  if (url.has_authority) return {errc::invalid_url, "store URL: memory: takes a name, not '//': write memory:NAME"};
  if (!url.path.empty() && !valid_key(url.path))
    return {errc::invalid_url, "store URL: a memory store's name is up to 128 letters, digits, '-' and '_'"};
  if (auto ok = url.only({"max_bytes"}); !ok) return ok.error();
  auto bytes = url.number("max_bytes", default_memory_bytes, min_memory_bytes, 1ULL << 46);
  if (!bytes) return bytes.error();
  auto table = open_memory_table(url.path, url.parameter("max_bytes") ? std::optional(*bytes) : std::nullopt);
  if (!table) return table.error();
  return std::shared_ptr<store>(std::make_shared<memory_store>(
      url.path, *std::move(table), options.time != nullptr ? *options.time : system_clock()));
}

}  // namespace coatcheck
