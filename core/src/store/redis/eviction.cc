// The policy, and what to say of it: see eviction.hpp.
#include "store/redis/eviction.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace coatcheck {
namespace {

// Session keys have a time to live, so that volatile policies evict them, too. What the server says is not repeated
// unless it is one of these.
constexpr std::string_view evicting_policies[] = {"allkeys-lru",     "allkeys-lfu",  "allkeys-random",
                                                  "allkeys-lrm",     "volatile-lru", "volatile-lfu",
                                                  "volatile-random", "volatile-lrm", "volatile-ttl"};

std::string_view value_of(std::string_view info, std::string_view name) {
  while (!info.empty()) {
    const auto end = info.find("\r\n");
    const std::string_view line = info.substr(0, end);
    if (line.starts_with(name)) return line.substr(name.size());
    info = end == std::string_view::npos ? std::string_view() : info.substr(end + 2);
  }
  return {};
}

}  // namespace

std::string eviction_warning(std::string_view info) {
  const std::string_view policy = value_of(info, "maxmemory_policy:");
  if (value_of(info, "maxmemory:") == "0") return {};  // no bound, so nothing is ever evicted
  const auto* const found = std::find(std::begin(evicting_policies), std::end(evicting_policies), policy);
  if (found == std::end(evicting_policies)) return {};
  return "Redis evicts sessions when its memory is full (maxmemory-policy is " + std::string(*found) +
         "), which logs their users out: set it to noeviction, and watch used_memory";
}

std::function<void(std::string_view)> warn_of_eviction(driver& loop) {
  if (!loop.on_warning) return {};
  return [&loop, told = std::make_shared<bool>(false)](std::string_view info) {
    const std::string sentence = eviction_warning(info);
    if (!sentence.empty() && loop.on_warning && !std::exchange(*told, true)) loop.on_warning(sentence);
  };
}

}  // namespace coatcheck
