// An operation on its way: all that it takes to send it, and to send it once more to another server.
//
// Thread safety: plain values.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "coatcheck/driver.hpp"

#include "net/pipeline.hpp"
#include "net/redis/error.hpp"
#include "net/redis/reply_handler.hpp"

namespace coatcheck::net {

struct redis_operation {
  reply_handler done;
  steady_ms deadline = no_deadline;
  std::string_view command;  // the encoded command is `command` and `rest`, one after the other
  std::string_view rest{};
  on_loss then = on_loss::fail;
  std::uint8_t hops = 0;  // how many servers have sent it on
};

// For a topology: sees an operation that a server refused, and so did not do, with the server's text (`-` left out).
// True: it takes care of it. False: the operation's handler gets the refusal. The views are valid during the call only.
using refusal_hook = std::function<bool(const redis_refusal&, std::string_view text, const redis_operation&)>;

}  // namespace coatcheck::net
