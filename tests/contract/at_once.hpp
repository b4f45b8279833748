// For tests of what stands on a store: many operations at once, and clocks that follow the store's time.
#pragma once

#include <cstddef>
#include <thread>
#include <vector>

#include "coatcheck/clock.hpp"

#include "contract/store_contract.hpp"

namespace coatcheck::contract {

// The place's time, or one that lies `behind` it: so a thing is old without waiting.
class place_clock final : public clock {
 public:
  explicit place_clock(const store_place& place, duration_ms behind = 0) noexcept : place_(place), behind_(behind) {}
  [[nodiscard]] epoch_ms now() const noexcept override { return place_.now() - behind_; }

 private:
  const store_place& place_;
  duration_ms behind_;
};

// Runs `start(i, completion<R>)` for each i below `count`: from eight threads where the store answers in the call, else
// with all of them in flight.
template <class R, class Start>
[[nodiscard]] std::vector<R> all_at_once(store_place& place, bool synchronous, std::size_t count, Start&& start) {
  constexpr std::size_t threads = 8;
  std::vector<pending<R>> calls(count);
  if (synchronous) {
    std::vector<std::thread> running;
    for (std::size_t thread = 0; thread < threads; ++thread) {
      running.emplace_back([&, thread] {
        for (std::size_t i = thread; i < count; i += threads) start(i, calls[i].slot());
      });
    }
    for (auto& one : running) one.join();
  } else {
    for (std::size_t i = 0; i < count; ++i) start(i, calls[i].slot());
    for (auto& call : calls) {
      if (!call.done) place.run_until(call.done);
    }
  }
  std::vector<R> out;
  for (auto& call : calls) {
    EXPECT_EQ(call.completions, 1);
    out.push_back(std::move(call.value));
  }
  return out;
}

// One operation, run to its end: `start(completion<R>)`.
template <class R, class Start>
[[nodiscard]] R to_its_end(store_place& place, Start&& start) {
  pending<R> call;
  start(call.slot());
  if (!call.done) place.run_until(call.done);
  EXPECT_EQ(call.completions, 1);
  return std::move(call.value);
}

}  // namespace coatcheck::contract
