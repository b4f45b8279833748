// Queue, wire, deadlines: see resp_connection.hpp.
#include "net/redis/resp_connection.hpp"

#include <algorithm>
#include <utility>

#include "net/redis/error.hpp"

namespace coatcheck::net {
namespace {

// What RESP2 sends without being asked, on a connection that subscribes (Redis, "Pub/Sub": wire format).
bool is_message(reply_view root) noexcept {
  if (root.type() != reply_type::array || root.size() < 3 || root.first().type() != reply_type::text) {
    return false;
  }
  const auto kind = root.first().text();
  return kind == "message" || kind == "pmessage" || kind == "smessage";
}

}  // namespace

bool resp_connection::submit(const redis_operation& what) {
  const std::size_t bytes = what.command.size() + what.rest.size();
  if (waiting_.size() + wire_.size() >= limits_.operations || waiting_bytes_.size() + bytes > limits_.waiting_bytes) {
    return false;
  }
  waiting_bytes_.append(what.command).append(what.rest);
  waiting_.push_back({what.done, what.deadline, bytes, 0, 0, what.then, what.hops});
  next_deadline_ = std::min(next_deadline_, what.deadline);
  return true;
}

bool resp_connection::submit_asking(const redis_operation& what) {
  static constexpr std::string_view asking = "*1\r\n$6\r\nASKING\r\n";
  if (waiting_.size() + wire_.size() + 2 > limits_.operations ||
      waiting_bytes_.size() + asking.size() + what.command.size() + what.rest.size() > limits_.waiting_bytes) {
    return false;
  }
  return submit({[](const answer&) {}, what.deadline, asking, {}, on_loss::fail, asking_hops}) && submit(what);
}

void resp_connection::take_waiting(const std::function<void(const redis_operation&)>& to) {
  ring<operation> given;
  std::string bytes;
  std::swap(given, waiting_);
  std::swap(bytes, waiting_bytes_);
  std::size_t at = 0;
  while (!given.empty()) {
    const operation one = given.pop_front();
    if (one.hops != asking_hops) {
      to({one.done, one.deadline, std::string_view(bytes).substr(at, one.bytes), {}, one.then, one.hops});
    }
    at += one.bytes;
  }
}

void resp_connection::submit_first(reply_handler done, std::string_view command) {
  wire_bytes_.append(command);
  wire_.push_back({done, no_deadline, 0, 0, 0, on_loss::fail});
}

void resp_connection::stage() {
  if (waiting_.empty() || !output().empty()) {
    return;  // while the server does not read, commands wait where their deadline can still stop them
  }
  wire_bytes_.clear();
  sent_ = 0;
  ++batch_;
  std::swap(wire_bytes_, waiting_bytes_);
  std::size_t end = 0;
  while (!waiting_.empty()) {
    operation one = waiting_.pop_front();
    if (has_copy(one)) {
      copies_.append(wire_bytes_, end, one.bytes);
    }
    end += one.bytes;
    one.end = end;
    one.batch = batch_;
    wire_.push_back(one);
  }
}

// The reply came, or nobody waits for it any more and the operation left the wire.
void resp_connection::forget_copy(const operation& one) {
  constexpr std::size_t worth_moving = std::size_t{64} << 10;
  if (!has_copy(one)) {
    return;
  }
  copies_at_ += one.bytes;
  if (copies_at_ == copies_.size() || (copies_at_ > worth_moving && copies_at_ > copies_.size() / 2)) {
    copies_.erase(0, copies_at_);
    copies_at_ = 0;
  }
}

void resp_connection::consume(std::size_t bytes) noexcept {
  constexpr std::size_t keep = std::size_t{1} << 20;
  sent_ += bytes;
  if (sent_ == wire_bytes_.size()) {
    sent_ = 0;
    ++batch_;  // all of it left
    wire_bytes_.clear();
    if (wire_bytes_.capacity() > keep) {
      std::string().swap(wire_bytes_);
    }
  }
}

bool resp_connection::receive(std::string_view bytes) {
  const std::uint64_t life = life_;
  while (!bytes.empty()) {
    reader_.feed(bytes);
    for (;;) {
      const reply_reader::outcome read = reader_.next(reply_);
      if (read == reply_reader::outcome::more) {
        break;
      }
      if (read == reply_reader::outcome::broken) {
        why_ = reader_.why();
        return false;
      }
      if (limits_.on_push && is_message(reply_.root())) {
        limits_.on_push(reply_.root());
        if (life != life_) {
          return true;
        }
        continue;
      }
      if (wire_.empty()) {
        why_ = "a reply that nothing asked for";
        return false;
      }
      operation one = wire_.pop_front();
      const bool may_go_on = limits_.on_refusal && one.done && one.bytes != 0 && one.hops != asking_hops &&
                             reply_.root().type() == reply_type::error;
      const std::string command = may_go_on ? copies_.substr(copies_at_, one.bytes) : std::string();
      forget_copy(one);
      if (!one.done) {
        --abandoned_;
        continue;
      }
      if (!may_go_on || !taken_over(one, command)) {
        settle(one);
      }
      if (life != life_) {
        return true;  // the rest belongs to a connection that is gone
      }
    }
  }
  return true;
}

bool resp_connection::taken_over(const operation& one, std::string_view command) {
  const std::string_view text = reply_.root().text();
  return limits_.on_refusal(classify_redis_error(text), text,
                            {one.done, one.deadline, command, {}, one.then, one.hops});
}

void resp_connection::settle(operation& one) const {
  answer given;
  given.from = limits_.owner;
  if (reply_.root().type() == reply_type::error) {
    const redis_refusal refusal = classify_redis_error(reply_.root().text());
    given.code = errc::store_refused;
    given.why = refusal.message;
    given.refused_word = refusal.word;
  } else {
    given.value = &reply_;
  }
  one.done(given);
}

void resp_connection::expire(steady_ms now, const failure& late) {
  if (now < next_deadline_) {
    return;
  }
  ring<operation> ended;
  next_deadline_ = no_deadline;
  for (std::size_t i = 0; i < wire_.size(); ++i) {
    operation& one = wire_[i];
    if (one.done && one.deadline <= now) {
      ended.push_back(one);
      one.done = {};
      ++abandoned_;
    } else if (one.done) {
      next_deadline_ = std::min(next_deadline_, one.deadline);
    }
  }
  if (!wire_.empty() && !wire_.front().done) {
    next_deadline_ = std::min(next_deadline_, wire_.front().deadline + limits_.patience);
  }
  expire_waiting(now, ended);
  finish(ended, late);
}

// Takes late operations and their bytes out of the queue.
void resp_connection::expire_waiting(steady_ms now, ring<operation>& late) {
  std::size_t kept = 0;
  std::size_t from = 0;
  std::size_t to = 0;
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    operation& one = waiting_[i];
    const std::size_t bytes = one.bytes;
    if (one.deadline <= now) {
      late.push_back(one);
    } else {
      next_deadline_ = std::min(next_deadline_, one.deadline);
      if (from != to) {
        std::copy_n(waiting_bytes_.begin() + static_cast<std::ptrdiff_t>(from), bytes,
                    waiting_bytes_.begin() + static_cast<std::ptrdiff_t>(to));
      }
      to += bytes;
      waiting_[kept++] = one;
    }
    from += bytes;
  }
  waiting_.truncate(kept);
  waiting_bytes_.resize(to);
}

bool resp_connection::stuck(steady_ms now) noexcept {
  if (abandoned_ == 0) {
    return false;
  }
  if (abandoned_ > limits_.operations / 2) {
    return true;
  }
  // Deadlines run nearly in the order of the wire, so the oldest operation speaks for all.
  const operation& oldest = wire_.front();
  return !oldest.done && oldest.deadline + limits_.patience <= now;
}

// Empties the wire. What did not leave, and what may be asked again, goes back before all that waits.
void resp_connection::take_back(bool in_doubt, ring<operation>& ended) {
  ring<operation> back;
  std::string bytes;
  std::size_t copy = copies_at_;
  while (!wire_.empty()) {
    operation one = wire_.pop_front();
    const bool left = may_have_left(one);
    const bool again = one.then == on_loss::ask_again;
    const std::size_t copied = has_copy(one) ? one.bytes : 0;
    if (one.done && one.bytes != 0 && (!left || (again && !in_doubt))) {
      bytes.append(left ? std::string_view(copies_).substr(copy, one.bytes)
                        : std::string_view(wire_bytes_).substr(one.end - one.bytes, one.bytes));
      if (left) {
        one.then = on_loss::fail;  // once: what it asks may be what the server dies of
      }
      back.push_back(one);
    } else {
      ended.push_back(one);
    }
    copy += copied;
  }
  if (back.empty()) {
    return;
  }
  waiting_bytes_.insert(0, bytes);
  while (!waiting_.empty()) {
    back.push_back(waiting_.pop_front());
  }
  std::swap(waiting_, back);
}

// For the next connection: nothing of this one is left, save what waits.
void resp_connection::start_over() noexcept {
  abandoned_ = 0;
  wire_bytes_.clear();
  sent_ = 0;
  ++batch_;
  copies_.clear();
  copies_at_ = 0;
  ++life_;
  reader_.reset();
}

void resp_connection::lose(const failure& lost, bool in_doubt) {
  ring<operation> ended;
  take_back(in_doubt, ended);
  start_over();
  finish(ended, lost);
}

void resp_connection::end(const failure& ended) {
  ring<operation> on_wire;
  ring<operation> waiting;
  std::swap(on_wire, wire_);
  std::swap(waiting, waiting_);
  waiting_bytes_.clear();
  start_over();
  finish(on_wire, ended);
  finish(waiting, ended);
}

void resp_connection::finish(ring<operation>& operations, const failure& with) {
  const answer none = answer::none(with);
  while (!operations.empty()) {
    operation one = operations.pop_front();
    if (one.done) {
      one.done(none);
    }
  }
}

}  // namespace coatcheck::net
