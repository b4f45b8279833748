// Submitting and the greeting: see link.hpp here.
#include "net/redis/link.hpp"

#include <utility>

#include "crypto/hmac.hpp"
#include "net/redis/resp_format.hpp"

namespace coatcheck::net {

std::shared_ptr<redis_link> redis_link::create(redis_target target, const options& chosen, driver& loop) {
  return std::shared_ptr<redis_link>(new redis_link(std::move(target), chosen, loop));
}

redis_link::redis_link(redis_target target, const options& chosen, driver& loop)
    : link(machine_, "Redis", target.where, chosen, loop),
      target_(std::move(target)),
      machine_({.operations = chosen.queue, .patience = chosen.timeout}) {}

redis_link::~redis_link() {
  // The last reference may only go after close(): a link that is not closed is kept by its owner.
  close();
  crypto::wipe(target_.password.data(), target_.password.size());
}

void redis_link::submit(reply_handler done, steady_ms deadline, std::string_view command, std::string_view rest,
                        on_loss then) {
  if (closed()) {
    done(answer::none(closed_failure));
    return;
  }
  const auto self = shared_from_this();
  prepare();
  if (long_gone()) {
    answer_later(done, {errc::store_unavailable, "Redis has been unreachable for a while"});
  } else if (!machine_.submit(done, deadline, command, rest, then)) {
    answer_later(done, {errc::store_overloaded, "too many operations wait for Redis (see ?queue=)"});
  } else {
    submitted();
  }
}

void redis_link::answer_later(reply_handler done, const failure& given) {
  end_later([done](const failure& why) mutable { done(answer::none(why)); }, given);
}

void redis_link::greet() {
  const auto say = [&](bool needed, bool last, std::initializer_list<std::string_view> arguments) {
    std::string command;
    append_command(command, arguments);
    machine_.submit_first(
        [this, needed, last](const answer& given) {
          // The end of a connection also ends its greeting: then there is nothing left to decide.
          if (greeting()) {
            greeting_answered(given, needed, last);
          }
        },
        command);
    crypto::wipe(command.data(), command.size());
  };
  if (!target_.password.empty() && target_.user.empty()) {
    say(true, false, {"AUTH", target_.password});
  } else if (!target_.password.empty()) {
    say(true, false, {"AUTH", target_.user, target_.password});
  }
  if (target_.database != 0) {
    say(true, false, {"SELECT", std::to_string(target_.database)});
  }
  say(false, true, {"CLIENT", "SETNAME", "coatcheck"});  // a courtesy: an ACL may forbid it
}

void redis_link::greeting_answered(const answer& given, bool needed, bool last) {
  // Without a password that it wants, the server refuses the courtesy, too; of a longer command it would say less.
  if (!given && (needed || given.refused_word == "NOAUTH" || given.refused_word.starts_with("ERR max"))) {
    refused({given.code, given.why});
  } else if (last) {
    greeted();
  }
}

}  // namespace coatcheck::net
