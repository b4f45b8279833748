// What a near-cache hears of one Redis server: a tracking_link, its names turned into the contract's keys.
//
// One for each server that keeps values: a store on several has a source that hears all of theirs, and calls on_gap
// when who keeps what has changed.
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

}  // namespace coatcheck
