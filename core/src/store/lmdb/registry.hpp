// The store files that this process has open: one environment per (device, inode), with a count of its users,
// and those whose file was lost (lmdb_env::lost) until their last user has gone.
//
// In a child of fork the inherited environments are forgotten, not closed; whoever used one acquires it anew.
//
// Thread safety: any thread.
#pragma once

#include <mutex>
#include <string>

#include "coatcheck/error.hpp"

#include "store/lmdb/env.hpp"

namespace coatcheck::lmdb_registry {

// Opens the file or counts one more user. Give it back with release(). Errors: those of prepare_store_file and
// lmdb_env::open, and invalid_option when the file is open with other options.
[[nodiscard]] result<lmdb_env*> acquire(const std::string& path, const lmdb_options& options);

// Held by a store while it changes its environment for another one. Not held at the moment of fork.
[[nodiscard]] std::unique_lock<std::mutex> hold_renewals();

// The last user of an environment closes it. Does nothing for one that an ancestor process opened.
void release(lmdb_env* env) noexcept;

}  // namespace coatcheck::lmdb_registry
