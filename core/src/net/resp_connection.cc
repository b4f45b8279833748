// Queue, wire, deadlines: see resp_connection.hpp.
#include "net/resp_connection.hpp"

#include <algorithm>
#include <utility>

#include "net/redis_error.hpp"

namespace coatcheck::net {

bool resp_connection::submit(reply_handler done, steady_ms deadline, std::string_view command, std::string_view rest) {
  const std::size_t bytes = command.size() + rest.size();
  if (waiting_.size() + wire_.size() >= limits_.operations || waiting_bytes_.size() + bytes > limits_.waiting_bytes) {
    return false;
  }
  waiting_bytes_.append(command).append(rest);
  waiting_.push_back({done, deadline, bytes});
  next_deadline_ = std::min(next_deadline_, deadline);
  return true;
}

void resp_connection::submit_first(reply_handler done, std::string_view command) {
  wire_bytes_.append(command);
  wire_.push_back({done, no_deadline, 0});
}

void resp_connection::stage() {
  if (waiting_.empty() || !output().empty()) {
    return;  // while the server does not read, commands wait where their deadline can still stop them
  }
  wire_bytes_.clear();
  sent_ = 0;
  std::swap(wire_bytes_, waiting_bytes_);
  while (!waiting_.empty()) {
    wire_.push_back(waiting_.pop_front());
  }
}

void resp_connection::consume(std::size_t bytes) noexcept {
  constexpr std::size_t keep = std::size_t{1} << 20;
  sent_ += bytes;
  if (sent_ == wire_bytes_.size()) {
    sent_ = 0;
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
      if (wire_.empty()) {
        why_ = "a reply that nothing asked for";
        return false;
      }
      operation one = wire_.pop_front();
      if (!one.done) {
        --abandoned_;
        continue;
      }
      settle(one, reply_);
      if (life != life_) {
        return true;  // the rest belongs to a connection that is gone
      }
    }
  }
  return true;
}

void resp_connection::settle(operation& one, const reply& value) {
  answer given;
  if (value.root().type() == reply_type::error) {
    const redis_refusal refusal = classify_redis_error(value.root().text());
    given.code = errc::store_refused;
    given.why = refusal.message;
    given.refused_word = refusal.word;
  } else {
    given.value = &value;
  }
  one.done(given);
}

void resp_connection::expire(steady_ms now, const answer& late) {
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

void resp_connection::lose(const answer& lost) {
  ring<operation> ended;
  std::swap(ended, wire_);
  abandoned_ = 0;
  wire_bytes_.clear();
  sent_ = 0;
  ++life_;
  reader_.reset();
  finish(ended, lost);
}

void resp_connection::end(const answer& ended) {
  ring<operation> waiting;
  std::swap(waiting, waiting_);
  waiting_bytes_.clear();
  lose(ended);
  finish(waiting, ended);
}

void resp_connection::finish(ring<operation>& operations, const answer& with) {
  while (!operations.empty()) {
    operation one = operations.pop_front();
    if (one.done) {
      one.done(with);
    }
  }
}

}  // namespace coatcheck::net
