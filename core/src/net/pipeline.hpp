// What every pipelined protocol's machine does alike: a queue, the order of replies on the wire, abandoned operations,
// deadlines, and what is taken back from a lost connection. A protocol adds how its replies are read (receive), and
// what a command is (resp_connection, meta_connection).
//
// Operations wait in a queue with their encoded commands. `stage` moves them to the wire: from then on an operation
// has a place in the order of replies, and it keeps that place until its reply came or the connection is lost,
// whether or not somebody still waits for it. That is what keeps replies from ever reaching the wrong caller.
//
// When the connection is lost, what provably did not leave goes back to the queue, and so does, once, an operation that
// only reads and was not answered. A write that may have arrived ends as unknown.
//
// An operation that misses its deadline while it waits is never sent. One that misses it on the wire is abandoned:
// its handler gets `store_timeout` and its reply, when it comes, is dropped.
//
// Handlers run inside receive, expire, lose and end, when the machine is in a consistent state: they may call
// anything here. The object itself must outlive the call (a link holds a reference to itself meanwhile).
//
// Thread safety: none; one loop's thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "coatcheck/clock.hpp"
#include "coatcheck/driver.hpp"
#include "coatcheck/error.hpp"

#include "net/machine.hpp"
#include "net/ring.hpp"

namespace coatcheck::net {

// What becomes of an operation when its connection is lost before the reply came.
enum class on_loss : std::uint8_t {
  fail,       // sent again only if it provably did not leave
  ask_again,  // sent again, once: only for what changes nothing
  stay,       // never sent on another connection: it means something on this one alone
};

struct pipeline_limits {
  std::size_t operations = 16384;                     // waiting and on the wire, abandoned ones included
  std::size_t waiting_bytes = std::size_t{64} << 20;  // encoded commands that are not on the wire yet
  duration_ms patience = 250;  // how long past its deadline an abandoned operation's reply may take
  bool keep_commands = false;  // all of them until they are answered, not only those that may be asked again
};

// `Handler`: an in_place_handler of an answer that has `none(failure)`.
template <class Handler>
class pipeline : public machine {
 public:
  void stage() final;
  [[nodiscard]] std::string_view output() const noexcept final { return std::string_view(wire_bytes_).substr(sent_); }
  void consume(std::size_t bytes) noexcept final;
  [[nodiscard]] std::string_view why() const noexcept final { return why_; }

  void expire(steady_ms now, const failure& late) final;
  [[nodiscard]] bool stuck(steady_ms now) noexcept final;
  [[nodiscard]] steady_ms next_deadline() const noexcept final { return next_deadline_; }

  void lose(const failure& lost, bool in_doubt) final;
  void end(const failure& ended) final;

  [[nodiscard]] std::size_t waiting() const noexcept final { return waiting_.size(); }
  [[nodiscard]] std::size_t on_wire() const noexcept final { return wire_.size(); }
  [[nodiscard]] std::size_t abandoned() const noexcept { return abandoned_; }
  [[nodiscard]] std::size_t awaited() const noexcept final { return waiting_.size() + wire_.size() - abandoned_; }

 protected:
  struct operation {
    Handler done;
    steady_ms deadline = no_deadline;
    std::size_t bytes = 0;  // of the encoded command; 0: of the handshake
    std::size_t end = 0;    // where it ends in wire_bytes_, while those are the ones of `batch`
    std::uint64_t batch = 0;
    std::uint32_t mark = 0;  // the protocol's own: what the reply has to carry
    on_loss then = on_loss::fail;
  };

  explicit pipeline(const pipeline_limits& bounds) : limits_(bounds) {}

  // Queues an operation: `pieces`, one after the other, are one encoded command. False: the queue is full, and nothing
  // happened.
  [[nodiscard]] bool queue(const Handler& done, steady_ms deadline, std::initializer_list<std::string_view> pieces,
                           on_loss then, std::uint32_t mark = 0);
  // Whether so many operations, of so many bytes together, can be queued.
  [[nodiscard]] bool has_room(std::size_t operations, std::size_t bytes) const noexcept {
    return waiting_.size() + wire_.size() + operations <= limits_.operations &&
           waiting_bytes_.size() + bytes <= limits_.waiting_bytes;
  }
  // Gives away all that waits: to(operation, its command), which may call anything here.
  template <class To>
  void give_waiting(To&& to);
  // Puts a command on the wire at once, before all that waits: for the handshake. It has no deadline of its own.
  void queue_first(const Handler& done, std::string_view command);

  // The operation whose reply comes next, and its command, where it is kept. REQUIRES: on_wire() > 0.
  [[nodiscard]] operation& first() noexcept { return wire_.front(); }
  [[nodiscard]] std::string_view command_of_first() noexcept {
    return std::string_view(copies_).substr(copies_at_, has_copy(first()) ? first().bytes : 0);
  }
  // Takes it off the wire: its reply is here. Without a handler it was abandoned.
  [[nodiscard]] operation answered();
  // Grows with each lost connection: a handler may have ended the one being received.
  [[nodiscard]] std::uint64_t life() const noexcept { return life_; }
  // For receive, which returns false after it. Static text.
  bool doubt(std::string_view why) noexcept {
    why_ = why;
    return false;
  }
  [[nodiscard]] const pipeline_limits& bounds() const noexcept { return limits_; }

 private:
  // Forgets what was received of a reply: another connection comes.
  virtual void reset_reader() = 0;

  void expire_waiting(steady_ms now, ring<operation>& late);
  // Whether the server can have got the whole command.
  [[nodiscard]] bool may_have_left(const operation& one) const noexcept {
    return one.batch != batch_ || one.end <= sent_;
  }
  [[nodiscard]] bool has_copy(const operation& one) const noexcept {
    return one.bytes != 0 && (limits_.keep_commands || one.then == on_loss::ask_again);
  }
  void forget_copy(const operation& one);
  void take_back(bool in_doubt, ring<operation>& ended);
  void drop_bound(ring<operation>& ended);
  template <class Leaves>
  void pick_waiting(ring<operation>& out, Leaves&& leaves);
  void start_over();
  static void finish(ring<operation>& operations, const failure& with);

  const pipeline_limits limits_;
  ring<operation> waiting_;
  std::string waiting_bytes_;
  ring<operation> wire_;  // in the order of replies
  std::string wire_bytes_;
  std::size_t sent_ = 0;       // of wire_bytes_
  std::uint64_t batch_ = 1;    // number of what is in wire_bytes_
  std::string copies_;         // of the commands on the wire that have one (has_copy), in order
  std::size_t copies_at_ = 0;  // where the first of them begins
  std::size_t abandoned_ = 0;  // entries of wire_ without a handler
  std::size_t bound_ = 0;      // entries of waiting_ that stay with this connection
  steady_ms next_deadline_ = no_deadline;
  std::uint64_t life_ = 0;
  std::string_view why_;
};

template <class Handler>
bool pipeline<Handler>::queue(const Handler& done, steady_ms deadline, std::initializer_list<std::string_view> pieces,
                              on_loss then, std::uint32_t mark) {
  std::size_t bytes = 0;
  for (const auto piece : pieces) {
    bytes += piece.size();
  }
  if (!has_room(1, bytes)) {
    return false;
  }
  for (const auto piece : pieces) {
    waiting_bytes_.append(piece);
  }
  waiting_.push_back({done, deadline, bytes, 0, 0, mark, then});
  bound_ += then == on_loss::stay ? 1 : 0;
  next_deadline_ = std::min(next_deadline_, deadline);
  return true;
}

template <class Handler>
template <class To>
void pipeline<Handler>::give_waiting(To&& to) {
  ring<operation> given;
  std::string bytes;
  std::swap(given, waiting_);
  std::swap(bytes, waiting_bytes_);
  bound_ = 0;
  std::size_t at = 0;
  while (!given.empty()) {
    const operation one = given.pop_front();
    to(one, std::string_view(bytes).substr(at, one.bytes));
    at += one.bytes;
  }
}

template <class Handler>
void pipeline<Handler>::queue_first(const Handler& done, std::string_view command) {
  wire_bytes_.append(command);
  wire_.push_back({done, no_deadline, 0, 0, 0, 0, on_loss::fail});
}

template <class Handler>
void pipeline<Handler>::stage() {
  if (waiting_.empty() || !output().empty()) {
    return;  // while the server does not read, commands wait where their deadline can still stop them
  }
  wire_bytes_.clear();
  sent_ = 0;
  ++batch_;
  std::swap(wire_bytes_, waiting_bytes_);
  bound_ = 0;
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
template <class Handler>
void pipeline<Handler>::forget_copy(const operation& one) {
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

template <class Handler>
typename pipeline<Handler>::operation pipeline<Handler>::answered() {
  operation one = wire_.pop_front();
  forget_copy(one);
  if (!one.done) {
    --abandoned_;
  }
  return one;
}

template <class Handler>
void pipeline<Handler>::consume(std::size_t bytes) noexcept {
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

template <class Handler>
void pipeline<Handler>::expire(steady_ms now, const failure& late) {
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

// Takes those operations out of the queue for which `leaves` is true, and their bytes.
template <class Handler>
template <class Leaves>
void pipeline<Handler>::pick_waiting(ring<operation>& out, Leaves&& leaves) {
  std::size_t kept = 0;
  std::size_t from = 0;
  std::size_t to = 0;
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    operation& one = waiting_[i];
    const std::size_t bytes = one.bytes;
    if (leaves(one)) {
      bound_ -= one.then == on_loss::stay ? 1 : 0;
      out.push_back(one);
    } else {
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

template <class Handler>
void pipeline<Handler>::expire_waiting(steady_ms now, ring<operation>& late) {
  pick_waiting(late, [&](const operation& one) {
    if (one.deadline <= now) {
      return true;
    }
    next_deadline_ = std::min(next_deadline_, one.deadline);
    return false;
  });
}

template <class Handler>
bool pipeline<Handler>::stuck(steady_ms now) noexcept {
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
template <class Handler>
void pipeline<Handler>::take_back(bool in_doubt, ring<operation>& ended) {
  ring<operation> back;
  std::string bytes;
  std::size_t copy = copies_at_;
  while (!wire_.empty()) {
    operation one = wire_.pop_front();
    const bool left = may_have_left(one);
    const bool again = one.then == on_loss::ask_again;
    const std::size_t copied = has_copy(one) ? one.bytes : 0;
    if (one.done && one.bytes != 0 && one.then != on_loss::stay && (!left || (again && !in_doubt))) {
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

// What waits and means nothing on another connection.
template <class Handler>
void pipeline<Handler>::drop_bound(ring<operation>& ended) {
  if (bound_ != 0) {
    pick_waiting(ended, [](const operation& one) { return one.then == on_loss::stay; });
  }
}

// For the next connection: nothing of this one is left, save what waits.
template <class Handler>
void pipeline<Handler>::start_over() {
  abandoned_ = 0;
  wire_bytes_.clear();
  sent_ = 0;
  ++batch_;
  copies_.clear();
  copies_at_ = 0;
  ++life_;
  reset_reader();
}

template <class Handler>
void pipeline<Handler>::lose(const failure& lost, bool in_doubt) {
  ring<operation> ended;
  drop_bound(ended);
  take_back(in_doubt, ended);
  start_over();
  finish(ended, lost);
}

template <class Handler>
void pipeline<Handler>::end(const failure& ended) {
  ring<operation> on_wire;
  ring<operation> waiting;
  std::swap(on_wire, wire_);
  std::swap(waiting, waiting_);
  waiting_bytes_.clear();
  bound_ = 0;
  start_over();
  finish(on_wire, ended);
  finish(waiting, ended);
}

template <class Handler>
void pipeline<Handler>::finish(ring<operation>& operations, const failure& with) {
  const auto none = Handler::argument::none(with);
  while (!operations.empty()) {
    operation one = operations.pop_front();
    if (one.done) {
      one.done(none);
    }
  }
}

}  // namespace coatcheck::net
