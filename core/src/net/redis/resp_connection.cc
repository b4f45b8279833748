// Replies of Redis: see resp_connection.hpp.
#include "net/redis/resp_connection.hpp"

#include "net/redis/error.hpp"

namespace coatcheck::net {
namespace {

// What RESP2 sends without being asked, on a connection that subscribes (Redis, "Pub/Sub": wire format).
bool is_message(reply_view root) noexcept {
  if (root.type() != reply_type::array || root.size() < 3 || root.first().type() != reply_type::text) {
    return false;
  }
  const auto kind = root.first().text();
  return kind == "message" || kind == "pmessage" || kind == "smessage";
}

}  // namespace

bool resp_connection::receive(std::string_view bytes) {
  const std::uint64_t started = life();
  while (!bytes.empty()) {
    reader_.feed(bytes);
    for (;;) {
      const reply_reader::outcome read = reader_.next(reply_);
      if (read == reply_reader::outcome::more) {
        break;
      }
      if (read == reply_reader::outcome::broken) {
        return doubt(reader_.why());
      }
      if (on_push_ && is_message(reply_.root())) {
        on_push_(reply_.root());
        if (started != life()) {
          return true;
        }
        continue;
      }
      if (on_wire() == 0) {
        return doubt("a reply that nothing asked for");
      }
      const bool refused = bounds().keep_commands && first().done && reply_.root().type() == reply_type::error;
      const std::string command(refused ? command_of_first() : std::string_view());
      operation one = answered();
      if (!one.done) {
        continue;
      }
      settle(one, reply_, command);
      if (started != life()) {
        return true;  // the rest belongs to a connection that is gone
      }
    }
  }
  return true;
}

void resp_connection::settle(operation& one, const reply& value, std::string_view command) {
  answer given;
  if (value.root().type() == reply_type::error) {
    const redis_refusal refusal = classify_redis_error(value.root().text());
    given.code = errc::store_refused;
    given.why = refusal.message;
    given.refused_word = refusal.word;
    given.command = command;
  } else {
    given.value = &value;
  }
  one.done(given);
}

}  // namespace coatcheck::net
