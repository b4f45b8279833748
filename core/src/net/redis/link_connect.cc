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

std::string endpoint::name() const {
  if (host.empty()) return path;
  const bool numeric_v6 = host.find(':') != std::string::npos;
  return (numeric_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

void redis_link::connect() {
  // One that never answered was given up for its deadline: the others of that lookup have their turn.
  if (!addresses_.empty()) return try_next_address();
  const endpoint to = target_.where();
  name_ = to.name();
  connect_deadline_ = steady_now() + std::max(2 * options_.timeout, least_connect_time);
  if (to.host.empty()) {
    auto found = unix_address(to.path);
    if (!found) return lose(errc::store_unavailable, found.error().message);
    return connect_to(*std::move(found));
  }
  if (auto numeric = numeric_address(to.host, to.port); !numeric.empty()) return connect_to(std::move(numeric));
  state_ = state::resolving;
  loop_->resolve(*this, to.host, to.port);
}

void redis_link::on_resolved(result<socket_addresses> found) {
  if (state_ != state::resolving) return;  // its deadline has passed meanwhile
  const auto self = shared_from_this();
  if (!found || found->empty()) {
    lose(errc::store_unavailable,
         "the host of Redis at " + name_ + " cannot be resolved: " + (found ? "no address" : found.error().message));
  } else {
    connect_to(*std::move(found));
  }
  announce(false);
}

// The address that last worked comes first; the others keep the resolver's order.
void redis_link::connect_to(socket_addresses found) {
  const auto same = [this](const socket_address& one) {
    return one.size == good_.size && std::memcmp(&one.storage, &good_.storage, one.size) == 0;
  };
  const auto good = std::find_if(found.begin(), found.end(), same);
  if (good != found.end()) std::rotate(found.begin(), good, good + 1);
  std::reverse(found.begin(), found.end());
  addresses_ = std::move(found);
  try_next_address();
}

void redis_link::try_next_address() {
  trying_ = addresses_.back();
  addresses_.pop_back();
  ++connection_;
  state_ = state::connecting;
  unseen_ = true;  // the next descriptor may have the number of the last one
  connect_deadline_ = steady_now() + std::max(2 * options_.timeout, least_connect_time);
  connect_outcome(transport_->connect(trying_));
}

void redis_link::connect_outcome(const transport::outcome& got) {
  if (got.what == transport::status::again) return;
  if (got.what == transport::status::done) return connected();
  close_socket();
  if (!addresses_.empty()) return try_next_address();
  lose(errc::store_unavailable, "cannot connect to Redis at " + name_ + ": " + std::strerror(got.code));
}

// The handshake always holds one command, so that a server that accepts and then says nothing is found out before an
// operation is given to it.
void redis_link::connected() {
  state_ = state::handshaking;
  good_ = trying_;
  addresses_.clear();
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
