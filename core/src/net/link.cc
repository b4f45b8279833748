// Sending, receiving, deadlines and the end: see link.hpp. How it connects: link_connect.cc.
#include "net/link.hpp"

#include <algorithm>
#include <cstring>

#include "crypto/hmac.hpp"
#include "crypto/random.hpp"

namespace coatcheck::net {
namespace {

constexpr std::size_t read_size = std::size_t{64} << 10;
constexpr int reads_per_turn = 16;        // then the other users of the loop have their turn
constexpr duration_ms quiet_time = 5;     // after which a connection is looked at before it is trusted again
constexpr unsigned patient_failures = 5;  // then operations fail at once between attempts

}  // namespace

link::link(machine& turned, std::string_view server, endpoint_source where, const link_options& chosen, driver& loop)
    : machine_(turned),
      server_(server),
      where_(std::move(where)),
      options_(chosen),
      loop_(&loop),
      transport_(chosen.make_transport()),
      generation_(crypto::fork_generation()) {}

link::~link() = default;

bool link::wants_write() const noexcept { return transport_->wants_write(); }

bool link::busy() const noexcept {
  if (options_.background) {
    return false;
  }
  return !late_.empty() || (state_ == state::ready ? machine_.awaited() : machine_.waiting()) > 0;
}

steady_ms link::deadline() const noexcept {
  steady_ms next = machine_.next_deadline();
  if (coming_up()) {
    next = std::min(next, connect_deadline_);
  } else if (state_ == state::pausing && machine_.waiting() > 0) {
    next = std::min(next, retry_at_);
  }
  next = std::min(next, leave_at_);
  return late_.empty() ? next : std::min(next, late_since_);
}

void link::announce(bool always) {
  if (state_ != state::closed) {
    announced_.tell(*this, *loop_, always);
  }
}

void link::plan_flush() {
  if (!flush_planned_) {
    flush_planned_ = true;
    loop_->flush_soon(*this);
  }
}

bool link::unreachable() const noexcept { return state_ != state::ready && failures_ >= patient_failures; }

bool link::long_gone() const noexcept {
  return !options_.fail_fast && unreachable() &&
         (machine_.waiting() > 0 || (state_ == state::pausing && now() < retry_at_));
}

void link::submitted() {
  if (!coming_up()) {
    plan_flush();
  }
  announce(false);
}

void link::end_later(late_handler done, const failure& given) {
  if (closed()) {
    done(closed_failure);
    return;
  }
  // By the deadline and not by flush: a caller who starts over at once must not keep the loop from its descriptors.
  if (late_.empty()) {
    late_since_ = now();
  }
  late_.push_back({done, given});
  announce(false);
}

void link::end_late_ones() {
  for (std::size_t left = late_.size(); left > 0 && !late_.empty(); --left) {
    late_end one = late_.pop_front();
    one.done(one.given);
  }
}

void link::flush() {
  const auto self = shared_from_this();
  flush_planned_ = false;
  after_fork();
  if (state_ == state::pausing && now() >= retry_at_) {
    state_ = state::idle;
  }
  if (state_ == state::idle && machine_.waiting() > 0) {
    connect();
  } else if (state_ == state::ready) {
    // A server that closed an idle connection would otherwise be noticed only by losing this turn's operations.
    if (read_on_ || (machine_.on_wire() == 0 && now() - heard_at_ > quiet_time)) {
      receive();
    }
    if (state_ == state::ready) {
      send();
    }
  }
  announce(false);
}

void link::receive() {
  const std::uint64_t connection = connection_;
  read_on_ = false;
  if (buffer_.empty()) {
    buffer_.resize(read_size);
  }
  for (int i = 0; i < reads_per_turn; ++i) {
    const auto got = transport_->read(buffer_.data(), buffer_.size());
    if (got.what == transport::status::again) {
      return;
    }
    if (got.what == transport::status::closed) {
      lose(errc::store_unavailable, server_at() + " closed the connection");
      return;
    }
    if (got.what == transport::status::failed) {
      lose(errc::store_unavailable, "lost the connection to " + server_at() + ": " + transport_->why(got), got.lasting);
      return;
    }
    heard_at_ = now();
    if (state_ == state::ready) {
      failures_ = 0;
    }
    const bool in_step = machine_.receive({buffer_.data(), got.bytes});
    if (connection != connection_ || fd() < 0) {
      return;
    }
    if (!in_step) {
      lose(errc::store_protocol, server_at() + " sent " + std::string(machine_.why()));
      return;
    }
    if (got.bytes < buffer_.size() && !transport_->holds_bytes()) {
      return;  // nothing more for now: the next read would only say so
    }
  }
  // What the socket still has, the driver tells. What the transport has, nobody would.
  if (transport_->holds_bytes()) {
    read_on_ = true;
    plan_flush();
  }
}

void link::send() {
  for (;;) {
    if (state_ == state::ready && leaving_.empty()) {
      machine_.stage();
    }
    const std::string_view bytes = machine_.output();
    if (bytes.empty()) {
      return;
    }
    const auto sent = transport_->write(bytes);
    if (sent.what == transport::status::failed || sent.what == transport::status::closed) {
      lose(errc::store_unavailable, "lost the connection to " + server_at() + ": " + transport_->why(sent),
           sent.lasting);
      return;
    }
    machine_.consume(sent.bytes);
    if (sent.bytes < bytes.size()) {
      return;
    }
  }
}

void link::on_readable() {
  const auto self = shared_from_this();
  after_fork();
  if (state_ == state::connecting) {
    connect_outcome(transport_->go_on());  // an attempt that failed is readable, too
  } else if (fd() >= 0) {
    receive();
    // A write may have waited for something to read.
    if (fd() >= 0 && !machine_.output().empty() && !wants_write()) {
      send();
    }
  }
  leave_if_answered(now());
  announce(false);
}

void link::on_writable() {
  const auto self = shared_from_this();
  after_fork();
  if (state_ == state::connecting) {
    connect_outcome(transport_->go_on());
  } else if (fd() >= 0) {
    send();
    // A read may have waited to write.
    if (fd() >= 0 && machine_.output().empty() && wants_write()) {
      receive();
    }
  }
  announce(false);
}

void link::on_deadline(steady_ms at) {
  const auto self = shared_from_this();
  after_fork();
  std::string text;
  machine_.expire(at, lateness(text));
  end_late_ones();
  leave_if_answered(at);
  if (coming_up() && at >= connect_deadline_) {
    lose(errc::store_unavailable, server_at() + " does not answer" + awaited());
  } else if (state_ == state::ready && machine_.stuck(at)) {
    lose(errc::store_unavailable, server_at() + " stopped answering");
  }
  if (state_ == state::pausing && at >= retry_at_) {
    state_ = state::idle;
    if (machine_.waiting() > 0) {
      connect();
    }
  }
  announce(true);
}

std::string link::awaited() const {
  const std::string_view more = state_ == state::connecting ? transport_->waits_for() : std::string_view();
  return more.empty() ? std::string() : ": " + std::string(more);
}

// What an operation that is late is told: that the server is slow, or why there is none.
failure link::lateness(std::string& text) const {
  if (state_ == state::ready || failure_.empty()) {
    text = "no answer from " + server_at() + " within " + std::to_string(options_.timeout) + " ms" + awaited();
    return {errc::store_timeout, text};
  }
  text = failure_;
  return {errc::store_unavailable, text};
}

void link::close_socket() {
  leaving_.clear();
  leave_at_ = no_deadline;
  if (fd() >= 0) {
    ++connection_;
    read_on_ = false;
    announced_.forget();  // the next descriptor may have the same number
    loop_->drop_fd(*this, fd());
    transport_->close();
    disconnected();
  }
}

void link::lose(errc code, const std::string& why, bool waiting_too) {
  close_socket();
  ++failures_;
  failure_ = why;
  state_ = state::pausing;
  retry_at_ = now() + next_pause();
  const failure lost{code, why};
  if (waiting_too || options_.fail_fast) {
    machine_.end(lost);
  } else {
    machine_.lose(lost, code == errc::store_protocol);
  }
}

void link::distrust() {
  if (fd() >= 0) {
    lose(errc::store_protocol, server_at() + " sent a reply that does not fit its command");
  }
}

void link::reconnect(const std::string& why) {
  if (fd() >= 0) {
    const auto self = shared_from_this();
    lose(errc::store_unavailable, why);
    announce(true);
  }
}

void link::after_fork() {
  if (generation_ == crypto::fork_generation()) {
    return;
  }
  generation_ = crypto::fork_generation();
  if (state_ == state::closed) {
    return;
  }
  close_socket();  // the parent's descriptor stays open: the server sees nothing
  state_ = state::idle;
  flush_planned_ = false;
  machine_.end({errc::store_unavailable, "the process was forked while the operation was under way"});
}

void link::close() {
  if (state_ == state::closed) {
    return;
  }
  const std::shared_ptr<link> self = weak_from_this().lock();  // null in a destructor
  if (generation_ != crypto::fork_generation()) {
    after_fork();
  }
  close_socket();
  state_ = state::closed;
  loop_->forget(*this);
  machine_.end(closed_failure);
  while (!late_.empty()) {
    late_end one = late_.pop_front();
    one.done(closed_failure);
  }
}

}  // namespace coatcheck::net
