// The greeting in two steps, messages and PINGs: see tracking_link.hpp.
#include "net/redis/tracking_link.hpp"

#include <algorithm>
#include <utility>

#include "crypto/hmac.hpp"
#include "net/redis/resp_format.hpp"

namespace coatcheck::net {
namespace {

constexpr std::string_view channel = "__redis__:invalidate";
constexpr duration_ms pause_after_refusal = 30'000;

// Whether it is an array that begins with this word, as the replies of a connection that subscribes do.
bool begins_with(reply_view root, std::string_view word, std::size_t size) noexcept {
  return root.type() == reply_type::array && root.size() == size && root.first().type() == reply_type::text &&
         root.first().text() == word;
}

}  // namespace

std::shared_ptr<tracking_link> tracking_link::create(redis_target target, std::string prefix, duration_ms bound,
                                                     link_options options, driver& loop, tracking_listener& to) {
  return std::shared_ptr<tracking_link>(
      new tracking_link(std::move(target), std::move(prefix), bound, options, loop, to));
}

tracking_link::tracking_link(redis_target target, std::string prefix, duration_ms bound, const link_options& options,
                             driver& loop, tracking_listener& to)
    : link(machine_, "Redis", target.where, options, loop),
      target_(std::move(target)),
      prefix_(std::move(prefix)),
      every_(bound / 4),
      // A PING that is late is worth waiting for: it says as much as the next one would, and a lost connection costs
      // all that is known.
      patience_(std::max<duration_ms>(bound, 1000)),
      to_(to),
      machine_(
          {.operations = 16, .patience = patience_, .on_push = [this](reply_view message) { on_message(message); }}) {}

tracking_link::~tracking_link() {
  close();
  crypto::wipe(target_.password.data(), target_.password.size());
}

void tracking_link::keep_up() {
  if (closed()) return;
  prepare();
  if (!pinging_ && !listens_ && !refused_) ping();
}

void tracking_link::ask_anew() {
  if (closed()) return;
  told_until_ = never;
  too_early_ = pinging_;
  if (!pinging_ && !refused_) ping();
}

steady_ms tracking_link::deadline() const noexcept { return std::min(link::deadline(), next_ping_); }

void tracking_link::on_deadline(steady_ms now) {
  const auto self = shared_from_this();
  // A loop that was busy for long finds the answer in the socket: it is read before it is called late.
  if (listens_) on_readable();
  if (closed()) return;
  if (next_ping_ <= now) ping();
  link::on_deadline(now);
}

void tracking_link::disconnected() noexcept {
  told_until_ = never;
  if (std::exchange(listens_, false)) to_.on_all_changed();
  // A PING that is under way ends with its connection, and is followed by another. Without one, nothing would connect.
  if (!pinging_ && !refused_ && !closed()) next_ping_ = now();
}

void tracking_link::say(std::string_view command, void (tracking_link::*then)(const answer&)) {
  const auto handle = [this, then](const answer& given) {
    // The end of a connection also ends its greeting: then there is nothing left to decide.
    if (greeting()) (this->*then)(given);
  };
  machine_.submit_first(handle, command);
}

void tracking_link::greet() {
  auto login = login_command(target_);
  if (!login) {
    refused({login.error().code, login.error().message});
    return;
  }
  if (!login->empty()) {
    say(*login, &tracking_link::on_login);
    crypto::wipe(login->data(), login->size());
  }
  std::string commands;
  append_command(commands, {"CLIENT", "SETNAME", "coatcheck-near"});
  say(commands, &tracking_link::on_name);
  commands.clear();
  append_command(commands, {"CLIENT", "ID"});
  say(commands, &tracking_link::on_id);
}

void tracking_link::refuse(const answer& given, std::string_view what) {
  refused_ = true;
  trouble_ = "the near-cache hears of no changes, so each read asks the server: " + std::string(what) + ": " +
             std::string(given ? "its reply is none of this command" : given.why);
  refused({given ? errc::store_protocol : given.code, trouble_});
}

void tracking_link::on_login(const answer& given) {
  if (!given) refuse(given, "AUTH failed");
}

// A courtesy: an ACL may forbid it.
void tracking_link::on_name(const answer&) {}

void tracking_link::on_id(const answer& given) {
  if (!given || given.value->root().type() != reply_type::integer) {
    return refuse(given, "CLIENT ID is missing (an ACL, or a managed service, may forbid it)");
  }
  std::string command;
  append_command(command, {"CLIENT", "TRACKING", "ON", "REDIRECT", std::to_string(given.value->root().integer()),
                           "BCAST", "PREFIX", prefix_});
  say(command, &tracking_link::on_tracking);
  command.clear();
  append_command(command, {"SUBSCRIBE", channel});
  say(command, &tracking_link::on_subscribed);
  greet_on();
}

void tracking_link::on_tracking(const answer& given) {
  if (!given) {
    refuse(given,
           "CLIENT TRACKING is missing (Redis 6.0 or later has it; an ACL, or a managed service, may forbid it)");
  }
}

void tracking_link::on_subscribed(const answer& given) {
  if (!given || !begins_with(given.value->root(), "subscribe", 3)) {
    return refuse(given, "SUBSCRIBE __redis__:invalidate is missing (an ACL needs &__redis__:invalidate)");
  }
  refused_ = false;
  trouble_.clear();
  listens_ = true;
  // What was read before this may have changed unheard.
  to_.on_all_changed();
  greeted();
}

void tracking_link::on_message(reply_view message) {
  if (!begins_with(message, "message", 3) || !listens_) return;
  const reply_view on = message.first().next();
  if (on.text() != channel) return;
  const reply_view keys = on.next();
  if (keys.type() == reply_type::nil) return to_.on_all_changed();  // FLUSHALL, FLUSHDB
  if (!keys.all_text()) return distrust();
  reply_view one = keys;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    one = i == 0 ? keys.first() : one.next();
    to_.on_key_changed(one.text());
  }
}

void tracking_link::ping() {
  next_ping_ = no_deadline;
  pinging_ = true;
  too_early_ = false;
  std::string command;
  append_command(command, {"PING"});
  const auto handle = [this, sent = now()](const answer& given) { on_pong(sent, given); };
  if (machine_.submit(handle, now() + patience_, command)) {
    submitted();
  } else {
    pinging_ = false;
    next_ping_ = now() + every_;
  }
}

void tracking_link::on_pong(steady_ms sent, const answer& given) {
  pinging_ = false;
  if (closed()) return;
  if (given && !begins_with(given.value->root(), "pong", 2)) {
    next_ping_ = now();
    return distrust();
  }
  if (!given) {
    if (!refused_) trouble_ = std::string(given.why);
    next_ping_ = refused_ ? now() + pause_after_refusal : now();
    return;
  }
  if (!too_early_) told_until_ = std::max(told_until_, sent);
  next_ping_ = too_early_ ? now() : std::max(now(), sent + every_);
}

}  // namespace coatcheck::net
