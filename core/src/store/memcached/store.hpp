// The Memcached store: sessions on one Memcached server, 1.6 or later, or spread over several, asynchronous.
//
// Memcached is a cache: it forgets what it has no room for, and everything when it ends. A session that it forgot is
// absent. `cached:` before a durable store is for those that may not be lost.
//
// A read is one command, a write one or two, a touch two (docs/formats.md, "Memcached"; docs/decisions/0079). There is
// no index of owners and no list of keys.
//
// Bounds: an operation takes its URL's timeout at most.
//
// Thread safety: the thread of the driver.
#pragma once

#include <memory>
#include <string_view>

#include "coatcheck/error.hpp"
#include "coatcheck/store.hpp"

#include "store/kind.hpp"

namespace coatcheck {

// Opens `memcached:` URLs, and `memcacheds:`, over TLS. Nothing is resolved or connected yet: the first operation on a
// node does. Errors: invalid_url. REQUIRES: options.loop.
[[nodiscard]] result<std::shared_ptr<store>> open_memcached_store(const parsed_url& url, const store_options& options);
inline constexpr std::string_view memcached_tls_scheme = "memcacheds";
inline constexpr store_kind memcached_kinds[] = {{"memcached", true, open_memcached_store, false, true},
                                                 {memcached_tls_scheme, true, open_memcached_store, false, true}};

}  // namespace coatcheck
