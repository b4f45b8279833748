// How the cache is told of a write: by the new value where nothing else can have come between, else by a mark.
//
// Thread safety: that of the tier.
#pragma once

#include <memory>
#include <utility>

#include "store/cached/tier.hpp"
#include "store/operation.hpp"

namespace coatcheck {

// Puts a mark, whatever is there; where that can't be, empties the slot.
class mark_slot final : public store_operation<mark_slot, cache_told, std::shared_ptr<tier>> {
 public:
  mark_slot(std::shared_ptr<tier> in, cache_slot slot, completion<cache_told> done)
      : store_operation(std::move(in), done), slot_(std::move(slot)) {}
  void start();

 private:
  void on_put(put_result&& got);
  void on_removed(remove_result&& got);

  const cache_slot slot_;
};

// A version that the origin has, or had a moment ago, and what is known of the one before.
struct new_copy {
  cached_entry::value_text text;
  epoch_ms read_at = 0;  // when the origin was asked
  epoch_ms expires_at = 0;
  etag tag;
  etag replaced;    // the version that the slot may hold; empty: none is known
  slot_state slot;  // as it was before the origin was asked
};

class tell_copy final : public store_operation<tell_copy, cache_told, std::shared_ptr<tier>> {
 public:
  tell_copy(std::shared_ptr<tier> in, cache_slot slot, new_copy&& copy, completion<cache_told> done)
      : store_operation(std::move(in), done), slot_(std::move(slot)), copy_(std::move(copy)) {}
  void start();

 private:
  static constexpr int most_tries = 3;
  void put(expectation expect);
  void put_if_empty();
  void on_put(put_result&& got);
  void mark();
  void on_marked(cache_told&& got) { finish(std::move(got)); }

  const cache_slot slot_;
  new_copy copy_;
  duration_ms life_ = 0;
  int tries_ = 0;
};

}  // namespace coatcheck
