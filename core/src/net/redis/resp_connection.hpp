// The state machine of one Redis connection, without a socket: bytes in, bytes out, a deadline, completions.
//
// Operations wait in a queue with their encoded commands. `stage` moves them to the wire: from then on an operation
// has a place in the order of replies, and it keeps that place until its reply came or the connection is lost,
// whether or not somebody still waits for it. That is what keeps replies from ever reaching the wrong caller.
//
// When the connection is lost, what provably did not leave goes back to the queue, and so does, once, an operation that
// only reads and was not answered. A write that may have arrived ends as unknown.
//
// An operation that misses its deadline while it waits is never sent. One that misses it on the wire is abandoned:
// its handler gets `store_timeout` and its reply, when it comes, is dropped. Bytes that are not RESP2, a reply that
// nobody asked for: the stream is in doubt, `receive` says so, and the owner must drop the connection with `lose`.
//
// Handlers run inside receive, expire, lose and end, when the machine is in a consistent state: they may call
// anything here. The object itself must outlive the call (redis_link holds a reference to itself meanwhile).
//
// Thread safety: none; one loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "coatcheck/clock.hpp"
#include "coatcheck/driver.hpp"
#include "coatcheck/error.hpp"

#include "net/machine.hpp"
#include "net/redis/operation.hpp"
#include "net/redis/reply.hpp"
#include "net/redis/reply_handler.hpp"
#include "net/ring.hpp"

namespace coatcheck::net {

class resp_connection final : public machine {
 public:
  struct limits {
    std::size_t operations = 16384;                     // waiting and on the wire, abandoned ones included
    std::size_t waiting_bytes = std::size_t{64} << 20;  // encoded commands that are not on the wire yet
    duration_ms patience = 250;  // how long past its deadline an abandoned operation's reply may take
    // For a connection that subscribes: gets each message of a channel, between replies; as a handler, it may call
    // anything here. None: such a message is a reply like others, or breaks the protocol.
    std::function<void(reply_view)> on_push{};
    // For a topology: where it is there, commands are kept until they are answered.
    refusal_hook on_refusal{};
    bool null_arrays = false;  // see reply_reader
    link* owner = nullptr;     // whose answers these are (answer::from)
  };

  explicit resp_connection(limits bounds) : limits_(std::move(bounds)), reader_(limits_.null_arrays) {}

  // Queues an operation: `command` and `rest`, one after the other, are one encoded command. False: the queue is
  // full, and nothing happened.
  [[nodiscard]] bool submit(reply_handler done, steady_ms deadline, std::string_view command,
                            std::string_view rest = {}, on_loss then = on_loss::fail) {
    return submit({done, deadline, command, rest, then});
  }
  [[nodiscard]] bool submit(const redis_operation& what);
  // The same with ASKING right before it: both wait, leave and are late together.
  [[nodiscard]] bool submit_asking(const redis_operation& what);
  // Gives away all that waits; `to` may call anything here.
  void take_waiting(const std::function<void(const redis_operation&)>& to);
  // Puts a command on the wire at once, before all that waits: for the handshake. It has no deadline of its own.
  void submit_first(reply_handler done, std::string_view command);
  // Moves what waits to the wire, once the bytes before it are gone. Call before output().
  void stage() override;
  // What to send next. consume() says how much of it was sent.
  [[nodiscard]] std::string_view output() const noexcept override {
    return std::string_view(wire_bytes_).substr(sent_);
  }
  void consume(std::size_t bytes) noexcept override;

  // Takes received bytes in and runs handlers. False: the stream is in doubt, `why()` says why.
  [[nodiscard]] bool receive(std::string_view bytes) override;
  [[nodiscard]] std::string_view why() const noexcept override { return why_; }

  // Ends what is past its deadline, with `late`.
  void expire(steady_ms now, const failure& late) override;
  // Whether abandoned operations say that the server does not answer any more.
  [[nodiscard]] bool stuck(steady_ms now) noexcept override;
  // When expire or stuck may have something to say. May be early, never late.
  [[nodiscard]] steady_ms next_deadline() const noexcept override { return next_deadline_; }

  // The connection is gone: ends what is on the wire, save what may be sent again. What waits goes on waiting, behind
  // that. `in_doubt`: its stream broke the protocol, so nothing that was sent is sent again.
  void lose(const failure& lost, bool in_doubt) override;
  // Ends everything.
  void end(const failure& ended) override;

  [[nodiscard]] std::size_t waiting() const noexcept override { return waiting_.size(); }
  [[nodiscard]] std::size_t on_wire() const noexcept override { return wire_.size(); }
  [[nodiscard]] std::size_t abandoned() const noexcept { return abandoned_; }
  // Operations somebody waits for.
  [[nodiscard]] std::size_t awaited() const noexcept override { return waiting_.size() + wire_.size() - abandoned_; }

 private:
  struct operation {
    reply_handler done;
    steady_ms deadline = no_deadline;
    std::size_t bytes = 0;  // of the encoded command; 0: of the handshake
    std::size_t end = 0;    // where it ends in wire_bytes_, while those are the ones of `batch`
    std::uint64_t batch = 0;
    on_loss then = on_loss::fail;
    std::uint8_t hops = 0;
  };
  static constexpr std::uint8_t asking_hops = 255;  // of ASKING itself: it has no reason to go elsewhere

  void expire_waiting(steady_ms now, ring<operation>& late);
  // Whether the server can have got the whole command.
  [[nodiscard]] bool may_have_left(const operation& one) const noexcept {
    return one.batch != batch_ || one.end <= sent_;
  }
  [[nodiscard]] bool has_copy(const operation& one) const noexcept {
    return one.bytes != 0 && (limits_.on_refusal || one.then == on_loss::ask_again);
  }
  void forget_copy(const operation& one);
  void take_back(bool in_doubt, ring<operation>& ended);
  void start_over() noexcept;
  static void finish(ring<operation>& operations, const failure& with);
  [[nodiscard]] bool taken_over(const operation& one, std::string_view command);
  void settle(operation& one) const;

  const limits limits_;
  reply_reader reader_;
  reply reply_;
  ring<operation> waiting_;
  std::string waiting_bytes_;
  ring<operation> wire_;  // in the order of replies
  std::string wire_bytes_;
  std::size_t sent_ = 0;       // of wire_bytes_
  std::uint64_t batch_ = 1;    // number of what is in wire_bytes_
  std::string copies_;         // of the commands on the wire that have one (has_copy), in order
  std::size_t copies_at_ = 0;  // where the first of them begins
  std::size_t abandoned_ = 0;  // entries of wire_ without a handler
  steady_ms next_deadline_ = no_deadline;
  std::uint64_t life_ = 0;  // grows with each lost connection: a handler may have ended the one being received
  std::string_view why_;
};

}  // namespace coatcheck::net
