// Replies of Redis, and what goes on to other servers: see resp_connection.hpp.
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

bool resp_connection::submit_asking(const redis_operation& what) {
  static constexpr std::string_view asking = "*1\r\n$6\r\nASKING\r\n";
  return has_room(2, asking.size() + what.command.size() + what.rest.size()) &&
         submit({[](const answer&) {}, what.deadline, asking, {}, on_loss::fail, asking_hops}) && submit(what);
}

void resp_connection::take_waiting(const std::function<void(const redis_operation&)>& to) {
  give_waiting([&](const operation& one, std::string_view command) {
    if (one.mark != asking_hops) {
      to(as_given(one, command));
    }
  });
}

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
      if (options_.on_push && is_message(reply_.root())) {
        options_.on_push(reply_.root());
        if (started != life()) {
          return true;
        }
        continue;
      }
      if (on_wire() == 0) {
        return doubt("a reply that nothing asked for");
      }
      const bool may_go_on = options_.on_refusal && first().done && first().bytes != 0 && first().mark != asking_hops &&
                             reply_.root().type() == reply_type::error;
      const std::string command(may_go_on ? command_of_first() : std::string_view());
      operation one = answered();
      if (!one.done) {
        continue;
      }
      if (!may_go_on || !taken_over(one, command)) {
        settle(one);
      }
      if (started != life()) {
        return true;  // the rest belongs to a connection that is gone
      }
    }
  }
  return true;
}

bool resp_connection::taken_over(const operation& one, std::string_view command) {
  const std::string_view text = reply_.root().text();
  return options_.on_refusal(classify_redis_error(text), text, as_given(one, command));
}

void resp_connection::settle(operation& one) const {
  answer given;
  given.from = options_.owner;
  if (reply_.root().type() == reply_type::error) {
    const redis_refusal refusal = classify_redis_error(reply_.root().text());
    given.code = errc::store_refused;
    given.why = refusal.message;
    given.refused_word = refusal.word;
  } else {
    given.value = &reply_;
  }
  one.done(given);
}

}  // namespace coatcheck::net
