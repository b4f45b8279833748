// A link to one Redis server (net/link.hpp): how commands are submitted, and what a new connection says first. AUTH and
// SELECT are answered before the first command leaves. Of what was on the wire of a lost connection, what only reads is
// asked again.
//
// Thread safety: the thread of the driver.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "net/link.hpp"
#include "net/redis/reply_handler.hpp"
#include "net/redis/resp_connection.hpp"

namespace coatcheck::net {

// Which server, and as whom.
struct redis_target {
  endpoint_source where;
  std::string user;      // empty: Redis' default user
  std::string password;  // empty: no AUTH
  unsigned database = 0;
};

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
