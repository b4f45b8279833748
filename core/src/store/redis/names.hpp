// The names of keys that the Redis store uses, all under one prefix. docs/formats.md, "Redis".
//
// Thread safety: immutable.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "coatcheck/clock.hpp"
#include "coatcheck/store.hpp"

namespace coatcheck {

namespace net {
class redis_route;
}

class redis_names {
 public:
  explicit redis_names(std::string_view prefix);
  // Those of another package's layout: the prefix and the key as it is, and no other name.
  [[nodiscard]] static redis_names plain(std::string_view prefix);
  // What stands before a session's key, in braces: on a cluster both keys of a session are in one slot for it.
  [[nodiscard]] std::string_view values() const noexcept { return values_; }    // <prefix>s:{
  [[nodiscard]] std::string_view marks() const noexcept { return marks_; }      // <prefix>w:{
  [[nodiscard]] std::string_view end() const noexcept { return end_; }          // and what stands after it
  [[nodiscard]] std::string_view indexes() const noexcept { return indexes_; }  // <prefix>o:
  // The key in the name of a value; empty: it is none of ours.
  [[nodiscard]] std::string_view key_of(std::string_view name) const noexcept;
  // The glob pattern that matches the names of values and nothing else.
  [[nodiscard]] std::string_view pattern() const noexcept { return pattern_; }
  // An owner as Redis sees it: it may be a name or an address, and those are nobody's business there.
  [[nodiscard]] static std::string digest(std::string_view owner);

 private:
  redis_names() = default;

  std::string values_;
  std::string marks_;
  std::string indexes_;
  std::string pattern_;
  std::string_view end_ = "}";
};

// Whether a text is a cursor that SCAN gave, or empty.
[[nodiscard]] bool valid_cursor(std::string_view cursor) noexcept;
// The same, or one of a walk over a cluster, which names a node as well (redis_cluster).
[[nodiscard]] bool valid_walk_cursor(std::string_view cursor) noexcept;

// The store itself (redis/store.cc), on a way to Redis that is its own.
[[nodiscard]] std::shared_ptr<store> make_redis_store(std::shared_ptr<net::redis_route> link, redis_names names,
                                                      const clock& time);
// In the layout of another package (redis/layout.cc).
struct redis_layout_rules {
  record_layout layout = record_layout::own;
  duration_ms lifetime = 0;  // see store_capabilities::layout_lifetime
  bool lifetime_given = false;
  bool touches = true;  // false: touch() moves nothing
  bool expires = true;  // false: what is put stays until it is removed
};
[[nodiscard]] std::shared_ptr<store> make_redis_layout_store(std::shared_ptr<net::redis_route> link,
                                                             std::string_view prefix, redis_layout_rules rules,
                                                             const clock& time);

}  // namespace coatcheck
