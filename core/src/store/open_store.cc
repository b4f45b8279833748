// From a store URL to a store.
#include "store/lmdb_store.hpp"
#include "store/memory_store.hpp"
#include "store/url.hpp"
#ifdef COATCHECK_HAVE_REDIS
#include "store/redis_store.hpp"
#endif

namespace coatcheck {
namespace {

#ifndef COATCHECK_HAVE_REDIS
result<std::shared_ptr<store>> open_redis_store(const parsed_url&, const store_options&) {
  return {errc::invalid_url, "store URL: the Redis store is not built into this library"};
}
#endif

struct kind {
  std::string_view scheme;
  bool asynchronous;
  result<std::shared_ptr<store>> (*open)(const parsed_url&, const store_options&);
};

constexpr kind kinds[] = {
    {"memory", false, open_memory_store},
    {"file", false, open_lmdb_store},
    {"redis", true, open_redis_store},
    {"redis+unix", true, open_redis_store},
};

result<const kind*> kind_of_store(const parsed_url& url) {
  std::string known;
  for (const auto& k : kinds) {
    if (k.scheme == url.scheme) return &k;
    known += (known.empty() ? "" : ", ") + std::string(k.scheme) + ":";
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
