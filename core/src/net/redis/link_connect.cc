// How a link comes up: addresses in turn, the handshake, and the pause before the next attempt.
#include <algorithm>
#include <cstring>

#include "crypto/hmac.hpp"
#include "crypto/random.hpp"
#include "net/redis/link.hpp"
#include "net/redis/resp_format.hpp"

namespace coatcheck::net {
namespace {

constexpr duration_ms first_pause = 20;  // between attempts to connect; doubles
constexpr duration_ms longest_pause = 1000;
constexpr duration_ms least_connect_time = 500;

}  // namespace

void redis_link::connect() {
  addresses_tried_ = 0;
  try_next_address();
}

void redis_link::try_next_address() {
  int code = 0;
  while (addresses_tried_ < target_.addresses.size()) {
    const connecting attempt = start_connect(target_.addresses[address_]);
    ++addresses_tried_;
    address_ = (address_ + 1) % target_.addresses.size();
    if (attempt.fd >= 0) {
      fd_ = attempt.fd;
      ++connection_;
      state_ = state::connecting;
      connect_deadline_ = steady_now() + std::max(2 * options_.timeout, least_connect_time);
      if (attempt.done) {
        connected();
      }
      return;
    }
    code = attempt.code;
  }
  lose(errc::store_unavailable, "cannot connect to Redis at " + target_.name + ": " + std::strerror(code));
}

void redis_link::finish_connect() {
  const int code = connect_error(fd_);
  if (code == 0) {
    connected();
    return;
  }
  close_socket();
  if (addresses_tried_ < target_.addresses.size()) {
    try_next_address();
    return;
  }
  lose(errc::store_unavailable, "cannot connect to Redis at " + target_.name + ": " + std::strerror(code));
}

// The handshake always holds one command, so that a server that accepts and then says nothing is found out before an
// operation is given to it.
void redis_link::connected() {
  state_ = state::handshaking;
  address_ = (address_ + target_.addresses.size() - 1) % target_.addresses.size();  // this one again, next time
  const auto say = [&](bool needed, bool last, std::initializer_list<std::string_view> arguments) {
    std::string command;
    append_command(command, arguments);
    machine_.submit_first(
        [this, needed, last](const answer& given) {
          // The end of a connection also ends its handshake: then there is nothing left to decide.
          if (state_ == state::handshaking) {
            handshake_answered(given, needed, last);
          }
        },
        command);
    crypto::wipe(command.data(), command.size());
  };
  if (!target_.password.empty() && target_.user.empty()) {
    say(true, false, {"AUTH", target_.password});
  } else if (!target_.password.empty()) {
    say(true, false, {"AUTH", target_.user, target_.password});
  }
  if (target_.database != 0) {
    say(true, false, {"SELECT", std::to_string(target_.database)});
  }
  say(false, true, {"CLIENT", "SETNAME", "coatcheck"});  // a courtesy: an ACL may forbid it
  send();
}

void redis_link::handshake_answered(const answer& given, bool needed, bool last) {
  // Without a password that it wants, the server refuses the courtesy, too; of a longer command it would say less.
  if (!given && (needed || given.refused_word == "NOAUTH" || given.refused_word.starts_with("ERR max"))) {
    lose(given.code, std::string(given.why), true);
    return;
  }
  if (last) {
    state_ = state::ready;
    unseen_ = true;  // the deadline of the handshake is over
    failure_.clear();
    heard_at_ = steady_now();
    plan_flush();
  }
}

// Half of the pause is random, so that a fleet does not come back as one.
duration_ms redis_link::next_pause() const noexcept {
  const unsigned doublings = std::min(failures_ > 0 ? failures_ - 1 : 0U, 6U);
  const duration_ms longest = std::min(longest_pause, first_pause << doublings);
  std::uint32_t random = 0;
  if (!crypto::random_bytes(&random, sizeof(random))) {
    random = 0;
  }
  return longest / 2 + static_cast<duration_ms>(random % static_cast<std::uint32_t>(longest / 2 + 1));
}

}  // namespace coatcheck::net
