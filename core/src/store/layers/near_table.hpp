// What a near-cache keeps: values by key, bounded in bytes, found, kept and dropped in constant time.
//
// Who goes for room: SIEVE (Zhang et al., NSDI 2024). A hand goes from the oldest entry to the newest; what was asked
// for since it last came by stays, and the first that was not goes. A hit writes one flag, and a flood of keys that are
// asked for once does not push out those that are asked for again.
//
// Entries carry the epoch of their read. A new epoch makes all of them void at once, in constant time; a void entry
// goes when it is met or for room.
//
// Thread safety: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "coatcheck/driver.hpp"
#include "coatcheck/store.hpp"

namespace coatcheck {

struct near_hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
};
// Keys are digests of random ids: nobody chooses which of them collide.
template <class T>
using near_map = std::unordered_map<std::string, T, near_hash, std::equal_to<>>;

struct near_entry {
  stored_value value;
  bool found = false;             // false: the store said absent
  steady_ms until = no_deadline;  // by the driver's clock: when the store has to be asked again
  std::uint64_t epoch = 0;
  std::size_t cost = 0;  // in bytes
  std::string_view key;  // the map's own
  near_entry* newer = nullptr;
  near_entry* older = nullptr;
  bool asked = false;  // since the hand last came by
  // Of what was written here, where the server tells of that as well (near_cache.hpp):
  std::uint64_t era = 0;     // near_state's, when the write began; 0: it was read
  std::uint32_t echoes = 0;  // messages to come that tell of own writes
};

class near_table {
 public:
  explicit near_table(std::size_t max_bytes);
  near_table(const near_table&) = delete;
  near_table& operator=(const near_table&) = delete;

  // Null: not there, or void. Valid until the next call that is not const.
  [[nodiscard]] near_entry* find(std::string_view key);
  // In place of what is there. Null: it is larger than an eighth of the whole, and is not kept.
  near_entry* keep(std::string_view key, stored_value&& value, bool found, steady_ms until);
  // Whether a value of this size is small enough to be kept.
  [[nodiscard]] bool takes(std::size_t bytes) const noexcept { return bytes < max_bytes_ / 8; }
  // False: it was not there.
  bool drop(std::string_view key);
  // Makes all that is there void.
  void new_epoch() noexcept { ++epoch_; }
  // Gives the memory back.
  void clear();

  [[nodiscard]] std::uint64_t epoch() const noexcept { return epoch_; }
  [[nodiscard]] std::size_t entries() const noexcept { return map_.size(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t max_bytes() const noexcept { return max_bytes_; }
  [[nodiscard]] std::uint64_t evictions() const noexcept { return evictions_; }

 private:
  using map = near_map<near_entry>;
  void erase(map::iterator at);
  void make_room(std::size_t bytes);

  const std::size_t max_bytes_;
  map map_;
  near_entry* newest_ = nullptr;
  near_entry* oldest_ = nullptr;
  near_entry* hand_ = nullptr;  // null: it begins at the oldest
  std::size_t bytes_ = 0;
  std::uint64_t epoch_ = 1;
  std::uint64_t evictions_ = 0;
};

}  // namespace coatcheck
