// A link to one server: a transport, the state machine of a protocol, and what a host's loop needs to turn them
// (pollable). It knows no protocol: what is said first, and how an operation is submitted, is the derived link's
// (redis_link). Operations of one turn of the loop leave in one write.
//
// The link connects when an operation is there to be sent, at the address that its server has then, and again, with
// growing pauses, when the connection was lost. The greeting is answered before the first operation leaves. Each
// operation ends by its deadline, which covers queueing, connecting and the reply.
//
// After fork the child drops the inherited socket without a byte on it: what was under way there ends as unknown in
// the child, and goes on in the parent.
//
// Handlers run inside the pollable's callbacks, close() and the submit of a closed link. They may submit, close, and
// let go of the last reference.
//
// Thread safety: the thread of the driver. The driver must outlive the link or close() must have been called.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "coatcheck/clock.hpp"
#include "coatcheck/driver.hpp"

#include "net/announcement.hpp"
#include "net/endpoint.hpp"
#include "net/in_place_handler.hpp"
#include "net/machine.hpp"
#include "net/ring.hpp"
#include "net/transport/socket.hpp"
#include "net/transport/transport.hpp"

namespace coatcheck::net {

// 0 where the system gives no randomness.
[[nodiscard]] std::uint32_t random_number() noexcept;

struct link_options {
  duration_ms timeout = 250;  // of an operation
  std::size_t queue = 16384;  // operations at a time
  std::function<std::unique_ptr<transport>()> make_transport = make_socket_transport;
  std::uint32_t (*random)() noexcept = random_number;  // for pauses
  bool fail_fast = false;   // an attempt to connect that fails ends what waits: somebody has another server to ask
  bool background = false;  // nobody waits for what it does: a loop that has nothing else to do may end
};

class link : public pollable, public std::enable_shared_from_this<link> {
 public:
  ~link() override;
  link(const link&) = delete;
  link& operator=(const link&) = delete;

  // The deadline of an operation that is submitted now.
  [[nodiscard]] steady_ms new_deadline() const noexcept { return now() + options_.timeout; }
  // How many operations may be under way at a time; one more is answered with store_overloaded.
  [[nodiscard]] std::size_t most_operations() const noexcept { return options_.queue; }
  // The number of the connection that there is now: what was learned on another one says nothing of this one.
  [[nodiscard]] std::uint64_t connection() const noexcept { return connection_; }
  // Whether so many attempts in a row have failed that nobody should wait for it. Stays so until one succeeds; that
  // takes an operation for each attempt (long_gone).
  [[nodiscard]] bool unreachable() const noexcept;
  // When bytes last came; 0: never.
  [[nodiscard]] steady_ms heard_at() const noexcept { return heard_at_; }
  // For a handler whose reply is not of the kind that its operation has: the order of replies is in doubt, so the
  // connection goes, and with it every other operation on the wire.
  void distrust();
  // Lets go of the connection, as if the server had; the next one goes to where the server is then. `why`: a sentence.
  void reconnect(const std::string& why);
  // The server is elsewhere now: what is on the wire may still be answered, for a short while, nothing more is sent
  // there, and what waits goes to where the server is after `pause`. Forgets that attempts have failed.
  void move_on(const std::string& why, duration_ms pause = 0);
  // For an endpoint_source that did not know: now it does, or why it doesn't.
  void located();
  void not_located(const failure& why);
  [[nodiscard]] bool locating() const noexcept { return state_ == state::locating; }
  // Whether it is not up, though it tried to be.
  [[nodiscard]] bool troubled() const noexcept { return failures_ > 0 && state_ != state::ready; }
  [[nodiscard]] bool idle() const noexcept { return late_.empty() && machine_.awaited() == 0; }
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

 protected:
  // What an operation that needs no server is answered with; room for an operation's own handler and a little more.
  using late_handler = in_place_handler<failure, 72>;

  // `turned` is a member of the derived link; it is not touched before create() of that has returned. `server`: what
  // messages call it ("Redis"); static text.
  link(machine& turned, std::string_view server, endpoint_source where, const link_options& chosen, driver& loop);

  // Puts on the wire what a new connection says first, at least one operation, so that a server that accepts and then
  // says nothing is found out before an operation is given to it; calls greeted() or refused() when it is answered;
  // refused() may also be called at once.
  virtual void greet() = 0;
  [[nodiscard]] bool greeting() const noexcept { return state_ == state::greeting; }
  void greeted();
  // Sends what a handler of the greeting has put on the wire meanwhile: a greeting of several steps.
  void greet_on() { send(); }
  // A socket, connected or on its way, is being let go of: lost, closed, or left to the parent of a forked process. May
  // not call anything here.
  virtual void disconnected() noexcept {}
  // The server won't have us: everything that waits ends, too.
  void refused(const failure& why) { lose(why.code, std::string(why.why), true); }

  // How an operation is submitted: closed() ? end it : prepare(), then machine, then submitted() or answer_later().
  [[nodiscard]] bool closed() const noexcept { return state_ == state::closed; }
  static constexpr failure closed_failure{errc::store_closed, "the store is closed"};
  void prepare() { after_fork(); }
  void submitted();
  // Whether the server is long gone: one operation waits for the next attempt, the others need not.
  [[nodiscard]] bool long_gone() const noexcept;
  // Ends an operation on the next turn of the loop; `given` must hold static text alone.
  void end_later(late_handler done, const failure& given);

  [[nodiscard]] steady_ms now() const noexcept { return loop_->now(); }
  [[nodiscard]] std::string server_at() const { return std::string(server_) + " at " + name_; }

 private:
  enum class state : std::uint8_t { idle, locating, resolving, connecting, greeting, ready, pausing, closed };

  void announce(bool always);
  void plan_flush();
  void end_late_ones();
  void after_fork();

  void connect();
  void connect_to(socket_addresses found);
  void try_next_address();
  void connect_outcome(const transport::outcome& got);
  void connected();
  [[nodiscard]] bool coming_up() const noexcept {
    return state_ == state::locating || state_ == state::resolving || state_ == state::connecting ||
           state_ == state::greeting;
  }
  void receive();
  void send();
  void close_socket();
  void lose(errc code, const std::string& why, bool waiting_too = false);
  void leave();
  void leave_if_answered(steady_ms at);
  [[nodiscard]] duration_ms next_pause() const noexcept;
  [[nodiscard]] std::string awaited() const;
  [[nodiscard]] failure lateness(std::string& text) const;

  machine& machine_;
  const std::string_view server_;
  const endpoint_source where_;
  const link_options options_;
  driver* loop_;
  struct late_end {
    late_handler done;
    failure given;
  };
  ring<late_end> late_;       // by end_later
  steady_ms late_since_ = 0;  // when the first of them came
  std::string buffer_;        // received bytes, before the machine has them

  const std::unique_ptr<transport> transport_;
  state state_ = state::idle;
  bool flush_planned_ = false;
  std::uint64_t connection_ = 0;  // number of this connection: a handler may have lost it
  unsigned generation_;           // of the process (crypto::fork_generation)
  endpoint target_;               // of this connection
  std::string name_;              // of the endpoint, for messages
  socket_addresses addresses_;    // of the endpoint, those that were not tried yet; the next one at the end
  socket_address trying_;
  socket_address good_;    // the one that last worked: tried first
  bool read_on_ = false;   // bytes wait in the transport, and no event will tell
  unsigned failures_ = 0;  // in a row, since a reply last came
  std::string failure_;    // of the last attempt; empty when the link is up or was never tried
  steady_ms connect_deadline_ = no_deadline;
  steady_ms retry_at_ = 0;
  std::string leaving_;  // why this connection is to be left when its wire is empty; empty: it is not
  steady_ms leave_at_ = no_deadline;
  duration_ms leave_pause_ = 0;
  steady_ms heard_at_ = 0;

  announcement announced_;
};

}  // namespace coatcheck::net
