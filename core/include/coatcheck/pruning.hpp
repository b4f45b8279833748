// Pruning by turns: of all processes on one store, one drops what has expired, and it does so once in an interval.
//
// Nobody is told who it is: whoever asks first takes a lease, a record with a short deadline under a key of its own, by
// compare-and-set. Who has it prunes; the others find it taken and do nothing. It is never given back: it ends by
// itself before the interval does, so a process that dies costs one interval.
//
// A host calls prune_in_turn() from its own timer, or now and then at the end of a request, and goes on with
// prune_further() while a batch was full, with a turn of its loop between two batches. memory: and file: also drop a
// few expired entries with each write; a Redis server drops them by itself (store_capabilities::expires_itself).
//
// Thread safety: that of the store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "coatcheck/clock.hpp"
#include "coatcheck/error.hpp"
#include "coatcheck/store.hpp"

namespace coatcheck {

// The lease's key in the store: no session's (is_session_key), no token's.
inline constexpr std::string_view prune_lease_key = "cc-prune-lease";
inline constexpr std::size_t prune_batch = 500;                // entries a call: about a millisecond
inline constexpr duration_ms min_prune_interval = 1'000;       // of what prune_in_turn takes
inline constexpr duration_ms max_prune_interval = 86'400'000;  // a day

enum class prune_status : std::uint8_t {
  pruned,       // it was this one's turn: `count` entries went; prune_batch of them: there may be more
  not_ours,     // another process has the turn
  unnecessary,  // the store expires by itself
  unknown,      // the store gave no answer, or an argument was wrong (`why`)
};
struct prune_result {
  prune_status status = prune_status::unknown;
  std::uint64_t count = 0;
  error why;
};

// One turn: takes the lease for `interval` ms, and if it got it prunes one batch. The store is to live until it is
// done. Unknown also with invalid_option, for an interval out of range, and store_unsupported, of a store without
// compare-and-set.
void prune_in_turn(store& where, const clock& time, duration_ms interval, completion<prune_result> done);
// A further batch of a turn that is ours, without asking for the lease again.
void prune_further(store& where, completion<prune_result> done);
// Whether `interval` is one that prune_in_turn takes. Errors: invalid_option.
[[nodiscard]] result<void> check_prune_interval(duration_ms interval);

}  // namespace coatcheck
