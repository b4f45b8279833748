// Some connections to PostgreSQL and the one bounded queue before them.
//
// A request waits here until a connection takes it; the one with the least to do does, so that a statement that waits
// for a lock does not hold up the others. Connections are opened as they are needed: the first with the first request,
// another one when those that are there are busy.
//
// Each request ends by its deadline, which covers waiting, connecting and the answer. When its connection is lost, a
// statement that only reads is asked again, once; a write may have arrived and ends as unknown. What the server is
// known not to have done (a serialisation failure, a deadlock, a server that became read-only) is asked again within
// the deadline.
//
// Requests of different connections have no order.
//
// Thread safety: the thread of the driver. The driver must outlive the pool or close() must have been called.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coatcheck/driver.hpp"

#include "net/postgres/connection.hpp"

namespace coatcheck::net {

// Hears what a pool's connections are told by NOTIFY, and when one of them is gone. Neither call completes operations,
// or calls the pool.
class pg_listener {
 public:
  virtual void on_notified(std::string_view channel, std::string_view payload) noexcept = 0;
  virtual void on_lost() noexcept = 0;

 protected:
  ~pg_listener() = default;
};

class pg_pool final : public pollable, public std::enable_shared_from_this<pg_pool> {
 public:
  [[nodiscard]] static std::shared_ptr<pg_pool> create(const libpq& pq, pg_target target, const pg_bounds& bounds,
                                                       driver& loop);
  ~pg_pool() override;
  pg_pool(const pg_pool&) = delete;
  pg_pool& operator=(const pg_pool&) = delete;

  // Keeps for as long as the pool lives what its requests point to, their statements: a completion may let go of the
  // store while others of its requests are still being ended.
  void keep(std::shared_ptr<const void> what) { kept_.push_back(std::move(what)); }
  [[nodiscard]] steady_ms new_deadline() const noexcept { return steady_now() + bounds_.timeout; }
  void submit(std::unique_ptr<pg_request> what);
  // Of a pool of one connection, in an answer that came from it: whether it is this process of the server that answers.
  [[nodiscard]] bool is_of_process(std::int64_t number) const noexcept {
    return connections_.size() == 1 && connections_.front()->process() == number;
  }
  // Null: nobody listens.
  void listen(pg_listener* to) noexcept { listener_ = to; }
  // Ends a request that needs no server, on the next turn of the loop.
  void answer_later(std::unique_ptr<pg_request> what, error why);
  // Ends everything as store_closed and leaves the driver. Idempotent.
  void close();

  [[nodiscard]] int fd() const noexcept override { return -1; }
  [[nodiscard]] bool wants_write() const noexcept override { return false; }
  [[nodiscard]] steady_ms deadline() const noexcept override;
  [[nodiscard]] bool busy() const noexcept override {
    return !bounds_.background && (!waiting_.empty() || !answered_.empty());
  }
  void on_readable() override {}
  void on_writable() override {}
  void on_deadline(steady_ms now) override;
  void flush() override;

  // For its connections.
  [[nodiscard]] const libpq& pq() const noexcept { return pq_; }
  [[nodiscard]] const pg_target& target() const noexcept { return target_; }
  [[nodiscard]] const pg_bounds& bounds() const noexcept { return bounds_; }
  [[nodiscard]] driver& loop() const noexcept { return loop_; }
  [[nodiscard]] std::shared_ptr<pg_pool> hold() { return shared_from_this(); }
  [[nodiscard]] pg_listener* listener() const noexcept { return listener_; }
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  [[nodiscard]] bool wanted() const noexcept { return !waiting_.empty(); }
  // Puts a request back that changed nothing. False: its time is up, or it was asked often enough.
  [[nodiscard]] bool again(pg_request* what);
  void settled() noexcept { --under_way_; }
  void came_up(std::size_t host);
  void went_down(const pg_refusal& why, unsigned failures);
  [[nodiscard]] std::size_t good_host() const noexcept { return good_host_; }
  void after_fork();
  void plan_flush();

 private:
  pg_pool(const libpq& pq, pg_target target, const pg_bounds& bounds, driver& loop);
  void announce(bool always);
  void dispatch();
  void grow();
  [[nodiscard]] bool may_grow() const noexcept;
  [[nodiscard]] bool any_ready() const noexcept;
  void end_waiting(const error& why);
  void end_one(pg_request* what, const error& why);
  [[nodiscard]] error lateness() const;

  const libpq& pq_;
  pg_listener* listener_ = nullptr;
  pg_target target_;
  const pg_bounds bounds_;
  driver& loop_;
  std::vector<std::shared_ptr<const void>> kept_;  // before what uses it
  std::vector<std::unique_ptr<pg_connection>> connections_;
  ring<pg_request*> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::size_t under_way_ = 0;  // waiting and on the wires
  struct late_answer {
    pg_request* request = nullptr;
    error why;
  };
  ring<late_answer> answered_;
  steady_ms answered_at_ = 0;
  steady_ms next_expiry_ = no_deadline;  // of what waits; may be early
  std::size_t good_host_ = 0;
  unsigned failures_ = 0;  // in a row, of connections that did not come up
  error failure_;          // of the last attempt, while failures_ > 0
  unsigned generation_;
  bool closed_ = false;
  bool flush_planned_ = false;
  announcement announced_;
};

}  // namespace coatcheck::net
