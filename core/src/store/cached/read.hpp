// A read: the cache, then the origin, then the cache is filled. Where a loop is needed, those who read one key at the
// same time share one such read, a flight.
//
// Thread safety: that of the tier.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/cached/tier.hpp"

namespace coatcheck {

// What the cache's answer means for a read.
struct cache_look {
  bool hit = false;
  get_result answer;                  // of a hit
  slot_state slot;                    // else: what a fill may replace
  bool copy = false;                  // of entry: it is something that may be served
  bool unreadable = false;            // something is there that the cache itself can't read
  std::uint64_t doubt = 0;            // that a fill ends
  std::optional<stored_value> stale;  // for an origin that gives no answer
};

// What is to be put into the slot then.
struct slot_fill {
  bool wanted = false;
  bool is_mark = false;
  std::string text;
  epoch_ms end = 0;
  expectation expect;
};

// Answers inside the call where both stores do.
void read_through(const std::shared_ptr<tier>& in, std::string_view key, completion<get_result> done);

class read_flight {
 public:
  read_flight(std::shared_ptr<tier> in, cache_slot slot)
      : tier_(std::move(in)), slot_(std::move(slot)), token_(tier_->next_token()) {}
  read_flight(const read_flight&) = delete;
  read_flight& operator=(const read_flight&) = delete;

  // Owns itself until its end.
  static void start_at_cache(const std::shared_ptr<tier>& in, cache_slot slot, completion<get_result> first);
  static void start_at_origin(const std::shared_ptr<tier>& in, cache_slot slot, cache_look&& seen,
                              completion<get_result> first);
  void join(completion<get_result> done);
  // A write of this key: what is read may be from before it.
  void invalidate();

 private:
  static read_flight& begin(const std::shared_ptr<tier>& in, cache_slot&& slot, completion<get_result> first);
  static void on_cache(void* context, get_result&& got);
  static void on_origin(void* context, get_result&& got);
  static void on_filled(void* context, put_result&& got);
  void ask_origin();
  void answer(get_result&& got);
  void end();

  const std::shared_ptr<tier> tier_;
  const cache_slot slot_;
  const std::uint64_t token_;  // in the order in which reads began
  bool valid_ = true;          // others may join, and it may fill
  bool answered_ = false;      // what is left is to fill
  epoch_ms asked_at_ = 0;      // the origin
  cache_look seen_;
  slot_fill fill_;
  std::vector<completion<get_result>> waiting_;
  std::shared_ptr<read_flight> self_;
};

}  // namespace coatcheck
