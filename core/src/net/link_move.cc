// A link whose server has moved, or is yet to be found: for topologies, which know where it is.
#include <algorithm>
#include <utility>

#include "net/link.hpp"

namespace coatcheck::net {
namespace {

constexpr duration_ms farewell = 100;  // how long what is on the wire may take once the server has moved

}  // namespace

void link::move_on(const std::string& why, duration_ms pause) {
  if (closed() || (!leaving_.empty() && state_ == state::ready)) return;
  const auto self = shared_from_this();
  failures_ = 0;
  addresses_.clear();
  leave_pause_ = pause;
  if (state_ == state::ready && machine_.awaited() > machine_.waiting()) {
    leaving_ = why;
    leave_at_ = now() + farewell;
  } else if (state_ == state::ready || coming_up()) {
    leaving_ = why;
    leave();
  } else if (state_ == state::pausing) {
    retry_at_ = std::min(retry_at_, now() + pause);
    if (pause == 0 && machine_.waiting() > 0) plan_flush();
  }
  announce(true);
}

// The connection goes; what waits goes to where the server is then.
void link::leave() {
  const std::string why = std::exchange(leaving_, {});
  lose(errc::store_unavailable, why);
  if (state_ != state::pausing) return;  // a handler of what was lost has closed it
  failures_ = 0;
  retry_at_ = now() + leave_pause_;
  if (leave_pause_ == 0 && machine_.waiting() > 0) plan_flush();
}

void link::leave_if_answered(steady_ms at) {
  if (!leaving_.empty() && state_ == state::ready && (machine_.awaited() == machine_.waiting() || at >= leave_at_))
    leave();
}

void link::located() {
  if (state_ != state::locating) return;
  const auto self = shared_from_this();
  connect();
  announce(true);
}

void link::not_located(const failure& why) {
  if (state_ != state::locating) return;
  const auto self = shared_from_this();
  lose(why.code, std::string(why.why));
  announce(true);
}

}  // namespace coatcheck::net
