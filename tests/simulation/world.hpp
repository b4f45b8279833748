// Many engines on several hosts, one Redis that fails in every way, and what must hold all the same. One seed decides
// everything that happens; a seed that fails is run again with COATCHECK_SIMULATION_SEED.
//
// What is checked, whenever a request ends:
//   an update that was acknowledged is in every read that began later;
//   a session whose end was acknowledged is not found again, and takes no write;
//   a session that nobody ended is never absent;
//   what a request reads is its own session;
//   every operation of the store has ended by its deadline.
// With a cache before the origin (docs/decisions/0087) both fail on their own, and they disagree. Then a read of
// another host's update may be behind for as long as a copy is believed, and nothing else is weaker, save after the
// cache was emptied: for that long a copy from before it may come back (docs/decisions/0073). A failover to a replica
// that was behind loses acknowledged writes, for that is Redis': then only the last two hold for the sessions that were
// there.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "coatcheck/engine.hpp"

#include "simulation/network.hpp"

namespace coatcheck::simulation {

struct figures {
  std::uint64_t steps = 0, requests = 0, found = 0, stored = 0, merged = 0, unknown = 0, ended = 0, failovers = 0,
                resets = 0, flushes = 0;
};

class world {
 public:
  // `tiers`: the hosts' store is a cache, the second server, before the origin.
  explicit world(std::uint64_t seed, bool tiers = false);
  ~world();
  world(const world&) = delete;
  world& operator=(const world&) = delete;

  // False: `violation()` says what did not hold.
  [[nodiscard]] bool run(std::uint64_t steps);
  [[nodiscard]] const std::string& violation() const noexcept { return violation_; }
  [[nodiscard]] const figures& seen() const noexcept { return seen_; }

 private:
  struct host;
  struct session;
  class request;
  friend class request;

  void step();
  void weather(network& on, model_redis& at, steady_ms& thaws_at);
  void deliver(network& on);
  void clear_up(network& on, model_redis& at);
  [[nodiscard]] wire* any_wire(network& on);
  void begin_request();
  void advance(duration_ms by);
  void turn_all();
  void fail_over();
  void settle();
  void require(bool holds, const std::string& what);

  static constexpr duration_ms timeout = 250;
  static constexpr duration_ms longest_step = 30;  // of the time
  static constexpr duration_ms cache_timeout = 60;
  static constexpr duration_ms ttl = 700;
  // After its acknowledgement an update is in every read that begins later than this: a copy from before it has ended,
  // and a read that had such a copy in its hands has, too.
  static constexpr duration_ms longest_behind = ttl + 3 * (timeout + longest_step);

  dice random_;
  steady_ms now_ = 1'000'000;
  model_redis server_;
  network network_;
  const bool tiers_;
  model_redis cache_;
  network cache_network_;
  steady_ms cache_thaws_at_ = 0;
  steady_ms doubtful_until_ = 0;  // the cache was emptied
  std::vector<std::unique_ptr<host>> hosts_;
  std::vector<std::shared_ptr<session>> sessions_;
  std::set<request*> under_way_;
  model_redis::data replica_;
  steady_ms thaws_at_ = 0;
  std::uint64_t next_token_ = 1;
  figures seen_;
  std::string violation_;
};

}  // namespace coatcheck::simulation
