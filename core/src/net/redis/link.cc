// Submitting and the greeting: see link.hpp here.
#include "net/redis/link.hpp"

#include <utility>

#include "crypto/hmac.hpp"
#include "net/redis/resp_format.hpp"

namespace coatcheck::net {

result<std::string> login_command(redis_target& target) {
  if (target.login) {
    auto now = target.login();
    if (!now) return now.error();
    crypto::wipe(target.password.data(), target.password.size());
    target.user = std::move(now->user);
    target.password = std::move(now->password);
  }
  std::string command;
  if (!target.password.empty() && target.user.empty()) {
    append_command(command, {"AUTH", target.password});
  } else if (!target.password.empty()) {
    append_command(command, {"AUTH", target.user, target.password});
  }
  return command;
}

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
  const auto say = [&](bool needed, bool last, const std::string& command) {
    machine_.submit_first(
        [this, needed, last](const answer& given) {
          // The end of a connection also ends its greeting: then there is nothing left to decide.
          if (greeting()) {
            greeting_answered(given, needed, last);
          }
        },
        command);
  };
  const auto encoded = [](std::initializer_list<std::string_view> arguments) {
    std::string command;
    append_command(command, arguments);
    return command;
  };
  auto login = login_command(target_);
  if (!login) {
    refused({login.error().code, login.error().message});
    return;
  }
  if (!login->empty()) {
    say(true, false, *login);
    crypto::wipe(login->data(), login->size());
  }
  if (target_.database != 0) {
    say(true, false, encoded({"SELECT", std::to_string(target_.database)}));
  }
  say(false, true, encoded({"CLIENT", "SETNAME", "coatcheck"}));  // a courtesy: an ACL may forbid it
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
