// Waiting for another try: see parking.hpp.
#include "net/redis/parking.hpp"

#include <algorithm>
#include <utility>

namespace coatcheck::net {

bool redis_parking::park(const redis_operation& what, steady_ms again, const redis_refusal& why) {
  const std::size_t size = what.command.size() + what.rest.size();
  if (parked_.size() >= most_ || bytes_ + size > most_bytes) return false;
  entry one{what.done, what.deadline, again, {}, what.then, why};
  one.command.reserve(size);
  one.command.append(what.command).append(what.rest);
  bytes_ += size;
  next_ = std::min({next_, what.deadline, again});
  parked_.push_back(std::move(one));
  return true;
}

void redis_parking::release(steady_ms now, bool everything, const failure& no_server,
                            const std::function<void(const redis_operation&)>& to) {
  if (!everything && now < next_) return;
  std::deque<entry> all;
  std::swap(all, parked_);
  bytes_ = 0;
  next_ = no_deadline;
  std::deque<entry> due;
  for (entry& one : all) {
    if (everything || one.again <= now || one.deadline <= now) {
      due.push_back(std::move(one));
    } else {
      next_ = std::min({next_, one.deadline, one.again});
      bytes_ += one.command.size();
      parked_.push_back(std::move(one));
    }
  }
  // Last: handlers may park, and end, and let go of whom this belongs to.
  for (entry& one : due) {
    if (one.deadline > now) {
      to({one.done, one.deadline, one.command, {}, one.then, 0});  // a pause lies between: the hops begin anew
    } else if (one.why.message.empty()) {
      one.done(answer::none(no_server));
    } else {
      one.done({nullptr, one.why.word.empty() ? errc::store_unavailable : errc::store_refused, one.why.message,
                one.why.word, nullptr});
    }
  }
}

void redis_parking::end(const failure& with) {
  std::deque<entry> all;
  std::swap(all, parked_);
  bytes_ = 0;
  next_ = no_deadline;
  for (entry& one : all) one.done(answer::none(with));
}

}  // namespace coatcheck::net
