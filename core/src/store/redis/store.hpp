// The Redis store: sessions on a Redis server, 6.0 or later, over TCP or a Unix socket; on the master that sentinels
// name; or on a cluster. Asynchronous.
//
// A read is one GET. A write is one script, so that compare-and-set, time to live and the owner's index change in one
// step. Keys and values: docs/formats.md, "Redis". The server expires entries; prune() has nothing to do.
//
// Bounds: an operation takes its URL's timeout at most. scan() costs the server a look at all keys of the database;
// stats() does a whole scan within one timeout and is unknown (store_timeout) where that is too short.
//
// Thread safety: the thread of the driver.
#pragma once

#include <memory>

#include "coatcheck/error.hpp"
#include "coatcheck/store.hpp"

#include "store/kind.hpp"

namespace coatcheck {

// Opens `redis:`, `redis+unix:`, `redis+sentinel:` and `redis+cluster:` URLs, and over TLS `rediss:`,
// `rediss+sentinel:` and `rediss+cluster:`. Nothing is resolved or connected yet: the first operation does, and each
// connection after it. Errors: invalid_url. REQUIRES: options.loop.
[[nodiscard]] result<std::shared_ptr<store>> open_redis_store(const parsed_url& url, const store_options& options);
inline constexpr store_kind redis_kinds[] = {{"redis", true, open_redis_store, true},
                                             {"rediss", true, open_redis_store, true},
                                             {"redis+unix", true, open_redis_store, true},
                                             {"redis+sentinel", true, open_redis_store, true, true},
                                             {"redis+cluster", true, open_redis_store, true, true},
                                             {"rediss+sentinel", true, open_redis_store, true, true},
                                             {"rediss+cluster", true, open_redis_store, true, true}};

}  // namespace coatcheck
