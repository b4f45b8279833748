// `file:PATH`: sessions in one LMDB file, shared by every process and language on the machine.
//
// Synchronous: reads copy out of the map, writes commit before they return (durability: lmdb/env.hpp). A file that
// is open twice in a process is one environment. After fork parent and child go on, each with its own.
// Processes in different containers may share a file; machines may not.
//
// Thread safety: any thread. close() may run while others work: the file is given back when the last one is done.
#pragma once

#include <memory>

#include "coatcheck/store.hpp"

#include "store/kind.hpp"

namespace coatcheck {

// Errors: invalid_url, invalid_option, store_format, store_permission, store_unavailable, store_full.
[[nodiscard]] result<std::shared_ptr<store>> open_lmdb_store(const parsed_url& url, const store_options& options);
inline constexpr store_kind lmdb_kinds[] = {{"file", false, open_lmdb_store}};

}  // namespace coatcheck
