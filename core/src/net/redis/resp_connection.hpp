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
    bool keep_commands = pipeline_limits{}.keep_commands;
    // For a connection that subscribes: gets each message of a channel, between replies; as a handler, it may call
    // anything here. None: such a message is a reply like others, or breaks the protocol.
    std::function<void(reply_view)> on_push{};
  };

  explicit resp_connection(limits bounds)
      : pipeline({bounds.operations, bounds.waiting_bytes, bounds.patience, bounds.keep_commands}),
        on_push_(std::move(bounds.on_push)) {}

  // Queues an operation: `command` and `rest`, one after the other, are one encoded command. False: the queue is
  // full, and nothing happened.
  [[nodiscard]] bool submit(const reply_handler& done, steady_ms deadline, std::string_view command,
                            std::string_view rest = {}, on_loss then = on_loss::fail) {
    return queue(done, deadline, {command, rest}, then);
  }
  // Puts a command on the wire at once, before all that waits: for the handshake. It has no deadline of its own.
  void submit_first(const reply_handler& done, std::string_view command) { queue_first(done, command); }

  [[nodiscard]] bool receive(std::string_view bytes) override;

 private:
  void reset_reader() override { reader_.reset(); }
  static void settle(operation& one, const reply& value, std::string_view command);

  const std::function<void(reply_view)> on_push_;
  reply_reader reader_;
  reply reply_;
};

}  // namespace coatcheck::net
