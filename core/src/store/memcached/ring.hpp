// Which node of several keeps a name: consistent hashing as libmemcached does it (MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED,
// "ketama"), so that other clients with the same list look for a name at the same node.
//
// A node has 160 points on a circle of 32 bits, more or fewer by its weight: four from each MD5 of "host:port-number",
// without the port where it is 11211. A name belongs to the first point at or after the first four bytes of its MD5.
// tests/vectors/ketama.json has what other clients answer.
//
// Thread safety: immutable.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coatcheck {

// RFC 1321. For placing names alone: it keeps no secret from anybody, and OpenSSL may be told to refuse it.
[[nodiscard]] std::array<std::uint8_t, 16> md5(std::string_view bytes) noexcept;

struct ring_node {
  std::string host;
  std::uint16_t port = 0;
  std::uint32_t weight = 1;
};

class ketama_ring {
 public:
  // REQUIRES: at least one node; weights of 1 or more.
  explicit ketama_ring(const std::vector<ring_node>& nodes);

  // The index of the name's node.
  [[nodiscard]] std::size_t node_of(std::string_view name) const noexcept {
    return single_ ? 0 : points_[place_of(name)].node;
  }
  // The node that a name goes to when those for which `left(index)` is true are left out: the first other one after its
  // own place. `passed(index)` is called for each one that was left out on the way, once or more. All left out: its
  // own.
  template <class Left, class Passed>
  [[nodiscard]] std::size_t node_of(std::string_view name, Left&& left, Passed&& passed) const {
    const std::size_t place = single_ ? 0 : place_of(name);
    for (std::size_t i = 0; i < points_.size(); ++i) {
      const std::size_t at = place + i < points_.size() ? place + i : place + i - points_.size();
      const std::size_t node = points_[at].node;
      if (!left(node)) return node;
      passed(node);
    }
    return points_[place].node;
  }

 private:
  struct point {
    std::uint32_t value;
    std::uint32_t node;
  };
  [[nodiscard]] std::size_t place_of(std::string_view name) const noexcept;

  std::vector<point> points_;  // in the order of their values
  bool single_;
};

}  // namespace coatcheck
