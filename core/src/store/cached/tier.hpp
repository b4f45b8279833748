// What the operations of one cache-aside store have in common: its two stores, what is known of the cache's state, and
// the reads under way.
//
// The rules that keep copies right, whoever shares the cache (docs/decisions/0073):
//   1. A slot of the cache is replaced by compare-and-set on what was there before the origin was asked, or on the
//      version that the origin's own compare-and-set has just replaced.
//   2. Whatever a write leaves there (its value, or a mark) is there before the write is acknowledged, and for
//      `slot_life` after. So a slot that was empty when a read began, and is empty at its end, saw no write between, if
//      that read took less than `fill_window`.
//   3. Where neither is sure, a mark is put, whatever is there: a mark never is wrong.
//
// Thread safety: any thread, but for flights and the timer, which exist only where a loop does.
#pragma once

#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "coatcheck/cached.hpp"
#include "coatcheck/driver.hpp"

#include "store/cached/breaker.hpp"
#include "store/cached/doubts.hpp"
#include "store/cached/entry.hpp"
#include "store/envelope.hpp"

namespace coatcheck {

class read_flight;

// A key's place in the cache. The prefix keeps copies apart from what else may be in that store.
class cache_slot {
 public:
  static constexpr std::string_view prefix = "ct-";
  // A key longer than keys are is none: key() is empty.
  explicit cache_slot(std::string_view key) noexcept : size_(key.size() > max_key_size ? 0 : key.size()) {
    std::memcpy(name_, prefix.data(), prefix.size());
    if (size_ != 0) std::memcpy(name_ + prefix.size(), key.data(), size_);
  }
  [[nodiscard]] std::string_view name() const noexcept { return {name_, prefix.size() + size_}; }
  [[nodiscard]] std::string_view key() const noexcept { return name().substr(prefix.size()); }
  // A key that is as long as keys may be has no place there.
  [[nodiscard]] bool usable() const noexcept { return name().size() <= max_key_size; }

 private:
  std::size_t size_;                         // of the key
  char name_[prefix.size() + max_key_size];  // in place: a hit takes no memory for it
};

// What a slot held before the origin was asked.
struct slot_state {
  enum class kind : std::uint8_t { unknown, empty, entry };
  kind what = kind::unknown;
  etag tag;         // of entry
  epoch_ms at = 0;  // when it was asked for
};

// How a call of the cache ended.
enum class cache_answer : std::uint8_t {
  given,
  refused,  // there is a cache, which could not do this: it is full, or what is there can't be read
  none,     // nothing is known
};

// Whether the cache knows of a write.
struct cache_told {
  bool known = false;
  error why;
};

class tier final : public std::enable_shared_from_this<tier>, private pollable {
 public:
  static constexpr duration_ms slot_life = 60'000;
  static constexpr duration_ms fill_window = 10'000;

  tier(std::shared_ptr<store> before, std::shared_ptr<store> durable, const cached_options& chosen);
  ~tier() override = default;

  const std::shared_ptr<store> cache;
  const std::shared_ptr<store> origin;
  const cached_options options;
  const clock& time;
  const bool cache_waits;  // some of its operations complete later
  const bool origin_waits;
  cached_counts counts;
  cache_doubts doubts;

  [[nodiscard]] bool closed() const noexcept { return closed_.load(std::memory_order_relaxed); }
  void close();

  // Whether the cache may be asked now.
  [[nodiscard]] bool has_cache() noexcept { return !breaker_.is_open() || breaker_.allows(time.now()); }
  // Runs `start(completion<R>)`, a call of the cache, for at most cache_timeout: then it is unknown, store_timeout.
  template <class R, class Start>
  void ask_cache(Start&& start, completion<R> done);
  // What is learnt from how such a call ended.
  template <class R>
  cache_answer heard(const R& got) {
    if (is_known(got)) {
      breaker_.succeeded();
      return cache_answer::given;
    }
    return failed(got.why);
  }
  // How long a copy that is made now is believed: they must not end all at once.
  [[nodiscard]] duration_ms new_life() const noexcept;
  // Until when a slot keeps an entry: so long that it outlasts every read that began before it was put.
  [[nodiscard]] epoch_ms slot_end(epoch_ms read_at, duration_ms life) const noexcept;

  // The read of a slot that others may join, if there is one.
  [[nodiscard]] read_flight* flight(std::string_view name) const;
  void add_flight(std::string_view name, read_flight* one) { flights_.emplace(name, one); }
  void end_flight(std::string_view name) { flights_.erase(name); }
  // What is read now is from before a write: nobody may join it, and it fills nothing.
  void invalidate(std::string_view name);
  [[nodiscard]] std::uint64_t next_token() noexcept { return ++last_token_; }

 private:
  // A call of a remote cache, in line for its deadline.
  struct timed {
    virtual ~timed() = default;
    virtual void run_out() = 0;
    tier* in_line = nullptr;  // null: not in line any more
    timed* before = nullptr;
    timed* after = nullptr;
    steady_ms until = 0;
  };
  template <class R>
  struct timed_call;

  static bool is_known(const get_result& got) noexcept { return got.status != get_status::unknown; }
  static bool is_known(const put_result& got) noexcept { return got.status != put_status::unknown; }
  static bool is_known(const remove_result& got) noexcept { return got.status != remove_status::unknown; }
  cache_answer failed(const error& why);

  void queue(timed& call);
  static void unqueue(timed& call) noexcept;

  [[nodiscard]] int fd() const noexcept override { return -1; }
  [[nodiscard]] bool wants_write() const noexcept override { return false; }
  [[nodiscard]] steady_ms deadline() const noexcept override { return first_ == nullptr ? no_deadline : first_->until; }
  [[nodiscard]] bool busy() const noexcept override { return first_ != nullptr; }
  void on_readable() override {}
  void on_writable() override {}
  void on_deadline(steady_ms now) override;
  void flush() override {}

  cache_breaker breaker_;
  std::atomic<bool> closed_{false};
  timed* first_ = nullptr;
  timed* last_ = nullptr;
  std::unordered_map<std::string_view, read_flight*> flights_;  // the name is the flight's
  std::uint64_t last_token_ = 0;
  mutable std::atomic<std::uint64_t> lives_{1};
};

// One that ran out stays until the cache has answered all the same: the completion is its own.
template <class R>
struct tier::timed_call final : timed, kept_block<timed_call<R>> {
  explicit timed_call(completion<R> done) noexcept : then(done) {}
  void run_out() override {
    over = true;
    R out;
    out.why = {errc::store_timeout, "the cache did not answer in time"};
    then(std::move(out));
  }
  static void on_answer(void* context, R&& got) {
    const std::unique_ptr<timed_call> self(static_cast<timed_call*>(context));
    unqueue(*self);
    if (!self->over) self->then(std::move(got));
  }
  completion<R> then;
  bool over = false;
};

template <class R, class Start>
void tier::ask_cache(Start&& start, completion<R> done) {
  if (!cache_waits || closed()) {
    start(done);
    return;
  }
  auto* const call = new timed_call<R>(done);
  queue(*call);
  start(completion<R>(&timed_call<R>::on_answer, call));
}

}  // namespace coatcheck
