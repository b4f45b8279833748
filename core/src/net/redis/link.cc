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
    : link(machine_, target.called, target.where, chosen, loop),
      target_(std::move(target)),
      machine_({.operations = chosen.queue,
                .patience = chosen.timeout,
                .on_push = std::move(target_.on_message),
                .on_refusal = std::move(target_.on_refusal),
                .null_arrays = target_.null_arrays,
                .owner = this}) {}

redis_link::~redis_link() {
  // The last reference may only go after close(): a link that is not closed is kept by its owner.
  close();
  crypto::wipe(target_.password.data(), target_.password.size());
}

void redis_link::submit(const redis_operation& what, bool asking) {
  reply_handler done = what.done;
  if (closed()) {
    done(answer::none(closed_failure));
    return;
  }
  const auto self = shared_from_this();
  prepare();
  if (long_gone()) {
    answer_later(done, {errc::store_unavailable, "Redis has been unreachable for a while"});
  } else if (asking ? !machine_.submit_asking(what) : !machine_.submit(what)) {
    answer_later(done, {errc::store_overloaded, "too many operations wait for Redis (see ?queue=)"});
  } else {
    submitted();
  }
}

void redis_link::take_waiting(const std::function<void(const redis_operation&)>& to) {
  const auto self = shared_from_this();
  machine_.take_waiting(to);
  if (!closed()) {
    submitted();  // the driver is told that nobody waits here any more
  }
}

void redis_link::answer_later(reply_handler done, const failure& given) {
  end_later([done](const failure& why) mutable { done(answer::none(why)); }, given);
}

void redis_link::greet() {
  const auto say = [&](greeting_part part, bool last, const std::string& command) {
    machine_.submit_first(
        [this, part, last](const answer& given) {
          // The end of a connection also ends its greeting: then there is nothing left to decide.
          if (greeting()) {
            greeting_answered(given, part, last);
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
    say(greeting_part::login, false, *login);
    crypto::wipe(login->data(), login->size());
  }
  if (target_.database != 0) {
    say(greeting_part::login, false, encoded({"SELECT", std::to_string(target_.database)}));
  }
  if (target_.read_only) {
    say(greeting_part::courtesy, false, encoded({"READONLY"}));  // refused: so will the reads be
  }
  if (target_.on_memory) {
    say(greeting_part::memory, false, encoded({"INFO", "memory"}));
  }
  // A courtesy: an ACL may forbid it.
  say(greeting_part::courtesy, !target_.master_only && target_.channel.empty(),
      encoded({"CLIENT", "SETNAME", "coatcheck"}));
  if (target_.master_only) {
    say(greeting_part::role, target_.channel.empty(), encoded({"ROLE"}));
  }
  if (!target_.channel.empty()) {
    say(greeting_part::channel, true, encoded({"SUBSCRIBE", target_.channel}));
  }
}

void redis_link::greeting_answered(const answer& given, greeting_part part, bool last) {
  if (part == greeting_part::memory && given && given.value->root().type() == reply_type::text && target_.on_memory) {
    std::exchange(target_.on_memory, {})(given.value->root().text());
  }
  const bool needed = part == greeting_part::login || part == greeting_part::channel;
  // Without a password that it wants, the server refuses the courtesy, too; of a longer command it would say less.
  if (!given && (needed || given.refused_word == "NOAUTH" || given.refused_word.starts_with("ERR max"))) {
    refused({given.code, given.why});
  } else if (const auto is = part == greeting_part::role ? role_in(given) : "master"; is != "master") {
    reconnect(server_at() + ", which should be the master, is " +
              (is == "slave"      ? "a replica"
               : is == "sentinel" ? "a sentinel"
                                  : "something else"));
  } else if (last) {
    greeted();
  }
}

// A user who may not ask is believed: the first write will tell (READONLY).
std::string_view redis_link::role_in(const answer& given) {
  if (!given) {
    return "master";
  }
  const reply_view role = given.value->root();
  return role.size() > 0 ? role.first().text() : std::string_view();
}

}  // namespace coatcheck::net
