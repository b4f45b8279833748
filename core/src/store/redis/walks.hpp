// What the Redis store asks in several steps: an owner's sessions by the owner's index, and pages of all keys. Each key
// is asked by itself, so that they may lie on different servers of a cluster.
//
// An index may name too much: keys of sessions that are gone, or another owner's now. Each session's own mark decides.
//
// Thread safety: the thread of the driver.
#pragma once

#include <string_view>

#include "coatcheck/store.hpp"

#include "store/redis/calls.hpp"

namespace coatcheck {

// See store::owned_by, remove_owner, scan and stats. The arguments have been checked.
void list_owner(redis_calls& calls, std::string_view owner, completion<keys_result> done);
void remove_owner(redis_calls& calls, std::string_view owner, std::string_view except, completion<count_result> done);
void scan_page(redis_calls& calls, std::string_view cursor, std::size_t limit, completion<keys_result> done);
void measure_all(redis_calls& calls, completion<stats_result> done);

}  // namespace coatcheck
