// The replicas of one master or of several: whom a read may be sent to that can do with an answer of a moment ago.
// docs/decisions/0085.
//
// A replica is asked only while it is known to be in step: within the last seconds it said (INFO replication) that its
// link to the master is up, and the master was heard not long ago. That is found out beside the reads, never before
// one of them: where nobody is in step, submit() takes nothing, and the master is asked. Reads drive it: without them
// there are no questions and no timer.
//
// Thread safety: the thread of the driver.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "net/redis/link.hpp"
#include "net/redis/operation.hpp"

namespace coatcheck::net {

class redis_replicas {
 public:
  static constexpr duration_ms check_interval = 1000;  // between two questions to one replica
  static constexpr duration_ms good_for = 3000;        // how long an answer counts
  static constexpr unsigned most_silence = 15;         // seconds since the master was heard (it pings every 10)

  // `as`: user, password and database; its `where` is not used. `ask_leave`: they are nodes of a cluster, which serve
  // reads only after READONLY.
  redis_replicas(redis_target as, const link_options& chosen, driver& loop, bool ask_leave);
  redis_replicas(const redis_replicas&) = delete;
  redis_replicas& operator=(const redis_replicas&) = delete;
  ~redis_replicas() { close(); }

  // Those that there are now: groups[i] are the replicas of the i-th master, as the topology counts them. What is under
  // way at one that is gone ends, after all else here is done.
  void set(const std::vector<std::vector<endpoint>>& groups);
  // Sends a read to the next replica of that master that is in step. False: there is none, and nothing happened. It is
  // given half of an operation's time at most, so that the master can still be asked.
  [[nodiscard]] bool submit(std::size_t group, const redis_operation& what);
  void close();

 private:
  struct replica {
    endpoint at;
    std::shared_ptr<redis_link> link;
    bool asking = false;
    bool in_step = false;
    steady_ms said_at = 0;
  };

  replica& replica_at(const endpoint& where);
  void check(steady_ms now);
  void checked(replica& one, const answer& given);
  [[nodiscard]] bool usable(const replica& one, steady_ms now) const noexcept {
    return one.in_step && now - one.said_at <= good_for && !one.link->troubled();
  }

  driver& loop_;
  link_options options_;
  redis_target as_;
  std::vector<std::unique_ptr<replica>> all_;
  std::vector<std::vector<replica*>> groups_;
  std::size_t next_ = 0;
  steady_ms check_at_ = 0;
  bool closed_ = false;
};

// Whether INFO's section on replication is that of a replica in step.
[[nodiscard]] bool replica_in_step(std::string_view info) noexcept;

}  // namespace coatcheck::net
