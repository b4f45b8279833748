// A Redis cluster: a link to each master, a map of its slots, and an operation's way from one to another while slots
// move. docs/decisions/0077.
//
// - The map (CLUSTER SLOTS) is asked for by the first operation and again, one question at a time and not more than ten
//   times a second, when a server says that a slot is elsewhere, or a master can't be reached.
// - MOVED and ASK are followed at once, up to five in a row; TRYAGAIN, CLUSTERDOWN, LOADING and slots that nobody
// serves
//   are tried again after a pause. What a server refused it has not done, so that sending it once more is safe. All
//   within the operation's own deadline.
// - What waits for a master that the map has replaced goes to the one that took over its slots.
//
// Thread safety: the thread of the driver.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "net/redis/cluster_map.hpp"
#include "net/redis/inquiry.hpp"
#include "net/redis/link.hpp"
#include "net/redis/parking.hpp"
#include "net/redis/replicas.hpp"
#include "net/redis/route.hpp"
#include "net/redis/slot.hpp"

namespace coatcheck::net {

struct cluster_target {
  std::vector<endpoint> nodes;  // at least one; the others are learned from it
  redis_target as;              // user and password, the same for all; its `where` is not used
  bool read_replicas = false;
};

class redis_cluster final : public redis_route, public pollable, public std::enable_shared_from_this<redis_cluster> {
 public:
  [[nodiscard]] static std::shared_ptr<redis_cluster> create(cluster_target target, const link_options& chosen,
                                                             driver& loop);
  ~redis_cluster() override { close(); }

  [[nodiscard]] steady_ms new_deadline() const noexcept override { return loop_.now() + options_.timeout; }
  [[nodiscard]] std::size_t most_operations() const noexcept override { return options_.queue; }
  using redis_route::submit;
  void submit(const redis_operation& what) override;
  [[nodiscard]] bool reads_replicas() const noexcept override { return replicas_ != nullptr; }
  [[nodiscard]] bool submit_to_replica(const redis_operation& what) override;
  void answer_later(reply_handler done, const failure& given) override;
  // A walk goes from master to master, in the order of their lowest slots. A cursor is "<the server's own>-<a slot of
  // that master>-<its id's first 8 digits>"; where a failover has replaced it, its part of the walk begins again.
  void scan(reply_handler done, steady_ms deadline, std::string_view cursor, std::size_t count,
            std::string_view arguments) override;
  [[nodiscard]] std::string cursor_after(std::string_view cursor, const answer& given, std::string_view own) override;
  [[nodiscard]] std::vector<endpoint> servers() const override;
  void look_again() override { want_map(); }
  void close() override;

  // Its timer: pauses, and the next look at the map.
  [[nodiscard]] int fd() const noexcept override { return -1; }
  [[nodiscard]] bool wants_write() const noexcept override { return false; }
  [[nodiscard]] steady_ms deadline() const noexcept override;
  [[nodiscard]] bool busy() const noexcept override { return !parked_.empty() || !scans_.empty(); }
  void on_readable() override {}
  void on_writable() override {}
  void on_deadline(steady_ms now) override;
  void flush() override;

 private:
  static constexpr std::size_t no_number = ~std::size_t{0};
  struct node {
    endpoint at;
    std::string id;
    std::shared_ptr<redis_link> link;
    bool tried = false;
    bool serves = false;   // slots, by the last map
    bool asked = false;    // ASK led to it, since the last map: it may have keys of slots that it does not serve yet
    bool keyless = false;  // something that any master can answer was sent to it
    unsigned lowest = slot_count;
    std::size_t number = no_number;  // among the masters of the last map, for the replicas
  };
  // A page that waits for the first map.
  struct scan_start {
    reply_handler done;
    steady_ms deadline;
    std::string cursor;
    std::size_t count;
    std::string arguments;
  };

  redis_cluster(cluster_target target, const link_options& chosen, driver& loop);

  node& node_at(const endpoint& where, const std::string& id = {});
  [[nodiscard]] node* next_master() noexcept;
  [[nodiscard]] node* master_at_or_after(unsigned first) const noexcept;
  [[nodiscard]] failure no_map() const noexcept { return {no_map_code_, no_map_}; }
  void send_scan(const scan_start& what);
  void wait(const redis_operation& what, duration_ms pause, const redis_refusal& why);
  [[nodiscard]] bool refused(node& by, const redis_refusal& why, std::string_view text, const redis_operation& what);
  [[nodiscard]] bool redirected(node& by, bool for_good, std::string_view text, const redis_operation& what);

  void want_map();
  [[nodiscard]] bool mapped(reply_view root, const endpoint& by);
  void unmapped(const failure& last);
  void adopt(const cluster_map& map);
  void forget_idle();
  void rescue();
  void rescue_from(node& one);
  void release_scans(steady_ms now);
  void after_fork();

  driver& loop_;
  const link_options options_;
  redis_target as_;  // for new nodes
  const std::vector<endpoint> seeds_;
  bool closed_ = false;
  unsigned generation_;  // of the process: what is parked belongs to the one that parked it
  bool known_ = false;   // there is a map
  errc no_map_code_ = errc::store_unavailable;
  std::string no_map_ = "the Redis cluster's slots are not known yet";  // why there is no map
  unsigned misses_ = 0;                                                 // rounds without a map, in a row
  std::vector<std::unique_ptr<node>> nodes_;
  std::vector<node*> masters_;  // by the last map, by their lowest slots
  std::size_t next_master_ = 0;
  std::vector<node*> slots_ = std::vector<node*>(slot_count);
  steady_ms map_at_ = no_deadline;  // when to ask for the map
  steady_ms mapped_at_ = 0;         // when it was last asked for
  bool rescue_ = false;             // something may wait for a master that can't be reached, and need not
  redis_parking parked_;
  std::vector<scan_start> scans_;
  std::unique_ptr<redis_inquiry> mapper_;
  std::unique_ptr<redis_replicas> replicas_;  // null: reads go to the masters, too
};

}  // namespace coatcheck::net
