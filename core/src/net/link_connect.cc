// How a link comes up: addresses in turn, the greeting, and the pause before the next attempt.
#include <algorithm>
#include <cstring>

#include "crypto/random.hpp"
#include "net/link.hpp"

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

void link::connect() {
  // One that never answered was given up for its deadline: the others of that lookup have their turn.
  if (!addresses_.empty()) return try_next_address();
  target_ = where_();
  const endpoint& to = target_;
  name_ = to.host.empty() && to.path.empty() ? "an address that is not known yet" : to.name();
  connect_deadline_ = now() + std::max(2 * options_.timeout, least_connect_time);
  if (to.host.empty() && to.path.empty()) {
    state_ = state::locating;
    return;
  }
  if (to.host.empty()) {
    auto found = unix_address(to.path);
    if (!found) return lose(errc::store_unavailable, found.error().message);
    return connect_to(*std::move(found));
  }
  if (auto numeric = numeric_address(to.host, to.port); !numeric.empty()) return connect_to(std::move(numeric));
  state_ = state::resolving;
  loop_->resolve(*this, to.host, to.port);
}

void link::on_resolved(result<socket_addresses> found) {
  if (state_ != state::resolving) return;  // its deadline has passed meanwhile
  const auto self = shared_from_this();
  if (!found || found->empty()) {
    lose(errc::store_unavailable,
         "the host of " + server_at() + " cannot be resolved: " + (found ? "no address" : found.error().message));
  } else {
    connect_to(*std::move(found));
  }
  announce(false);
}

// The address that last worked comes first; the others keep the resolver's order.
void link::connect_to(socket_addresses found) {
  const auto same = [this](const socket_address& one) {
    return one.size == good_.size && std::memcmp(&one.storage, &good_.storage, one.size) == 0;
  };
  const auto good = std::find_if(found.begin(), found.end(), same);
  if (good != found.end()) std::rotate(found.begin(), good, good + 1);
  std::reverse(found.begin(), found.end());
  addresses_ = std::move(found);
  try_next_address();
}

void link::try_next_address() {
  trying_ = addresses_.back();
  addresses_.pop_back();
  ++connection_;
  state_ = state::connecting;
  announced_.forget();  // the next descriptor may have the number of the last one
  connect_deadline_ = now() + std::max(2 * options_.timeout, least_connect_time);
  connect_outcome(transport_->connect(trying_, target_.host));
}

void link::connect_outcome(const transport::outcome& got) {
  if (got.what == transport::status::again) return;
  if (got.what == transport::status::done) return connected();
  const std::string why = transport_->why(got);
  close_socket();
  if (!addresses_.empty()) return try_next_address();
  lose(errc::store_unavailable, "cannot connect to " + server_at() + ": " + why, got.lasting);
}

void link::connected() {
  state_ = state::greeting;
  good_ = trying_;
  addresses_.clear();
  greet();
  if (fd() < 0) return;  // it may have nothing to say for itself: its password is not there
  send();
  // What the server said first may have come with the end of its handshake.
  if (fd() >= 0 && transport_->holds_bytes()) {
    receive();
  }
}

void link::greeted() {
  state_ = state::ready;
  announced_.forget();  // the deadline of the greeting is over
  failure_.clear();
  heard_at_ = now();
  plan_flush();
}

// Half of the pause is random, so that a fleet does not come back as one.
duration_ms link::next_pause() const noexcept {
  const unsigned doublings = std::min(failures_ > 0 ? failures_ - 1 : 0U, 6U);
  const duration_ms longest = std::min(longest_pause, first_pause << doublings);
  return longest / 2 + static_cast<duration_ms>(options_.random() % static_cast<std::uint32_t>(longest / 2 + 1));
}

std::uint32_t random_number() noexcept {
  std::uint32_t random = 0;
  return crypto::random_bytes(&random, sizeof(random)) ? random : 0;
}

}  // namespace coatcheck::net
