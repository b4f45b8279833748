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
};

// The encoded AUTH of a new connection; empty: none is needed. To be wiped by whoever gets it. Asks `login`, where there
// is one, and has its error.
[[nodiscard]] result<std::string> login_command(redis_target& target);

class redis_link final : public link {
 public:
  using options = link_options;

  [[nodiscard]] static std::shared_ptr<redis_link> create(redis_target target, const options& chosen, driver& loop);
  ~redis_link() override;

  // `command` and `rest`, one after the other, are one encoded command (resp_format.hpp); both are copied.
  void submit(reply_handler done, steady_ms deadline, std::string_view command, std::string_view rest = {},
              on_loss then = on_loss::fail);
  // Ends an operation that needs no server, on the next turn of the loop; `given` must hold static text alone.
  void answer_later(reply_handler done, const failure& given);

 private:
  redis_link(redis_target target, const options& chosen, driver& loop);
  void greet() override;
  void greeting_answered(const answer& given, bool needed, bool last);

  redis_target target_;
  resp_connection machine_;
};

}  // namespace coatcheck::net
