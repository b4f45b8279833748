// The nodes of a Memcached store: which one keeps a name, what an item of ours says, and what is remembered of
// versions.
//
// Thread safety: the thread of the driver.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/clock.hpp"
#include "coatcheck/driver.hpp"
#include "coatcheck/store.hpp"

#include "net/memcached/link.hpp"
#include "store/envelope.hpp"
#include "store/memcached/ring.hpp"

namespace coatcheck {

// What becomes of the names of a node that can't be reached: see docs/decisions/0079.
enum class memcached_failover : std::uint8_t {
  unknown,  // operations on them are unknown until it is back
  move,     // they go to the next node, once this one has been given up; it is emptied before it is used again
};

// Where an operation goes. At a node that stands in for another one, what was written before `since` is of no account:
// the other node has had the name meanwhile. 0: it is at home, and everything counts.
struct memcached_place {
  net::memcached_link* link = nullptr;
  epoch_ms since = 0;
};

// The versions that were last seen, each by its tag, with the server's own number for it (cas). That number means
// something to one life of one server alone, so it holds for the connection that it came by.
class memcached_versions {
 public:
  void remember(std::string_view tag, const net::memcached_link& link, std::uint64_t cas, epoch_ms expires_at);
  // 0: none that can be used now.
  [[nodiscard]] std::uint64_t cas_of(std::string_view tag, net::memcached_link& link, epoch_ms now) const;

 private:
  struct seen {
    std::uint64_t tag = 0;
    std::uint64_t cas = 0;
    std::uint64_t connection = 0;
    epoch_ms expires_at = 0;
    const net::memcached_link* link = nullptr;
  };
  std::array<seen, 1024> seen_{};  // by the last bits of the tag: the newer one stays
};

// An item as a read found it.
struct memcached_item {
  enum class state : std::uint8_t { live, absent, damaged };
  state what = state::damaged;
  envelope::view entry;  // unless it is damaged or there is none
};

class memcached_nodes {
 public:
  // `login`: that of each node (net/memcached/link.hpp).
  // REQUIRES: `where` is not empty; at least as long as the ring's list.
  memcached_nodes(const std::vector<ring_node>& where, const std::string& login, const net::link_options& chosen,
                  memcached_failover failover, std::string_view prefix, const clock& wall, driver& loop);
  ~memcached_nodes() { close(); }
  memcached_nodes(const memcached_nodes&) = delete;
  memcached_nodes& operator=(const memcached_nodes&) = delete;

  [[nodiscard]] memcached_place place_of(std::string_view name);
  [[nodiscard]] std::string name_of(std::string_view key) const { return prefix_ + std::string(key); }
  [[nodiscard]] memcached_failover failover() const noexcept { return failover_; }
  [[nodiscard]] epoch_ms now() const noexcept { return time_.now(); }
  [[nodiscard]] const std::vector<std::shared_ptr<net::memcached_link>>& links() const noexcept { return links_; }
  void close();

  // The command that reads a name there: mg.
  void read_line(std::string& line, std::string_view name, const memcached_place& at) const;
  // The command that writes `size` bytes there: ms, without its mode.
  void write_line(std::string& line, std::string_view name, std::size_t size, epoch_ms expires_at) const;
  // What a reply to read_line says; nothing: it is no reply to that.
  [[nodiscard]] std::optional<memcached_item> item_in(const net::meta_reply& got, const memcached_place& at) const;
  // For an item whose number is known.
  void remember(const envelope::view& entry, const memcached_place& at, std::uint64_t cas) {
    versions.remember(entry.tag, *at.link, cas, entry.expires_at);
  }

  memcached_versions versions;

 private:
  const memcached_failover failover_;
  const std::string prefix_;
  const clock& time_;
  driver& loop_;
  const ketama_ring ring_;
  const steady_ms opened_at_;
  std::vector<std::shared_ptr<net::memcached_link>> links_;
};

[[nodiscard]] error to_error(const net::meta_answer& given);
// For a reply that is not of its command's kind: the connection goes. store_protocol.
[[nodiscard]] error unfit_meta_reply(net::memcached_link& link);
[[nodiscard]] error damaged_item_error();  // record_damaged

}  // namespace coatcheck
