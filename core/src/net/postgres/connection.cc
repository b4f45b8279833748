// Sending, receiving, deadlines and the end of a connection: see connection.hpp. How it comes up: connect.cc.
#include "net/postgres/connection.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <sys/socket.h>
#include <unistd.h>

#include "net/postgres/pool.hpp"

namespace coatcheck::net {
namespace {

constexpr std::size_t deepest_pipeline = 256;
constexpr std::size_t most_unsent = std::size_t{1} << 20;
constexpr duration_ms pg_quiet_time = 5;  // after which a connection is looked at before it is trusted again
constexpr duration_ms slow_front = 100;   // a statement that takes so long may wait for a lock

}  // namespace

pg_connection::pg_connection(pg_pool& of) : pool_(of), pq_(of.pq()), prepared_(of.bounds().statements, 0) {}

pg_connection::~pg_connection() { close(); }

int pg_connection::fd() const noexcept { return connection_ == nullptr ? -1 : pq_.socket(connection_); }

bool pg_connection::busy() const noexcept { return !pool_.bounds().background && wire_.size() > abandoned_; }

bool pg_connection::wants_write() const noexcept {
  return state_ == state::connecting ? polling_ == pq_polling_writing : blocked_;
}

steady_ms pg_connection::deadline() const noexcept {
  steady_ms next = next_expiry_;
  if (state_ == state::resolving || state_ == state::connecting) {
    next = std::min(next, connect_deadline_);
  } else if (state_ == state::pausing && pool_.wanted()) {
    next = std::min(next, retry_at_);
  }
  return std::min(next, idle_until());
}

// When it is closed, if nobody needs it.
steady_ms pg_connection::idle_until() const noexcept {
  const duration_ms idle = pool_.bounds().idle;
  return idle > 0 && state_ == state::ready && wire_.empty() ? heard_at_ + idle : no_deadline;
}

// Tells the driver what changed. A deadline that moved back is not worth a call: it fires once for nothing.
void pg_connection::announce(bool always) {
  if (state_ == state::closed || (state_ == state::idle && announced_.settled())) return;
  announced_.tell(*this, pool_.loop(), always);
}

// Behind a pooler one at a time: pgbouncer 1.18 loses its place in pipelines of several clients on one session.
bool pg_connection::takes_more() const noexcept {
  const std::size_t deepest = pool_.target().prepare ? deepest_pipeline : 1;
  return state_ == state::ready && !blocked_ && !give_up_ && wire_.size() < deepest && unsent_ < most_unsent;
}

bool pg_connection::held_up(steady_ms now) noexcept { return !wire_.empty() && now - wire_.front().since > slow_front; }

std::size_t pg_connection::load(steady_ms now) noexcept { return wire_.size() + (held_up(now) ? deepest_pipeline : 0); }

// A server that closed an idle connection would otherwise be noticed only by losing what is sent next. It may have said
// why before it did: so what there is to read is read to its end.
bool pg_connection::freshen() {
  if (!wire_.empty() || steady_now() - heard_at_ <= pg_quiet_time) return true;
  for (int i = 0; state_ == state::ready && i < 4; ++i) {
    char first = 0;
    const ssize_t got = ::recv(fd(), &first, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
    receive();
  }
  return state_ == state::ready;
}

bool pg_connection::send(pg_request* what) {
  sent entry{what, what->deadline, steady_now(), what->statement, 0, false};
  if (!put_on_wire(*what, entry)) {
    // Without its sync the server does nothing that lasts: it never got to it.
    lose(classify_connect_failure(pq_.error_message(connection_), name_));
    return false;
  }
  ++what->attempts;
  unsent_ += what->bytes();
  wire_.push_back(entry);
  next_expiry_ = std::min(next_expiry_, entry.deadline);
  return true;
}

bool pg_connection::put_on_wire(const pg_request& what, sent& entry) {
  constexpr int binary = 1;
  if (what.statement == nullptr) {
    for (const std::string& sql : what.script) {
      if (pq_.send_query_params(connection_, sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, binary) == 0) {
        return false;
      }
    }
  } else if (!pool_.target().prepare) {
    if (what.with_parameters([&](int count, auto values, auto lengths, auto formats) {
          return pq_.send_query_params(connection_, what.statement->sql.c_str(), count, nullptr, values, lengths,
                                       formats, binary);
        }) == 0) {
      return false;
    }
  } else {
    std::uint64_t& number = prepared_[what.statement->index];
    const bool known = number != 0;
    if (!known) number = ++last_name_;
    entry.prepared = number;
    entry.prepares = !known;
    const std::string name = what.statement->name + "_" + std::to_string(number);
    if (!known && pq_.send_prepare(connection_, name.c_str(), what.statement->sql.c_str(), 0, nullptr) == 0) {
      return false;
    }
    if (what.with_parameters([&](int count, auto values, auto lengths, auto formats) {
          return pq_.send_query_prepared(connection_, name.c_str(), count, values, lengths, formats, binary);
        }) == 0) {
      return false;
    }
  }
  return (pq_.send_pipeline_sync != nullptr ? pq_.send_pipeline_sync : pq_.pipeline_sync)(connection_) != 0;
}

void pg_connection::push_out() {
  if (state_ != state::ready) return;
  const int left = pq_.flush(connection_);
  blocked_ = left > 0;
  if (left == 0) unsent_ = 0;
  // What the server said last explains more than that it takes nothing any more.
  if (left < 0) receive();
}

void pg_connection::receive() {
  const std::uint64_t number = number_;
  const bool more = pq_.consume_input(connection_) != 0;
  heard_at_ = steady_now();
  while (number == number_ && state_ == state::ready && !wire_.empty() && pq_.is_busy(connection_) == 0) {
    pq_result* const got = pq_.get_result(connection_);
    if (got != nullptr) {
      take(got);
    } else if (pq_.status(connection_) == pq_connection_bad) {
      break;
    }
  }
  if (number != number_ || state_ != state::ready) return;
  if (pool_.listener() != nullptr) take_notices();
  if (!more || pq_.status(connection_) == pq_connection_bad) {
    pg_refusal why;
    why.why = {errc::store_unavailable, "PostgreSQL at " + name_ + " closed the connection"};
    lose(std::move(why));
  } else if (give_up_) {
    lose(classify_sqlstate("25006"));
  }
}

void pg_connection::take_notices() {
  while (pq_notice* const one = pq_.notifies(connection_)) {
    if (pool_.listener() != nullptr) pool_.listener()->on_notified(one->channel, one->payload);
    pq_.freemem(one);
  }
}

// One result of the front request. Of its statements the last one's rows count, and the first one's error.
void pg_connection::take(pq_result* got) {
  const int what = pq_.result_status(got);
  if (what == pq_pipeline_sync) {
    pq_.clear(got);
    finish_front();
    return;
  }
  if (what == pq_command_ok || what == pq_tuples_ok) {
    if (rows_ != nullptr) pq_.clear(rows_);
    rows_ = got;
    return;
  }
  if (!front_failed_) {
    front_failed_ = true;
    front_unprepared_ = rows_ == nullptr;
    const char* const code = pq_.result_error_field(got, pq_field_sqlstate);
    sqlstate_ = code == nullptr ? "" : code;
  }
  pq_.clear(got);
  if (sqlstate_.empty()) {
    // libpq's own error: it lost the server, or its place in the stream.
    pg_refusal why;
    why.why = {errc::store_unavailable, "lost the connection to PostgreSQL at " + name_};
    lose(std::move(why));
  } else if (pg_refusal why = classify_sqlstate(sqlstate_); why.ending) {
    lose(std::move(why));
  }
}

// The answer of the front request is complete.
void pg_connection::finish_front() {
  const sent entry = wire_.pop_front();
  const std::unique_ptr<pq_result, void (*)(pq_result*)> rows(std::exchange(rows_, nullptr), pq_.clear);
  const bool failed = std::exchange(front_failed_, false) || rows == nullptr;
  if (!wire_.empty()) wire_.front().since = steady_now();
  pg_refusal why;
  if (failed) {
    why = classify_sqlstate(sqlstate_);
    if (entry.prepared != 0 && (why.replan || (entry.prepares && front_unprepared_))) {
      std::uint64_t& number = prepared_[entry.statement->index];
      if (number == entry.prepared) number = 0;
    }
    if (why.demoted && pool_.target().hosts.size() > 1) give_up_ = true;
  }
  if (entry.request == nullptr) {
    --abandoned_;
    return;
  }
  pool_.settled();
  const auto asked_again = [&] { return pool_.again(entry.request); };
  if (failed) {
    const bool worth_it = why.retry || (why.replan && entry.request->attempts < 3) || give_up_;
    if (worth_it && asked_again()) return;
    (void)entry.request->settle(pg_answer::failure(why.why));
  } else {
    const pg_rows view(pq_, rows.get());
    if (entry.request->settle({&view, errc::store_unavailable, {}}) == pg_request::verdict::again) {
      if (asked_again()) return;
      (void)entry.request->settle(
          pg_answer::failure(errc::store_timeout, "others changed the entry in PostgreSQL again and again"));
    }
  }
  delete entry.request;
}

void pg_connection::on_readable() {
  const auto held = pool_.hold();
  pool_.after_fork();
  if (state_ == state::connecting) {
    go_on();
  } else if (state_ == state::ready) {
    receive();
    // libpq: what could not be sent goes on after what there was to read.
    if (state_ == state::ready && blocked_) push_out();
  }
  if (pool_.wanted()) pool_.plan_flush();
  announce(false);
}

void pg_connection::on_writable() {
  const auto held = pool_.hold();
  pool_.after_fork();
  if (state_ == state::connecting) {
    go_on();
  } else if (state_ == state::ready) {
    push_out();
  }
  if (pool_.wanted()) pool_.plan_flush();
  announce(false);
}

void pg_connection::on_deadline(steady_ms now) {
  const auto held = pool_.hold();
  pool_.after_fork();
  if ((state_ == state::resolving || state_ == state::connecting) && now >= connect_deadline_) {
    pg_refusal why;
    why.why = {errc::store_unavailable, "PostgreSQL at " + name_ + " does not answer"};
    failed_to_connect(std::move(why));
  }
  if (now >= next_expiry_) {
    bool stuck = false;
    std::vector<pg_request*> late;
    next_expiry_ = no_deadline;
    for (std::size_t i = 0; i < wire_.size(); ++i) {
      sent& one = wire_[i];
      if (one.deadline > now) {
        next_expiry_ = std::min(next_expiry_, one.deadline);
      } else if (one.request != nullptr) {
        late.push_back(std::exchange(one.request, nullptr));
        ++abandoned_;
        one.deadline += pool_.bounds().timeout;  // until then its answer may come, to be dropped
        next_expiry_ = std::min(next_expiry_, one.deadline);
      } else {
        stuck = true;
      }
    }
    const std::string text =
        "no answer from PostgreSQL at " + name_ + " within " + std::to_string(pool_.bounds().timeout) + " ms";
    if (stuck) {
      pg_refusal why;
      why.why = {errc::store_unavailable, "PostgreSQL at " + name_ + " stopped answering"};
      lose(std::move(why));
    }
    for (pg_request* one : late) {
      pool_.settled();
      (void)one->settle(pg_answer::failure(errc::store_timeout, text));
      delete one;
    }
  }
  if (state_ == state::pausing && now >= retry_at_ && pool_.wanted()) pool_.plan_flush();
  if (now >= idle_until()) {
    drop_connection();
    state_ = state::idle;
  }
  announce(true);
}

void pg_connection::drop_connection() {
  if (connection_ == nullptr) return;
  ++number_;
  if (pool_.listener() != nullptr) pool_.listener()->on_lost();
  blocked_ = false;
  unsent_ = 0;
  announced_.forget();  // the next descriptor may have the same number
  give_up_ = false;
  if (rows_ != nullptr) pq_.clear(std::exchange(rows_, nullptr));
  front_failed_ = false;
  std::fill(prepared_.begin(), prepared_.end(), 0);
  if (const int old = fd(); old >= 0) pool_.loop().drop_fd(*this, old);
  pq_.finish(std::exchange(connection_, nullptr));
}

// libpq takes leave of the server when a connection is closed. In a child that would be the parent's connection: so the
// descriptor becomes another one first.
void pg_connection::neutralise() {
  const int old = fd();
  if (old < 0) return;
  pool_.loop().drop_fd(*this, old);
  const int nowhere = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (nowhere < 0 || ::dup2(nowhere, old) < 0) {
    connection_ = nullptr;  // rather lost memory than a word on that connection
    ++number_;
  }
  if (nowhere >= 0) ::close(nowhere);
}

void pg_connection::after_fork() {
  if (state_ == state::closed) return;
  neutralise();
  drop_connection();
  state_ = state::idle;
  failures_ = 0;
  addresses_.clear();
  hosts_left_ = 0;
  pg_refusal why;
  why.why = {errc::store_unavailable, "the process was forked while the operation was under way"};
  for (std::size_t i = 0; i < wire_.size(); ++i) {
    if (wire_[i].request != nullptr) wire_[i].request->lost = true;  // it goes on in the parent
  }
  hand_back(why);
}

void pg_connection::close() {
  if (state_ == state::closed) return;
  drop_connection();
  state_ = state::closed;
  pool_.loop().forget(*this);
  pg_refusal why;
  why.why = {errc::store_closed, "the store is closed"};
  for (std::size_t i = 0; i < wire_.size(); ++i) {
    if (wire_[i].request != nullptr) wire_[i].request->lost = true;
  }
  hand_back(why);
}

// The connection is gone: what only reads is asked again, once; a write may have arrived.
void pg_connection::lose(pg_refusal why) {
  drop_connection();
  ++failures_;
  state_ = state::pausing;
  retry_at_ = steady_now() + next_pause();
  pool_.went_down(why, failures_);
  hand_back(why);
}

void pg_connection::hand_back(const pg_refusal& why) {
  ring<sent> ended = std::move(wire_);
  wire_ = {};
  abandoned_ = 0;
  next_expiry_ = no_deadline;
  while (!ended.empty()) {
    pg_request* const one = ended.pop_front().request;
    if (one == nullptr) continue;
    pool_.settled();
    if (one->statement != nullptr && one->statement->reads && !std::exchange(one->lost, true) && pool_.again(one)) {
      continue;
    }
    (void)one->settle(pg_answer::failure(why.why));
    delete one;
  }
}

}  // namespace coatcheck::net
