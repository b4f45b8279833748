// How a connection comes up: hosts and addresses in turn, libpq's handshake, and the pause before the next attempt.
#include <algorithm>
#include <arpa/inet.h>
#include <memory>
#include <netdb.h>
#include <utility>

#include "crypto/random.hpp"
#include "net/postgres/pool.hpp"

namespace coatcheck::net {
namespace {

constexpr duration_ms first_retry_pause = 20;  // between attempts to connect; doubles
constexpr duration_ms longest_retry_pause = 500;

// A statement of the connection's own, which nobody waits for.
class pg_setup final : public pg_request {
 public:
  explicit pg_setup(std::string sql) : pg_request(nullptr, no_deadline) { script = {std::move(sql)}; }
  verdict settle(const pg_answer&) override { return verdict::finished; }
};

void ignore_notice(void*, const pq_result*) {}  // libpq would print it to stderr

std::string as_digits(const socket_address& one) {
  char text[NI_MAXHOST];
  const int failed = ::getnameinfo(reinterpret_cast<const sockaddr*>(&one.storage), one.size, text, sizeof(text),
                                   nullptr, 0, NI_NUMERICHOST);
  return failed == 0 ? std::string(text) : std::string();
}

}  // namespace

// A connection takes round trips of TLS and of the password, and a new process in the server. With other hosts to try,
// one that is dead must not take all of the time.
duration_ms pg_connection::connect_time() const noexcept {
  const duration_ms timeout = pool_.bounds().timeout;
  return pool_.target().hosts.size() > 1 ? std::max<duration_ms>(timeout / 2, 500)
                                         : std::max<duration_ms>(2 * timeout, 1000);
}

void pg_connection::start() {
  // One that never answered was given up for its deadline: the other addresses have their turn.
  if (!addresses_.empty()) return next_address();
  if (hosts_left_ == 0) {
    hosts_left_ = pool_.target().hosts.size();
    host_ = pool_.good_host();
  }
  next_host();
}

void pg_connection::next_host() {
  const pg_host& to = pool_.target().hosts[host_];
  --hosts_left_;
  name_ = to.name();
  addresses_.clear();
  connect_deadline_ = steady_now() + connect_time();
  if (to.host.empty() || to.is_socket()) return begin(to, {});
  if (!numeric_address(to.host, to.port).empty()) return begin(to, to.host);
  state_ = state::resolving;
  pool_.loop().resolve(*this, to.host, to.port);
}

void pg_connection::on_resolved(result<socket_addresses> found) {
  if (state_ != state::resolving) return;  // its deadline has passed meanwhile
  const auto held = pool_.hold();
  if (found) {
    for (const socket_address& one : *found) {
      if (auto digits = as_digits(one); !digits.empty()) addresses_.push_back(std::move(digits));
    }
  }
  if (addresses_.empty()) {
    pg_refusal why;
    why.why = {errc::store_unavailable, "the host of PostgreSQL at " + name_ +
                                            " cannot be resolved: " + (found ? "no address" : found.error().message)};
    failed_to_connect(std::move(why));
  } else {
    std::reverse(addresses_.begin(), addresses_.end());
    next_address();
  }
  if (pool_.wanted()) pool_.plan_flush();
  announce(false);
}

void pg_connection::next_address() {
  const std::string address = std::move(addresses_.back());
  addresses_.pop_back();
  begin(pool_.target().hosts[host_], address);
}

void pg_connection::begin(const pg_host& to, const std::string& address) {
  const std::string port = std::to_string(to.port);
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  const auto say = [&](const char* keyword, const char* value) {
    keywords.push_back(keyword);
    values.push_back(value);
  };
  if (!to.host.empty()) {
    say("host", to.host.c_str());
    say("port", port.c_str());
  }
  if (!address.empty()) say("hostaddr", address.c_str());
  for (const auto& [keyword, value] : pool_.target().parameters) say(keyword.c_str(), value.c_str());
  say(nullptr, nullptr);
  ++number_;
  announced_.forget();  // the next descriptor may have the number of the last one
  connect_deadline_ = steady_now() + connect_time();
  state_ = state::connecting;
  polling_ = pq_polling_writing;
  connection_ = pq_.connect_start_params(keywords.data(), values.data(), 0);
  if (connection_ == nullptr || pq_.status(connection_) == pq_connection_bad) {
    return failed_to_connect(
        classify_connect_failure(connection_ == nullptr ? "no memory" : pq_.error_message(connection_), name_));
  }
  (void)pq_.set_error_verbosity(connection_, pq_errors_sqlstate);
  (void)pq_.set_notice_receiver(connection_, ignore_notice, nullptr);
}

// libpq closes its socket and opens another one as it sees fit (TLS or not): so it is not watched meanwhile.
void pg_connection::go_on() {
  if (const int watched = fd(); watched >= 0) pool_.loop().drop_fd(*this, watched);
  announced_.forget();
  polling_ = pq_.connect_poll(connection_);
  if (polling_ == pq_polling_ok) {
    connected();
  } else if (polling_ == pq_polling_failed) {
    failed_to_connect(classify_connect_failure(pq_.error_message(connection_), name_));
  }
}

void pg_connection::connected() {
  if (pq_.setnonblocking(connection_, 1) != 0 || pq_.enter_pipeline_mode(connection_) == 0) {
    return failed_to_connect(classify_connect_failure(pq_.error_message(connection_), name_));
  }
  state_ = state::ready;
  failures_ = 0;
  addresses_.clear();
  hosts_left_ = 0;
  heard_at_ = steady_now();
  pool_.came_up(host_);
  if (!pool_.target().prepare) return;  // a pooler's session is nobody's: nothing is set there
  // A statement that nobody waits for any more ends at the server, too: one that waits for a lock would hold up its
  // connection.
  if (!set_up("SET statement_timeout = " + std::to_string(pool_.bounds().timeout))) return;
  // A loop that does not turn (a WSGI thread between requests) can't close what is idle: the server does, later.
  if (const duration_ms idle = pool_.bounds().idle; idle > 0) {
    if (!set_up("SELECT set_config('idle_session_timeout', '" + std::to_string(2 * idle) +
                "', false) WHERE current_setting('server_version_num')::int >= 140000")) {
      return;
    }
  }
  push_out();
}

// A statement of the connection's own. False: the connection is lost.
bool pg_connection::set_up(std::string sql) {
  const pg_setup what(std::move(sql));
  sent entry{nullptr, steady_now() + 2 * pool_.bounds().timeout, steady_now(), nullptr, 0, false};
  if (!put_on_wire(what, entry)) {
    lose(classify_connect_failure(pq_.error_message(connection_), name_));
    return false;
  }
  wire_.push_back(entry);
  ++abandoned_;
  next_expiry_ = std::min(next_expiry_, entry.deadline);
  return true;
}

void pg_connection::failed_to_connect(pg_refusal why) {
  drop_connection();
  // A server that refuses the user is not asked by its other addresses.
  if (!why.settled) {
    if (!addresses_.empty()) return next_address();
    if (hosts_left_ > 0) {
      host_ = (host_ + 1) % pool_.target().hosts.size();
      return next_host();
    }
  }
  addresses_.clear();
  hosts_left_ = 0;
  lose(std::move(why));
}

// Half of the pause is random, so that a fleet does not come back as one.
duration_ms pg_connection::next_pause() const noexcept {
  const unsigned doublings = std::min(failures_ > 0 ? failures_ - 1 : 0U, 6U);
  const duration_ms longest = std::min(longest_retry_pause, first_retry_pause << doublings);
  std::uint32_t random = 0;
  if (!crypto::random_bytes(&random, sizeof(random))) random = 0;
  return longest / 2 + static_cast<duration_ms>(random % static_cast<std::uint32_t>(longest / 2 + 1));
}

}  // namespace coatcheck::net
