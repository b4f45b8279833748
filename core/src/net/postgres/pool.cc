// The queue, who takes from it, and when another connection is opened: see pool.hpp.
#include "net/postgres/pool.hpp"

#include <algorithm>
#include <utility>

#include "crypto/hmac.hpp"
#include "crypto/random.hpp"

namespace coatcheck::net {
namespace {

constexpr std::size_t busy_pipeline = 4;  // requests on each connection, from which on another one is opened
constexpr unsigned patient_attempts = 5;  // then requests fail at once between attempts to connect
constexpr unsigned most_attempts = 64;    // of one request

}  // namespace

std::shared_ptr<pg_pool> pg_pool::create(const libpq& pq, pg_target target, const pg_bounds& bounds, driver& loop) {
  return std::shared_ptr<pg_pool>(new pg_pool(pq, std::move(target), bounds, loop));
}

pg_pool::pg_pool(const libpq& pq, pg_target target, const pg_bounds& bounds, driver& loop)
    : pq_(pq), target_(std::move(target)), bounds_(bounds), loop_(loop), generation_(crypto::fork_generation()) {
  announced_.forget();  // the driver is told of it before anything has changed
}

pg_pool::~pg_pool() {
  close();
  for (auto& [name, value] : target_.parameters) crypto::wipe(value.data(), value.size());
}

steady_ms pg_pool::deadline() const noexcept {
  const steady_ms next = waiting_.empty() ? no_deadline : next_expiry_;
  return answered_.empty() ? next : std::min(next, answered_at_);
}

void pg_pool::announce(bool always) {
  if (!closed_) announced_.tell(*this, loop_, always);
}

void pg_pool::plan_flush() {
  if (closed_ || flush_planned_) return;
  flush_planned_ = true;
  loop_.flush_soon(*this);
}

bool pg_pool::any_ready() const noexcept {
  return std::any_of(connections_.begin(), connections_.end(), [](const auto& one) { return one->ready(); });
}

void pg_pool::submit(std::unique_ptr<pg_request> what) {
  if (closed_) {
    (void)what->settle(pg_answer::failure(errc::store_closed, "the store is closed"));
    return;
  }
  const auto self = shared_from_this();
  after_fork();
  // A server that is long gone: one request waits for the next attempt, the others need not.
  if (failures_ >= patient_attempts && !any_ready() &&
      (!waiting_.empty() || std::any_of(connections_.begin(), connections_.end(),
                                        [](const auto& one) { return one->pausing() && !one->can_start(); }))) {
    return answer_later(std::move(what), failure_);
  }
  if (under_way_ >= bounds_.queue || waiting_bytes_ + what->bytes() > bounds_.waiting_bytes) {
    return answer_later(std::move(what),
                        {errc::store_overloaded, "too many operations wait for PostgreSQL (see ?queue=)"});
  }
  ++under_way_;
  waiting_bytes_ += what->bytes();
  next_expiry_ = waiting_.empty() ? what->deadline : std::min(next_expiry_, what->deadline);
  waiting_.push_back(what.release());
  plan_flush();
  announce(false);
}

bool pg_pool::again(pg_request* what) {
  if (closed_ || what->attempts >= most_attempts || steady_now() >= what->deadline) return false;
  ++under_way_;
  waiting_bytes_ += what->bytes();
  next_expiry_ = waiting_.empty() ? what->deadline : std::min(next_expiry_, what->deadline);
  waiting_.push_back(what);
  plan_flush();
  announce(false);
  return true;
}

void pg_pool::answer_later(std::unique_ptr<pg_request> what, error why) {
  if (closed_) {
    (void)what->settle(pg_answer::failure(errc::store_closed, "the store is closed"));
    return;
  }
  // By the deadline and not by flush: a caller who starts over at once must not keep the loop from its descriptors.
  if (answered_.empty()) answered_at_ = steady_now();
  answered_.push_back({what.release(), std::move(why)});
  announce(false);
}

void pg_pool::flush() {
  const auto self = shared_from_this();
  flush_planned_ = false;
  after_fork();
  dispatch();
  announce(false);
}

void pg_pool::dispatch() {
  while (!closed_ && !waiting_.empty()) {
    const steady_ms now = steady_now();
    pg_connection* best = nullptr;
    for (const auto& one : connections_) {
      if (one->takes_more() && (best == nullptr || one->load(now) < best->load(now))) best = one.get();
    }
    if (best == nullptr || (best->held_up(now) && may_grow())) break;
    if (!best->freshen()) continue;
    if (waiting_.empty()) break;  // it ended them
    pg_request* const next = waiting_.pop_front();
    waiting_bytes_ -= next->bytes();
    if (next->deadline <= now) {
      --under_way_;
      end_one(next, lateness());
      continue;
    }
    if (!best->send(next)) {
      --under_way_;
      if (!again(next)) end_one(next, failure_);
    }
  }
  if (closed_) return;
  grow();
  for (std::size_t i = 0; !closed_ && i < connections_.size(); ++i) {
    connections_[i]->push_out();
    connections_[i]->announce(false);
  }
}

// Whether a request may wait for another connection rather than behind a statement that takes long.
bool pg_pool::may_grow() const noexcept {
  const auto any = [&](auto what) { return std::any_of(connections_.begin(), connections_.end(), what); };
  if (any([](const auto& one) { return one->connecting() || one->can_start(); })) return true;
  return connections_.size() < bounds_.connections && !any([](const auto& one) { return one->pausing(); });
}

// One attempt at a time: a server that is down is not asked by many.
void pg_pool::grow() {
  const steady_ms now = steady_now();
  pg_connection* idle = nullptr;
  bool any = false;
  for (const auto& one : connections_) {
    if (one->ready()) {
      any = true;
      if (one->load(now) < busy_pipeline && (one->takes_more() || waiting_.empty())) return;
    } else if (one->can_start()) {
      idle = one.get();
    } else if (one->coming_up()) {
      return;
    }
  }
  if (!any && waiting_.empty()) return;
  if (idle == nullptr) {
    if (connections_.size() >= bounds_.connections) return;
    connections_.push_back(std::make_unique<pg_connection>(*this));
    idle = connections_.back().get();
  }
  idle->start();
  if (!closed_) idle->announce(false);
}

void pg_pool::on_deadline(steady_ms now) {
  const auto self = shared_from_this();
  after_fork();
  for (std::size_t left = answered_.size(); left > 0 && !answered_.empty(); --left) {
    late_answer one = answered_.pop_front();
    end_one(one.request, one.why);
  }
  if (!closed_ && now >= next_expiry_) {
    ring<pg_request*> late;
    next_expiry_ = no_deadline;
    for (std::size_t left = waiting_.size(); left > 0; --left) {
      pg_request* const one = waiting_.pop_front();
      if (one->deadline <= now) {
        waiting_bytes_ -= one->bytes();
        --under_way_;
        late.push_back(one);
      } else {
        next_expiry_ = std::min(next_expiry_, one->deadline);
        waiting_.push_back(one);
      }
    }
    const error why = lateness();
    while (!late.empty()) end_one(late.pop_front(), why);
  }
  announce(true);
}

// What a request that is late is told: that the server is slow, or why there is none.
error pg_pool::lateness() const {
  if (failures_ == 0 || any_ready()) {
    return {errc::store_timeout,
            "no connection to PostgreSQL was free within " + std::to_string(bounds_.timeout) + " ms"};
  }
  return failure_;
}

void pg_pool::end_one(pg_request* what, const error& why) {
  const std::unique_ptr<pg_request> one(what);
  (void)one->settle(pg_answer::failure(why));
}

void pg_pool::end_waiting(const error& why) {
  ring<pg_request*> ended = std::exchange(waiting_, {});
  waiting_bytes_ = 0;
  under_way_ -= ended.size();
  while (!ended.empty()) end_one(ended.pop_front(), why);
}

void pg_pool::came_up(std::size_t host) {
  good_host_ = host;
  failures_ = 0;
  failure_ = {};
  plan_flush();
}

void pg_pool::went_down(const pg_refusal& why, unsigned failures) {
  failures_ = failures;
  failure_ = why.why;
  // Nothing that time heals: nobody need wait for it.
  if (why.settled && !any_ready()) end_waiting(why.why);
}

void pg_pool::after_fork() {
  if (generation_ == crypto::fork_generation()) return;
  generation_ = crypto::fork_generation();
  if (closed_) return;
  flush_planned_ = false;
  announced_.forget();
  for (const auto& one : connections_) one->after_fork();
  end_waiting({errc::store_unavailable, "the process was forked while the operation was under way"});
}

void pg_pool::close() {
  if (closed_) return;
  const std::shared_ptr<pg_pool> self = weak_from_this().lock();  // null in the destructor
  if (generation_ != crypto::fork_generation()) after_fork();
  closed_ = true;
  loop_.forget(*this);
  for (const auto& one : connections_) one->close();
  const error ended{errc::store_closed, "the store is closed"};
  end_waiting(ended);
  while (!answered_.empty()) {
    const late_answer one = answered_.pop_front();
    end_one(one.request, ended);
  }
}

}  // namespace coatcheck::net
