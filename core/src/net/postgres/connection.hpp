// One connection to PostgreSQL: libpq's state machine and what a host's loop needs to turn it (pollable).
//
// The server's names are resolved by the driver, and libpq is given addresses: it would block otherwise. The hosts of a
// URL are tried in turn, the one that last worked first, each with a deadline of its own.
//
// Requests go out in pipeline mode, each with a sync of its own: each is a transaction, and one that fails takes no
// other one with it. A request that misses its deadline is abandoned: it keeps its place until its answer came, so that
// no answer ever reaches another request. A connection that is lost gives its requests back to the pool.
//
// After fork the child drops the connection without a byte on it.
//
// Thread safety: the thread of the driver. Owned by a pg_pool, whose callers hold a reference to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/driver.hpp"

#include "net/announcement.hpp"
#include "net/postgres/libpq.hpp"
#include "net/postgres/refusal.hpp"
#include "net/postgres/request.hpp"
#include "net/postgres/target.hpp"
#include "net/ring.hpp"

namespace coatcheck::net {

class pg_pool;

class pg_connection final : public pollable {
 public:
  explicit pg_connection(pg_pool& of);
  ~pg_connection() override;
  pg_connection(const pg_connection&) = delete;
  pg_connection& operator=(const pg_connection&) = delete;

  // Begins to connect. REQUIRES: can_start().
  void start();
  [[nodiscard]] bool can_start() const noexcept {
    return state_ == state::idle || (state_ == state::pausing && steady_now() >= retry_at_);
  }
  [[nodiscard]] bool ready() const noexcept { return state_ == state::ready; }
  [[nodiscard]] bool takes_more() const noexcept;
  // On its way up, or waiting until it may try again.
  [[nodiscard]] bool coming_up() const noexcept {
    return state_ == state::resolving || state_ == state::connecting || state_ == state::pausing;
  }
  [[nodiscard]] bool pausing() const noexcept { return state_ == state::pausing; }
  [[nodiscard]] bool connecting() const noexcept { return state_ == state::resolving || state_ == state::connecting; }
  // The process in the server, by what it said when it let the connection in; a pooler says a number of its own.
  [[nodiscard]] int process() const noexcept { return connection_ == nullptr ? 0 : pq_.backend_pid(connection_); }
  // What a further request would wait for.
  [[nodiscard]] std::size_t load(steady_ms now) noexcept;
  // A statement before it takes long: it may wait for a lock.
  [[nodiscard]] bool held_up(steady_ms now) noexcept;
  // Looks at a connection that was quiet for a while before it is trusted again. False: it was lost.
  [[nodiscard]] bool freshen();
  // Takes over the request. False: it could not be sent, and nothing happened; the connection is lost.
  [[nodiscard]] bool send(pg_request* what);
  void push_out();
  void announce(bool always);

  // Drops the socket of the parent process and ends what was under way.
  void after_fork();
  // Ends everything as store_closed and leaves the driver. The pool is told of no request.
  void close();

  [[nodiscard]] int fd() const noexcept override;
  [[nodiscard]] bool wants_write() const noexcept override;
  [[nodiscard]] steady_ms deadline() const noexcept override;
  [[nodiscard]] bool busy() const noexcept override;
  void on_readable() override;
  void on_writable() override;
  void on_deadline(steady_ms now) override;
  void flush() override {}
  void on_resolved(result<socket_addresses> found) override;

 private:
  enum class state : std::uint8_t { idle, resolving, connecting, ready, pausing, closed };
  // A request on the wire.
  struct sent {
    pg_request* request = nullptr;  // null: nobody waits for it any more
    steady_ms deadline = no_deadline;
    steady_ms since = 0;
    const pg_statement* statement = nullptr;
    std::uint64_t prepared = 0;  // the number in the name it was called by
    bool prepares = false;       // it was prepared with this request
  };

  void next_host();
  void next_address();
  void begin(const pg_host& to, const std::string& address);
  void go_on();
  void connected();
  [[nodiscard]] bool set_up(std::string sql);
  void failed_to_connect(pg_refusal why);
  [[nodiscard]] duration_ms connect_time() const noexcept;
  [[nodiscard]] duration_ms next_pause() const noexcept;

  [[nodiscard]] bool put_on_wire(const pg_request& what, sent& entry);
  void receive();
  void take_notices();
  void take(pq_result* got);
  void finish_front();
  void drop_connection();
  void neutralise();
  void lose(pg_refusal why);
  [[nodiscard]] steady_ms idle_until() const noexcept;
  void hand_back(const pg_refusal& why);

  pg_pool& pool_;
  const libpq& pq_;
  state state_ = state::idle;
  pq_connection* connection_ = nullptr;
  std::uint64_t number_ = 0;  // of this connection: a handler may have lost it
  int polling_ = 0;           // what libpq waits for while it connects
  bool blocked_ = false;      // the kernel took less than there was to send
  std::size_t unsent_ = 0;    // bytes of parameters since the kernel last took all

  std::size_t host_ = 0;                // being tried
  std::size_t hosts_left_ = 0;          // of this round
  std::vector<std::string> addresses_;  // of that host, not tried yet; the next one at the end
  std::string name_;
  unsigned failures_ = 0;  // in a row
  steady_ms connect_deadline_ = no_deadline;
  steady_ms retry_at_ = 0;
  steady_ms heard_at_ = 0;

  ring<sent> wire_;  // in the order of answers
  std::size_t abandoned_ = 0;
  steady_ms next_expiry_ = no_deadline;  // of what is on the wire; may be early
  std::vector<std::uint64_t> prepared_;  // by statement: the number in its name; 0: not prepared
  std::uint64_t last_name_ = 0;
  pq_result* rows_ = nullptr;  // of the front request, so far
  std::string sqlstate_;       // of its first error
  bool front_failed_ = false;
  bool front_unprepared_ = false;  // and that before its first statement was done
  bool give_up_ = false;           // once the answers at hand are read: the server is not the one that is needed

  announcement announced_;
};

}  // namespace coatcheck::net
