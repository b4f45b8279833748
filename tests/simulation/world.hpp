// Many engines on several hosts, one Redis that fails in every way, and what must hold all the same. One seed decides
// everything that happens; a seed that fails is run again with COATCHECK_SIMULATION_SEED.
//
// What is checked, whenever a request ends:
//   an update that was acknowledged is in every read that began later;
//   a session whose end was acknowledged is not found again, and takes no write;
//   a session that nobody ended is never absent;
//   what a request reads is its own session;
//   every operation of the store has ended by its deadline.
// A failover to a replica that was behind loses acknowledged writes, for that is Redis': then only the last two hold
// for the sessions that were there.
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
                resets = 0;
};

class world {
 public:
  explicit world(std::uint64_t seed);
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
  void begin_request();
  void advance(duration_ms by);
  void turn_all();
  void fail_over();
  [[nodiscard]] wire* any_wire();
  void settle();
  void require(bool holds, const std::string& what);

  static constexpr duration_ms timeout = 250;
  static constexpr duration_ms longest_step = 30;  // of the time

  dice random_;
  steady_ms now_ = 1'000'000;
  model_redis server_;
  network network_;
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
