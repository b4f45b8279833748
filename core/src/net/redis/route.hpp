// The way from an operation to the server that answers it: one server (redis_link), a master that sentinels name
// (redis_sentinel), a cluster (redis_cluster). What a Redis store talks to.
//
// An operation has one deadline, wherever it is sent and however often. Its handler runs exactly once. The command says
// by its own key where it belongs (slot.hpp): nobody has to name it twice.
//
// Thread safety: the thread of the driver.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/endpoint.hpp"
#include "net/redis/operation.hpp"
#include "net/redis/resp_format.hpp"

namespace coatcheck::net {

// Who hears that values may be on other servers than before. The call may not submit, or close the route.
class route_watcher {
 public:
  virtual void on_servers_changed() noexcept = 0;

 protected:
  ~route_watcher() = default;
};

class redis_route {
 public:
  redis_route() = default;
  redis_route(const redis_route&) = delete;
  redis_route& operator=(const redis_route&) = delete;
  virtual ~redis_route() = default;

  // The deadline of an operation that is submitted now.
  [[nodiscard]] virtual steady_ms new_deadline() const noexcept = 0;
  // How many operations one server takes at a time; one more is answered with store_overloaded.
  [[nodiscard]] virtual std::size_t most_operations() const noexcept = 0;

  // What it views is copied.
  virtual void submit(const redis_operation& what) = 0;
  void submit(reply_handler done, steady_ms deadline, std::string_view command, std::string_view rest = {},
              on_loss then = on_loss::fail) {
    submit(redis_operation{done, deadline, command, rest, then});
  }
  // Whether reads may go to replicas (submit_to_replica).
  [[nodiscard]] virtual bool reads_replicas() const noexcept { return false; }
  // Sends what only reads to a replica of the server that has its key, where one is known to be in step. False: there
  // is none, and nothing happened. Its answer may be of a moment ago; whoever gets none of it, or an absent value, asks
  // again with submit().
  [[nodiscard]] virtual bool submit_to_replica(const redis_operation& /*what*/) { return false; }
  // Ends an operation that needs no server, on the next turn of the loop; `given` must hold static text alone.
  virtual void answer_later(reply_handler done, const failure& given) = 0;

  // One page of all keys: SCAN, with `arguments` (`count` of them, encoded) after its cursor. `cursor`: empty at the
  // beginning, else of cursor_after.
  virtual void scan(reply_handler done, steady_ms deadline, std::string_view cursor, std::size_t count,
                    std::string_view arguments) {
    submit_scan(*this, done, deadline, cursor, count, arguments);
  }
  // The cursor of the page after the one that `given` answered; empty: there is none. `own`: the server's cursor in
  // that answer, empty at its end.
  [[nodiscard]] virtual std::string cursor_after(std::string_view /*cursor*/, const answer& /*given*/,
                                                 std::string_view own) {
    return std::string(own);
  }

  // The servers that an operation on a key may be sent to, of a route of several; empty: none is known yet.
  [[nodiscard]] virtual std::vector<endpoint> servers() const { return {}; }
  // Told before any operation is sent to a server that is new among them, or for a key that another one had; null:
  // nobody. Stays until it is replaced.
  void watch(route_watcher* who) noexcept { watcher_ = who; }
  // Somebody doubts that it is up to date with who has what.
  virtual void look_again() {}

  // Ends everything as store_closed and leaves the driver. Idempotent.
  virtual void close() = 0;

 protected:
  void tell_watcher() noexcept {
    if (watcher_ != nullptr) watcher_->on_servers_changed();
  }
  // SCAN on a route of one server, or on one of several.
  static void submit_scan(redis_route& on, reply_handler done, steady_ms deadline, std::string_view own,
                          std::size_t count, std::string_view arguments) {
    std::string command;
    append_command_head(command, count + 2);
    append_argument(command, "SCAN");
    append_argument(command, own.empty() ? std::string_view("0") : own);
    on.submit({done, deadline, command, arguments, on_loss::ask_again});
  }

 private:
  route_watcher* watcher_ = nullptr;
};

}  // namespace coatcheck::net
