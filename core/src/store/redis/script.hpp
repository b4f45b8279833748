// What the Redis server does in one step for us: the Lua scripts of the Redis store. docs/formats.md, "Redis", has
// the keys. Every script is atomic, takes its time from the caller, treats an entry whose time has come as absent, and
// touches no key but those that it is given, which are in one slot of a cluster.
//
// Thread safety: immutable after first use.
#pragma once

#include <string>
#include <string_view>

#include "net/redis/resp_connection.hpp"

namespace coatcheck {

struct redis_script {
  std::string text;
  std::string digest;                         // SHA-1 in hex, by which EVALSHA names it
  net::on_loss on_loss = net::on_loss::fail;  // ask_again: it only reads
};

// All of them take the keys and arguments in the order that is written at the script's text.
struct redis_scripts {
  redis_script put;
  redis_script touch;
  redis_script remove;
  redis_script link;
  redis_script unlink;
  redis_script owner_of;
  redis_script remove_owned;
  redis_script measure;
  // Of another package's layout, whose values have no header.
  redis_script put_plain;
  redis_script measure_plain;
};

[[nodiscard]] const redis_scripts& scripts();

}  // namespace coatcheck
