// Cache-aside: a fast store before a durable one. Reads are answered from the cache where it has a fresh copy; every
// write is decided by the origin.
//
//   auto both = coatcheck::cached(memory, redis, {.ttl = 30'000, .loop = &loop});
//   auto same = coatcheck::open_store("cached(ttl=30000):memory:cache|redis://127.0.0.1", {.loop = &loop});
//
// What holds, and what does not (docs/decisions/0073):
// - A compare-and-set is one against the origin, so a stale copy never becomes a lost update.
// - Whoever shares the cache sees each write as soon as it is acknowledged. Where a process has a cache of its own
//   (memory:), or could not be reached through the shared one, a read is at most `ttl` behind.
// - A remove is acknowledged when the session is gone from both (removal_policy).
// - An outage of the cache is one of speed: the origin is asked alone. In an outage of the origin reads are answered
// from
//   the cache, for `stale` beyond the ttl, and writes are unknown.
//
// The cache is used for copies alone: it may forget anything at any time. Its clock and those of all who share it are
// within some seconds.
//
// Thread safety: that of the two stores: any thread where neither needs a loop, else the thread of the driver. Counts
// may be read from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "coatcheck/clock.hpp"
#include "coatcheck/error.hpp"
#include "coatcheck/store.hpp"

namespace coatcheck {

// When a remove that the origin did and the cache could not be told of is acknowledged.
enum class removal_policy : std::uint8_t {
  both,    // not: it is unknown; asked again, it is acknowledged once the cache answers
  origin,  // at once: others may read a copy until its ttl is over
};

struct cached_options {
  duration_ms ttl = 60'000;       // how long a copy is believed, 1 ms to 30 days; each somewhat less, by up to a tenth
  duration_ms absent_ttl = 1000;  // how long it is believed that a key is absent, up to 60000; 0: that is not kept
  duration_ms stale = 0;  // how long after its ttl a copy is served while the origin gives no answer, up to 7 days
  duration_ms cache_timeout = 100;  // how long a remote cache is waited for, 1 to 60000 ms
  removal_policy removal = removal_policy::both;
  const clock* time = nullptr;  // not owned; null: the system clock
  driver* loop = nullptr;       // not owned; needed if the cache needs a loop
};

struct cached_counts {
  std::atomic<std::uint64_t> hits{0}, misses{0};  // reads that the cache answered, and that it did not
  std::atomic<std::uint64_t> joined{0};           // reads that waited for another one's answer
  std::atomic<std::uint64_t> fills{0};            // copies that were put into the cache after a miss
  std::atomic<std::uint64_t> stale{0};            // reads answered from an old copy, for the origin gave no answer
  std::atomic<std::uint64_t> cache_errors{0};     // calls of the cache that got no answer
  std::atomic<std::uint64_t> breaker_open{0};     // how often the cache was taken for down
};

class cached_store : public store {
 public:
  [[nodiscard]] virtual const cached_counts& counts() const noexcept = 0;
};

// Both stores are closed with what is returned; nobody else closes them.
// Errors: invalid_option (an option out of its range; a cache without compare-and-set; no loop for a cache that needs
// one).
[[nodiscard]] result<std::shared_ptr<cached_store>> cached(std::shared_ptr<store> cache, std::shared_ptr<store> origin,
                                                           const cached_options& options = {});

}  // namespace coatcheck
