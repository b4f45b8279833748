// What takes the Memcached store more than one command: a write that expects something, a touch, a removal.
//
// A version is a tag of ours in the item's header (envelope.hpp), because Memcached's own number for one (cas) changes
// with every touch and begins anew with the server. The number is what makes a step atomic: an item is read, looked at,
// and written if it is still the one that was read. What was read or written lately needs no second look
// (memcached_versions).
//
// Thread safety: the thread of the driver.
#pragma once

#include <string_view>

#include "coatcheck/store.hpp"

#include "store/memcached/nodes.hpp"

namespace coatcheck {

// REQUIRES of all: the key is valid. `nodes` outlives the operation, which closing them ends.
void memcached_put(memcached_nodes& nodes, std::string_view key, std::string_view bytes, epoch_ms expires_at,
                   const expectation& expect, const etag& tag, completion<put_result> done);
void memcached_touch(memcached_nodes& nodes, std::string_view key, epoch_ms expires_at, completion<touch_result> done);
void memcached_remove(memcached_nodes& nodes, std::string_view key, completion<remove_result> done);

}  // namespace coatcheck
