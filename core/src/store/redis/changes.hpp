// What a near-cache hears of one Redis server: a tracking_link, its names turned into the contract's keys.
//
// One for each server that keeps values. A store on several (a master that sentinels name, a cluster) has a source that
// hears all of theirs: it falls silent with any of them, and calls on_gap when who keeps what has changed.
//
// Thread safety: the thread of the driver.
#pragma once

#include <memory>

#include "coatcheck/store.hpp"

#include "net/redis/link.hpp"
#include "store/layers/change_source.hpp"
#include "store/redis/names.hpp"

namespace coatcheck {

// `max_stale`: of the cache that asks.
[[nodiscard]] std::shared_ptr<change_source> make_redis_changes(net::redis_target target, redis_names names,
                                                                duration_ms max_stale, const net::link_options& options,
                                                                driver& loop);

// `as`: user, password and database on each of the route's servers.
[[nodiscard]] std::shared_ptr<change_source> make_redis_fleet_changes(std::shared_ptr<net::redis_route> route,
                                                                      net::redis_target as, redis_names names,
                                                                      duration_ms max_stale,
                                                                      const net::link_options& options, driver& loop);

}  // namespace coatcheck
