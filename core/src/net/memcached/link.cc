// Submitting and the greeting: see link.hpp here.
#include "net/memcached/link.hpp"

#include <utility>

namespace coatcheck::net {
namespace {

constexpr duration_ms flush_resolution = 2000;
constexpr std::size_t usual_largest_item = std::size_t{1} << 20;

}  // namespace

std::string memcached_login(std::string_view user, std::string_view password) {
  return "set coatcheck-login 0 -1 " + std::to_string(user.size() + 1 + password.size()) + "\r\n" + std::string(user) +
         ' ' + std::string(password);
}

std::shared_ptr<memcached_link> memcached_link::create(endpoint_source where, std::string login,
                                                       const link_options& chosen, driver& loop) {
  return std::shared_ptr<memcached_link>(new memcached_link(std::move(where), std::move(login), chosen, loop));
}

memcached_link::memcached_link(endpoint_source where, std::string login, const link_options& chosen, driver& loop)
    : link(machine_, "Memcached", std::move(where), chosen, loop),
      machine_({.operations = chosen.queue, .patience = chosen.timeout}),
      login_(std::move(login)) {}

memcached_link::~memcached_link() { close(); }

template <class Submit>
void memcached_link::submit_with(meta_handler done, Submit&& submit) {
  if (closed()) {
    done(meta_answer::none(closed_failure));
    return;
  }
  const auto self = shared_from_this();
  prepare();
  if (long_gone()) {
    answer_later(done, {errc::store_unavailable, "Memcached has been unreachable for a while"});
  } else if (!submit()) {
    answer_later(done, {errc::store_overloaded, "too many operations wait for Memcached (see ?queue=)"});
  } else {
    submitted();
  }
}

void memcached_link::submit(meta_handler done, steady_ms deadline, std::string_view line,
                            std::optional<std::string_view> data, on_loss then) {
  submit_with(done, [&] { return machine_.submit(done, deadline, line, data, then); });
}

void memcached_link::submit_plain(meta_handler done, steady_ms deadline, std::string_view line) {
  submit_with(done, [&] { return machine_.submit_plain(done, deadline, line, on_loss::ask_again); });
}

void memcached_link::answer_later(meta_handler done, const failure& given) {
  end_later([done](const failure& why) mutable { done(meta_answer::none(why)); }, given);
}

void memcached_link::give_up() {
  if (!empty_first_) {
    empty_first_ = true;
    given_up_at_ = now();
    last_good_ = heard_at();
  }
  if (!closed() && !long_gone()) submit_plain([](const meta_answer&) {}, new_deadline(), "mn");
}

// Each step of the greeting; the end of a connection also ends its greeting, and then there is nothing left to decide.
void memcached_link::say(std::string_view line, meta_code expected, void (memcached_link::*then)(const meta_answer&)) {
  machine_.submit_first(
      [this, expected, then](const meta_answer& given) {
        if (!greeting()) return;
        if (given && given.value->code != expected) {
          distrust();
        } else {
          (this->*then)(given);
        }
      },
      line);
}

// A login comes alone: what a server that refuses it says of the next command would take the place of the reason.
void memcached_link::greet() {
  if (login_.empty()) return greet_as_known();
  say(login_, meta_code::stored, &memcached_link::logged_in);
}

// All at once: what comes after an answer that ends the greeting is not looked at. flush_all goes by whole seconds: it
// would leave what was written right before.
void memcached_link::greet_as_known() {
  say("mn", meta_code::noop, &memcached_link::greeted_by);
  if (empty_first_ && now() - given_up_at_ >= flush_resolution)
    say("flush_all", meta_code::ok, &memcached_link::emptied);
  say("stats settings", meta_code::stats, &memcached_link::told_settings);
}

void memcached_link::logged_in(const meta_answer& given) {
  if (!given) return refused({given.code, given.why});
  greet_as_known();
  greet_on();
}

void memcached_link::greeted_by(const meta_answer& given) {
  if (!given) refused({given.code, given.why});
}

void memcached_link::emptied(const meta_answer& given) {
  if (!given) return refused({given.code, given.why});
  empty_first_ = false;
}

// A server that does not tell is taken for one with the usual ones.
void memcached_link::told_settings(const meta_answer& given) {
  if (empty_first_) {  // too early, or it was given up after the greeting had left
    return refused({errc::store_unavailable, "Memcached was away, and has to be emptied before it is used again"});
  }
  const auto lines = given ? given.value->value : std::string_view();
  if (stat_word(lines, "cas_enabled") == "no") {
    return refused({errc::store_refused, "Memcached runs without compare-and-set (-C), which sessions need"});
  }
  largest_item_ = static_cast<std::size_t>(stat_number(lines, "item_size_max", usual_largest_item));
  greeted();
}

}  // namespace coatcheck::net
