// The Memcached store itself (store.cc), on nodes that are its own: what open.cc makes from a URL.
#pragma once

#include <memory>

#include "coatcheck/store.hpp"

#include "store/memcached/nodes.hpp"

namespace coatcheck {

[[nodiscard]] std::shared_ptr<store> make_memcached_store(std::unique_ptr<memcached_nodes> nodes);

}  // namespace coatcheck
