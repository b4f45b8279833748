// Whether a cache that failed is asked again: after some failures in a row it is not asked for a pause, then one caller
// may try, and the pause doubles until one succeeds.
//
// Thread safety: any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include "coatcheck/clock.hpp"

namespace coatcheck {

class cache_breaker {
 public:
  static constexpr int most_failures = 5;
  static constexpr duration_ms first_pause = 200;
  static constexpr duration_ms longest_pause = 10'000;

  [[nodiscard]] bool is_open() const noexcept { return failures_.load(std::memory_order_relaxed) >= most_failures; }
  // Whether the caller may ask. One that got a yes during an outage and does not ask costs a pause, no more.
  [[nodiscard]] bool allows(epoch_ms now) noexcept {
    if (!is_open()) return true;
    const std::lock_guard held(lock_);
    if (now < until_ && now >= since_) return false;  // earlier than that: the clock was set back
    probing_ = true;
    since_ = now;
    until_ = now + pause_;
    return true;
  }
  void succeeded() noexcept {
    if (failures_.load(std::memory_order_relaxed) == 0) return;
    const std::lock_guard held(lock_);
    failures_.store(0, std::memory_order_relaxed);
    pause_ = first_pause;
    probing_ = false;
  }
  // True when that opened it.
  bool failed(epoch_ms now) noexcept {
    const std::lock_guard held(lock_);
    const int count = failures_.load(std::memory_order_relaxed);
    if (count >= most_failures) {
      // Calls that were under way when it opened end here, too.
      if (!std::exchange(probing_, false)) return false;
      pause_ = std::min(2 * pause_, longest_pause);
    } else {
      failures_.store(count + 1, std::memory_order_relaxed);
      if (count + 1 < most_failures) return false;
    }
    since_ = now;
    until_ = now + pause_;
    return count < most_failures;
  }

 private:
  std::atomic<int> failures_{0};
  std::mutex lock_;
  duration_ms pause_ = first_pause;
  epoch_ms since_ = 0;
  epoch_ms until_ = 0;
  bool probing_ = false;
};

}  // namespace coatcheck
