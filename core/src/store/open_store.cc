// From a store URL to a store.
#include <span>

#include "store/kind.hpp"
#include "store/lmdb/store.hpp"
#include "store/memory/store.hpp"
#include "store/redis/store.hpp"
#include "store/url.hpp"

namespace coatcheck {
namespace {

constexpr std::span<const store_kind> all_kinds[] = {memory_kinds, lmdb_kinds, redis_kinds};

result<const store_kind*> kind_of_store(const parsed_url& url) {
  std::string known;
  for (const auto kinds : all_kinds) {
    for (const auto& kind : kinds) {
      if (kind.scheme == url.scheme) return &kind;
      known += (known.empty() ? "" : ", ") + std::string(kind.scheme) + ":";
    }
  }
  // The scheme is not shown: of a URL without one (user:password@host), it is the user.
  return {errc::invalid_url, "store URL: unknown scheme; known are " + known};
}

}  // namespace

result<std::shared_ptr<store>> open_store(std::string_view url, const store_options& options) {
  auto parsed = parse_url(url);
  if (!parsed) return parsed.error();
  auto found = kind_of_store(*parsed);
  if (!found) return found.error();
  if ((*found)->asynchronous && options.loop == nullptr)
    return {errc::invalid_option, "a " + parsed->scheme + ": store needs an event loop (store_options::loop)"};
  return (*found)->open(*parsed, options);
}

result<bool> needs_driver(std::string_view url) {
  auto parsed = parse_url(url);
  if (!parsed) return parsed.error();
  auto found = kind_of_store(*parsed);
  if (!found) return found.error();
  return (*found)->asynchronous;
}

}  // namespace coatcheck
