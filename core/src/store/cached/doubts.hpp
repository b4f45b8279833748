// Keys that were written while the cache could not be told: what it has of them is not believed, in this process, until
// it was replaced. Bounded: when there are too many, nothing is believed that was read before.
//
// Thread safety: any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "coatcheck/clock.hpp"

namespace coatcheck {

class cache_doubts {
 public:
  static constexpr std::size_t most = 4096;
  static constexpr duration_ms skew = 1000;  // between the clocks of those who share a cache

  // `longest`: how long after it was read a copy may be served.
  explicit cache_doubts(duration_ms longest) noexcept : longest_(longest) {}

  // Nonzero while a key is in doubt: which one of its doubts.
  [[nodiscard]] std::uint64_t of(std::string_view key) const {
    if (count_.load(std::memory_order_acquire) == 0) return 0;
    const std::lock_guard held(lock_);
    const auto at = keys_.find(key);
    return at == keys_.end() ? 0 : at->second.number;
  }
  [[nodiscard]] bool too_old(epoch_ms read_at) const noexcept {
    return read_at <= distrusted_.load(std::memory_order_relaxed);
  }
  // The cache could not be told of a write.
  void add(std::string_view key, epoch_ms now) {
    const std::lock_guard held(lock_);
    auto at = keys_.find(key);
    if (at == keys_.end()) {
      if (keys_.size() >= most) make_room(now);
      at = keys_.emplace(std::string(key), doubt{}).first;
      count_.store(keys_.size(), std::memory_order_release);
    }
    at->second = {++last_, now};
  }
  // The cache has what is newer than this doubt; a later one stays.
  void clear(std::string_view key, std::uint64_t number) {
    if (count_.load(std::memory_order_acquire) == 0) return;
    const std::lock_guard held(lock_);
    const auto at = keys_.find(key);
    if (at == keys_.end() || at->second.number != number) return;
    keys_.erase(at);
    count_.store(keys_.size(), std::memory_order_release);
  }

 private:
  struct doubt {
    std::uint64_t number = 0;
    epoch_ms at = 0;
  };
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };

  void make_room(epoch_ms now) {
    std::erase_if(keys_, [&](const auto& one) { return now - one.second.at > longest_; });
    if (keys_.size() < most) return;
    distrusted_.store(now + skew, std::memory_order_relaxed);
    keys_.clear();
  }

  const duration_ms longest_;
  mutable std::mutex lock_;
  std::unordered_map<std::string, doubt, text_hash, std::equal_to<>> keys_;
  std::atomic<std::size_t> count_{0};
  std::atomic<epoch_ms> distrusted_{-1};
  std::uint64_t last_ = 0;
};

}  // namespace coatcheck
