// What tests of a near-cache ask a store that has one.
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "store/layers/near_cache.hpp"
#include "support/redis_client.hpp"

namespace coatcheck_test {

inline coatcheck::near_cache_stats near_figures_of(const redis_client& of) {
  return std::dynamic_pointer_cast<coatcheck::near_cache>(of.sessions)->figures();
}

// Whether a read is answered in the process. The loop has its turn before, as a service's has.
inline bool near_hit(redis_client& client, std::string_view key, coatcheck::get_result* out = nullptr) {
  client.loop.run_once(0);
  const auto before = near_figures_of(client).hits;
  auto got = client.get(key);
  if (out != nullptr) *out = std::move(got);
  return near_figures_of(client).hits > before;
}

template <class Condition>
[[nodiscard]] bool near_within(coatcheck::duration_ms limit, Condition holds) {
  const coatcheck::steady_ms since = coatcheck::steady_now();
  while (!holds()) {
    if (coatcheck::steady_now() > since + limit) return false;
  }
  return true;
}

// Until reads of it are hits.
inline bool near_warm(redis_client& client, std::string_view key, coatcheck::duration_ms limit = 60'000) {
  return near_within(limit, [&] { return near_hit(client, key); });
}

}  // namespace coatcheck_test
