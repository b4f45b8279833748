// A link to one Redis server: a socket, the state machine of resp_connection, and what a host's loop needs to turn
// them (pollable). Commands of one turn of the loop leave in one write.
//
// The link connects when an operation is there to be sent, at the address that its server has then, and again, with
// growing pauses, when the connection was lost. AUTH and SELECT are answered before the first operation leaves. Each
// operation ends by its deadline, which covers queueing, connecting and the reply. Of what was on the wire of a lost
// connection, what only reads is asked again.
//
// After fork the child drops the inherited socket without a byte on it: what was under way there ends as unknown in
// the child, and goes on in the parent.
//
// Handlers run inside the pollable's callbacks, close() and submit() of a closed link. They may submit, close, and
// let go of the last reference.
//
// Thread safety: the thread of the driver. The driver must outlive the link or close() must have been called.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coatcheck/clock.hpp"
#include "coatcheck/driver.hpp"

#include "net/redis/resp_connection.hpp"
#include "net/transport/socket.hpp"
#include "net/transport/transport.hpp"

namespace coatcheck::net {

// Where a server listens.
struct endpoint {
  std::string host;  // a name or an address; empty: a Unix socket
  std::uint16_t port = 0;
  std::string path;  // of a Unix socket
  // For messages: host and port, or the path.
  [[nodiscard]] std::string name() const;
};
// Asked for each connection: a server may have moved since the last one.
using endpoint_source = std::function<endpoint()>;

// Which server, and as whom.
struct redis_target {
  endpoint_source where;
  std::string user;      // empty: Redis' default user
  std::string password;  // empty: no AUTH
  unsigned database = 0;
};

class redis_link final : public pollable, public std::enable_shared_from_this<redis_link> {
 public:
  struct options {
    duration_ms timeout = 250;  // of an operation
    std::size_t queue = 16384;  // operations at a time
    std::unique_ptr<transport> (*make_transport)() = make_socket_transport;
  };

  [[nodiscard]] static std::shared_ptr<redis_link> create(redis_target target, const options& chosen, driver& loop);
  ~redis_link() override;
  redis_link(const redis_link&) = delete;
  redis_link& operator=(const redis_link&) = delete;

  // The deadline of an operation that is submitted now.
  [[nodiscard]] steady_ms new_deadline() const noexcept { return steady_now() + options_.timeout; }
  // How many operations may be under way at a time; one more is answered with store_overloaded.
  [[nodiscard]] std::size_t most_operations() const noexcept { return options_.queue; }
  // `command` and `rest`, one after the other, are one encoded command (resp_format.hpp); both are copied.
  void submit(reply_handler done, steady_ms deadline, std::string_view command, std::string_view rest = {},
              on_loss then = on_loss::fail);
  // Ends an operation that needs no server, on the next turn of the loop; `given` must hold static text alone.
  void answer_later(reply_handler done, const answer& given);
  // For a handler whose reply is not of the kind that its command has: the order of replies is in doubt, so the
  // connection goes, and with it every other operation on the wire.
  void distrust();
  // Ends everything as store_closed and leaves the driver. Idempotent.
  void close();

  [[nodiscard]] int fd() const noexcept override { return transport_->fd(); }
  [[nodiscard]] bool wants_write() const noexcept override;
  [[nodiscard]] steady_ms deadline() const noexcept override;
  [[nodiscard]] bool busy() const noexcept override;
  void on_readable() override;
  void on_writable() override;
  void on_deadline(steady_ms now) override;
  void flush() override;
  void on_resolved(result<socket_addresses> found) override;

 private:
  enum class state : std::uint8_t { idle, resolving, connecting, handshaking, ready, pausing, closed };

  redis_link(redis_target target, const options& chosen, driver& loop);
  void announce(bool always);
  void plan_flush();
  void flush_answered();
  void after_fork();

  void connect();
  void connect_to(socket_addresses found);
  void try_next_address();
  void connect_outcome(const transport::outcome& got);
  [[nodiscard]] bool coming_up() const noexcept {
    return state_ == state::resolving || state_ == state::connecting || state_ == state::handshaking;
  }
  void connected();
  void handshake_answered(const answer& given, bool needed, bool last);
  void receive();
  void send();
  void close_socket();
  void lose(errc code, const std::string& why, bool waiting_too = false);
  [[nodiscard]] duration_ms next_pause() const noexcept;
  [[nodiscard]] answer lateness(std::string& text) const;

  redis_target target_;
  const options options_;
  driver* loop_;
  resp_connection machine_;
  struct late_answer {
    reply_handler done;
    answer given;
  };
  ring<late_answer> answered_;  // by answer_later
  steady_ms answered_at_ = 0;   // when the first of them came
  std::string buffer_;          // received bytes, before the reader has them

  const std::unique_ptr<transport> transport_;
  state state_ = state::idle;
  bool blocked_ = false;  // the kernel took less than there was to send
  bool flush_planned_ = false;
  std::uint64_t connection_ = 0;  // number of this connection: a handler may have lost it
  unsigned generation_;           // of the process (crypto::fork_generation)
  std::string name_;              // of the endpoint, for messages
  socket_addresses addresses_;    // of the endpoint, those that were not tried yet; the next one at the end
  socket_address trying_;
  socket_address good_;    // the one that last worked: tried first
  bool read_on_ = false;   // bytes wait in the transport, and no event will tell
  unsigned failures_ = 0;  // in a row, since a reply last came
  std::string failure_;    // of the last attempt; empty when the link is up or was never tried
  steady_ms connect_deadline_ = no_deadline;
  steady_ms retry_at_ = 0;
  steady_ms heard_at_ = 0;

  // As the driver last saw them; `unseen_`: it must look, even if they are the same.
  bool unseen_ = false;
  int announced_fd_ = -1;
  bool announced_write_ = false;
  bool announced_busy_ = false;
  steady_ms announced_deadline_ = no_deadline;
};

}  // namespace coatcheck::net
