// Redis URLs of more than one server: `redis+sentinel:` and `redis+cluster:`.
//
// Thread safety: pure functions.
#pragma once

#include <memory>

#include "coatcheck/driver.hpp"

#include "net/redis/link.hpp"
#include "net/redis/route.hpp"
#include "store/url.hpp"

namespace coatcheck {

// `as` has user, password and database already. Errors: invalid_url.
[[nodiscard]] result<std::shared_ptr<net::redis_route>> open_redis_sentinel(const parsed_url& url, net::redis_target as,
                                                                            const net::link_options& chosen,
                                                                            driver& loop);
[[nodiscard]] result<std::shared_ptr<net::redis_route>> open_redis_cluster(const parsed_url& url, net::redis_target as,
                                                                           const net::link_options& chosen,
                                                                           driver& loop);
// On a cluster the prefix must leave the key's own braces be the first ones, or have a whole pair itself.
[[nodiscard]] result<void> check_cluster_prefix(std::string_view prefix);

}  // namespace coatcheck
