// Operations of a topology that no server can take right now: each waits for its next try, and for its deadline.
// A server refused it, so that it did nothing (TRYAGAIN, CLUSTERDOWN, LOADING), or there is no server for it yet.
//
// Thread safety: none; one loop's thread.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "net/redis/operation.hpp"

namespace coatcheck::net {

class redis_parking {
 public:
  static constexpr std::size_t most_bytes = std::size_t{64} << 20;

  explicit redis_parking(std::size_t most) : most_(most) {}

  // `why`: what the operation ends with when its deadline comes first; static text. Empty: with what release is told
  // then. False: there is no room.
  [[nodiscard]] bool park(const redis_operation& what, steady_ms again, const redis_refusal& why);
  // When release has something to do.
  [[nodiscard]] steady_ms next() const noexcept { return next_; }
  // Ends what is past its deadline and gives away what is to be tried again; `everything`: whatever its time is. What
  // `to` parks anew is not looked at.
  void release(steady_ms now, bool everything, const failure& no_server,
               const std::function<void(const redis_operation&)>& to);
  void end(const failure& with);
  [[nodiscard]] bool empty() const noexcept { return parked_.empty(); }

 private:
  struct entry {
    reply_handler done;
    steady_ms deadline;
    steady_ms again;
    std::string command;
    on_loss then;
    redis_refusal why;
  };

  const std::size_t most_;
  std::deque<entry> parked_;
  std::size_t bytes_ = 0;
  steady_ms next_ = no_deadline;
};

}  // namespace coatcheck::net
