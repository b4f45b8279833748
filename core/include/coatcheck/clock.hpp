// Wall-clock time, injected so that tests never sleep.
//
// Unit everywhere in coatcheck: milliseconds since the Unix epoch, as std::int64_t.
// Thread safety: now() may be called from any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace coatcheck {

using epoch_ms = std::int64_t;     // a point in time
using duration_ms = std::int64_t;  // a length of time

// The latest time that a stored record holds (13 digits; in the year 2286). A deadline beyond it is this one.
inline constexpr epoch_ms latest_time = 9'999'999'999'999;
// The time that is `by` after `from`, at most latest_time: "for ever" is written as a very long time by many.
[[nodiscard]] constexpr epoch_ms later(epoch_ms from, duration_ms by) noexcept {
  return by >= latest_time - from ? latest_time : from + by;
}
// When what is used now ends: `idle` after it, and not after `absolute_at` (0: no such end).
[[nodiscard]] constexpr epoch_ms deadline_after(epoch_ms now, duration_ms idle, epoch_ms absolute_at) noexcept {
  const epoch_ms at = later(now, idle);
  return absolute_at != 0 && absolute_at < at ? absolute_at : at;
}

class clock {
 public:
  virtual ~clock() = default;
  [[nodiscard]] virtual epoch_ms now() const noexcept = 0;
};

// The machine's wall clock; lives as long as the process.
[[nodiscard]] inline const clock& system_clock() noexcept {
  struct wall final : clock {
    [[nodiscard]] epoch_ms now() const noexcept override {
      using namespace std::chrono;
      return duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    }
  };
  static const wall instance;
  return instance;
}

// A host language's clock: the machine's, until the host has another time to put in its place (its own mock of the
// time in a test).
class host_clock final : public clock {
 public:
  [[nodiscard]] epoch_ms now() const noexcept override {
    const epoch_ms in_place = replaced_.load(std::memory_order_relaxed);
    return in_place != 0 ? in_place : system_clock().now();
  }
  void replace(epoch_ms at) noexcept { replaced_.store(at, std::memory_order_relaxed); }
  void restore() noexcept {
    if (replaced_.load(std::memory_order_relaxed) != 0) replaced_.store(0, std::memory_order_relaxed);
  }

 private:
  std::atomic<epoch_ms> replaced_{0};
};

// A clock that a test sets by hand.
class manual_clock final : public clock {
 public:
  explicit manual_clock(epoch_ms start = 1'700'000'000'000) noexcept : now_(start) {}
  [[nodiscard]] epoch_ms now() const noexcept override { return now_.load(std::memory_order_relaxed); }
  void set(epoch_ms at) noexcept { now_.store(at, std::memory_order_relaxed); }
  void advance(duration_ms by) noexcept { now_.fetch_add(by, std::memory_order_relaxed); }

 private:
  std::atomic<epoch_ms> now_;
};

}  // namespace coatcheck
