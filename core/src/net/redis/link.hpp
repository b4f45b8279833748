// A link to one Redis server (net/link.hpp): how commands are submitted, and what a new connection says first. AUTH and
// SELECT are answered before the first command leaves. Of what was on the wire of a lost connection, what only reads is
// asked again.
//
// Thread safety: the thread of the driver.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "net/link.hpp"
#include "net/redis/reply_handler.hpp"
#include "net/redis/resp_connection.hpp"
#include "net/redis/route.hpp"

namespace coatcheck::net {

struct redis_login {
  std::string user;      // empty: Redis' default user
  std::string password;  // empty: no AUTH
};

// Which server, and as whom.
struct redis_target {
  endpoint_source where;
  std::string user;  // as in redis_login
  std::string password;
  // Asked for each connection, in place of the two above: for a password that rotates. It must not block, and its error
  // is that of the connection.
  std::function<result<redis_login>()> login;
  unsigned database = 0;

  // Gets INFO's section on memory from the first connection, with its greeting; empty: nobody asks.
  std::function<void(std::string_view info)> on_memory{};

  // For topologies.
  std::string_view called = "Redis";             // in messages; static text
  bool master_only = false;                      // a server that is no master (ROLE) is left again
  bool read_only = false;                        // READONLY: a replica of a cluster answers reads then
  bool null_arrays = false;                      // it says "none" with one, as sentinels do
  std::string channel{};                         // subscribed to by each connection; empty: none
  std::function<void(reply_view)> on_message{};  // what comes on the channel (resp_connection, on_push)
  refusal_hook on_refusal{};
};

// The encoded AUTH of a new connection; empty: none is needed. To be wiped by whoever gets it. Asks `login`, where
// there is one, and has its error.
[[nodiscard]] result<std::string> login_command(redis_target& target);

// As a route it is the simplest one: a server.
class redis_link final : public link, public redis_route {
 public:
  using options = link_options;

  [[nodiscard]] static std::shared_ptr<redis_link> create(redis_target target, const options& chosen, driver& loop);
  ~redis_link() override;

  [[nodiscard]] steady_ms new_deadline() const noexcept override { return link::new_deadline(); }
  [[nodiscard]] std::size_t most_operations() const noexcept override { return link::most_operations(); }
  using redis_route::submit;
  void submit(const redis_operation& what) override { submit(what, false); }
  // `asking`: with ASKING before it, so that a server takes a slot that is on its way to it.
  void submit(const redis_operation& what, bool asking);
  void answer_later(reply_handler done, const failure& given) override;
  void close() override { link::close(); }
  // Gives away what waits, for another server.
  void take_waiting(const std::function<void(const redis_operation&)>& to);

 private:
  redis_link(redis_target target, const options& chosen, driver& loop);
  void greet() override;
  enum class greeting_part : std::uint8_t { login, courtesy, memory, role, channel };
  void greeting_answered(const answer& given, greeting_part part, bool last);
  [[nodiscard]] static std::string_view role_in(const answer& given);

  redis_target target_;
  resp_connection machine_;
};

}  // namespace coatcheck::net
