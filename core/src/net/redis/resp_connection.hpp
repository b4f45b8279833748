// The state machine of one Redis connection, without a socket: the pipeline (net/pipeline.hpp) with RESP2's replies.
// Bytes that are not RESP2, a reply that nobody asked for: the stream is in doubt, `receive` says so, and the owner
// must drop the connection with `lose`.
//
// Thread safety: none; one loop's thread.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "net/pipeline.hpp"
#include "net/redis/operation.hpp"
#include "net/redis/reply.hpp"
#include "net/redis/reply_handler.hpp"

namespace coatcheck::net {

class resp_connection final : public pipeline<reply_handler> {
 public:
  struct limits {
    // As in pipeline_limits.
    std::size_t operations = pipeline_limits{}.operations;
    std::size_t waiting_bytes = pipeline_limits{}.waiting_bytes;
    duration_ms patience = pipeline_limits{}.patience;
    // For a connection that subscribes: gets each message of a channel, between replies; as a handler, it may call
    // anything here. None: such a message is a reply like others, or breaks the protocol.
    std::function<void(reply_view)> on_push{};
    // For a topology: where it is there, commands are kept until they are answered.
    refusal_hook on_refusal{};
    bool null_arrays = false;  // see reply_reader
    link* owner = nullptr;     // whose answers these are (answer::from)
  };

  explicit resp_connection(limits bounds)
      : pipeline({bounds.operations, bounds.waiting_bytes, bounds.patience, static_cast<bool>(bounds.on_refusal)}),
        options_(std::move(bounds)),
        reader_(options_.null_arrays) {}

  // Queues an operation: `command` and `rest`, one after the other, are one encoded command. False: the queue is
  // full, and nothing happened.
  [[nodiscard]] bool submit(const reply_handler& done, steady_ms deadline, std::string_view command,
                            std::string_view rest = {}, on_loss then = on_loss::fail) {
    return queue(done, deadline, {command, rest}, then);
  }
  [[nodiscard]] bool submit(const redis_operation& what) {
    return queue(what.done, what.deadline, {what.command, what.rest}, what.then, what.hops);
  }
  // The same with ASKING right before it: both wait, leave and are late together.
  [[nodiscard]] bool submit_asking(const redis_operation& what);
  // Gives away all that waits; `to` may call anything here.
  void take_waiting(const std::function<void(const redis_operation&)>& to);
  // Puts a command on the wire at once, before all that waits: for the handshake. It has no deadline of its own.
  void submit_first(const reply_handler& done, std::string_view command) { queue_first(done, command); }

  [[nodiscard]] bool receive(std::string_view bytes) override;

 private:
  static constexpr std::uint8_t asking_hops = 255;  // of ASKING itself: it has no reason to go elsewhere

  // An operation's mark is how many servers have sent it on.
  [[nodiscard]] static redis_operation as_given(const operation& one, std::string_view command) {
    return {one.done, one.deadline, command, {}, one.then, static_cast<std::uint8_t>(one.mark)};
  }
  void reset_reader() override { reader_.reset(); }
  [[nodiscard]] bool taken_over(const operation& one, std::string_view command);
  void settle(operation& one) const;

  const limits options_;
  reply_reader reader_;
  reply reply_;
};

}  // namespace coatcheck::net
