// The state machine of one Memcached connection, without a socket: the pipeline (net/pipeline.hpp) with meta commands.
//
// Each operation on a key carries an opaque that its reply has to repeat: a reply to another one, however it came
// about, puts the stream in doubt and reaches nobody. So does what is not of the protocol.
//
// Thread safety: none; one loop's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/in_place_handler.hpp"
#include "net/memcached/reply.hpp"
#include "net/pipeline.hpp"

namespace coatcheck::net {

// Either the server's reply, or why there is none; an error line is the latter. Valid during the handler's call only.
struct meta_answer {
  const meta_reply* value = nullptr;
  errc code = errc::store_unavailable;
  std::string_view why;  // for a message: holds nothing that the server or the caller sent

  [[nodiscard]] static meta_answer none(const failure& given) noexcept { return {nullptr, given.code, given.why}; }
  [[nodiscard]] explicit operator bool() const noexcept { return value != nullptr; }
};
using meta_handler = in_place_handler<meta_answer, 56>;

class meta_connection final : public pipeline<meta_handler> {
 public:
  explicit meta_connection(const pipeline_limits& bounds);

  // Queues an operation on a key: `line` is its command with flags and without an opaque and an end, `data` the value
  // of one that has a value. False: the queue is full, and nothing happened.
  [[nodiscard]] bool submit(const meta_handler& done, steady_ms deadline, std::string_view line,
                            std::optional<std::string_view> data, on_loss then);
  // The same for a command that has no opaque: mn, stats.
  [[nodiscard]] bool submit_plain(const meta_handler& done, steady_ms deadline, std::string_view line, on_loss then) {
    return queue(done, deadline, {line, "\r\n"}, then);
  }
  // Puts a command without an opaque on the wire at once, before all that waits: for the handshake.
  void submit_first(const meta_handler& done, std::string_view line) { queue_first(done, std::string(line) + "\r\n"); }

  [[nodiscard]] bool receive(std::string_view bytes) override;

 private:
  void reset_reader() override { reader_.reset(); }

  meta_reader reader_;
  std::uint32_t next_opaque_;
};

}  // namespace coatcheck::net
