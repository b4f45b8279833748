// The cache-aside store, put together.
#include "store/cached/store.hpp"

#include <charconv>
#include <utility>

#include "store/cached/read.hpp"
#include "store/cached/write.hpp"

namespace coatcheck {
namespace {

constexpr duration_ms longest_ttl = 30LL * 24 * 3'600'000;
constexpr duration_ms longest_absent = 60'000;
constexpr duration_ms longest_stale = 7LL * 24 * 3'600'000;
constexpr duration_ms longest_wait = 60'000;

class cache_aside_store final : public cached_store {
 public:
  explicit cache_aside_store(std::shared_ptr<tier> in) : tier_(std::move(in)) {}
  ~cache_aside_store() override { tier_->close(); }

  [[nodiscard]] const cached_counts& counts() const noexcept override { return tier_->counts; }

  [[nodiscard]] store_capabilities capabilities() const noexcept override {
    auto can = tier_->origin->capabilities();
    const auto cache = tier_->cache->capabilities();
    can.needs_loop |= cache.needs_loop;
    can.may_block |= cache.may_block;
    return can;
  }
  void get(std::string_view key, completion<get_result> done) override { read_through(tier_, key, done); }
  void put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
           std::string_view owner, completion<put_result> done) override {
    run_operation<cached_put>(tier_, key, bytes, expires_at, expect, owner, done);
  }
  void touch(std::string_view key, epoch_ms expires_at, completion<touch_result> done) override {
    run_operation<cached_touch>(tier_, key, expires_at, done);
  }
  void remove(std::string_view key, completion<remove_result> done) override {
    run_operation<cached_remove>(tier_, key, done);
  }
  void owned_by(std::string_view owner, completion<keys_result> done) override { tier_->origin->owned_by(owner, done); }
  void remove_owner(std::string_view owner, std::string_view except, completion<count_result> done) override {
    run_operation<cached_remove_owner>(tier_, owner, except, done);
  }
  // clear() is that of every store: scan() and remove(), which tells the cache of each key.
  void scan(std::string_view cursor, std::size_t limit, completion<keys_result> done) override {
    tier_->origin->scan(cursor, limit, done);
  }
  void prune(std::size_t limit, completion<count_result> done) override {
    run_operation<cached_prune>(tier_, limit, done);
  }
  void stats(completion<stats_result> done) override { tier_->origin->stats(done); }
  void health(completion<count_result> done) override { tier_->origin->health(done); }
  void close() override { tier_->close(); }

 private:
  const std::shared_ptr<tier> tier_;
};

error bad_cached(std::string what) { return {errc::invalid_url, "store URL: cached: " + std::move(what)}; }

bool parse_number(std::string_view text, duration_ms min, duration_ms max, duration_ms& out) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failed == std::errc() && end == text.data() + text.size() && out >= min && out <= max;
}

bool in_range(const cached_options& of) {
  return of.ttl >= 1 && of.ttl <= longest_ttl && of.absent_ttl >= 0 && of.absent_ttl <= longest_absent &&
         of.stale >= 0 && of.stale <= longest_stale && of.cache_timeout >= 1 && of.cache_timeout <= longest_wait;
}

}  // namespace

result<std::shared_ptr<cached_store>> cached(std::shared_ptr<store> cache, std::shared_ptr<store> origin,
                                             const cached_options& options) {
  if (cache == nullptr || origin == nullptr || cache == origin)
    return {errc::invalid_option, "cached: needs two stores, a cache and an origin"};
  if (!in_range(options)) return {errc::invalid_option, "cached: an option is out of its range"};
  const auto can = cache->capabilities();
  if (!can.compare_and_set) return {errc::invalid_option, "cached: the cache must be able to compare and set"};
  if (can.layout != record_layout::own || origin->capabilities().layout != record_layout::own)
    return {errc::invalid_option, "cached: not for records of another package (layout=)"};
  if (can.needs_loop && options.loop == nullptr)
    return {errc::invalid_option, "cached: this cache needs an event loop (cached_options::loop)"};
  return std::shared_ptr<cached_store>(
      std::make_shared<cache_aside_store>(std::make_shared<tier>(std::move(cache), std::move(origin), options)));
}

result<cached_options> parse_cached_options(std::string_view text) {
  cached_options out;
  struct number {
    std::string_view name;
    duration_ms& value;
    duration_ms min, max;
    bool given = false;
  } numbers[] = {{"ttl", out.ttl, 1, longest_ttl},
                 {"absent_ttl", out.absent_ttl, 0, longest_absent},
                 {"stale", out.stale, 0, longest_stale},
                 {"timeout", out.cache_timeout, 1, longest_wait}};
  bool removal_given = false;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const auto item = text.substr(0, comma);
    const auto name = item.substr(0, item.find('='));
    if (name.size() == item.size()) return bad_cached("an option is written name=value");
    const auto value = item.substr(name.size() + 1);
    bool known = false;
    if (name == "removal") {
      if (std::exchange(removal_given, true)) return bad_cached("the option 'removal' is given twice");
      if (value != "both" && value != "origin") return bad_cached("the option 'removal' is both or origin");
      out.removal = value == "both" ? removal_policy::both : removal_policy::origin;
      known = true;
    }
    for (auto& one : numbers) {
      if (one.name != name) continue;
      const std::string shown = "the option '" + std::string(name) + "' ";
      if (std::exchange(one.given, true)) return bad_cached(shown + "is given twice");
      if (!parse_number(value, one.min, one.max, one.value))
        return bad_cached(shown + "must be a whole number from " + std::to_string(one.min) + " to " +
                          std::to_string(one.max));
      known = true;
    }
    if (!known) return bad_cached("an unknown option; known are ttl, absent_ttl, stale, timeout, removal");
    if (comma == std::string_view::npos) break;
    text = text.substr(comma + 1);
    if (text.empty()) return bad_cached("the options end with a comma");
  }
  return out;
}

}  // namespace coatcheck
