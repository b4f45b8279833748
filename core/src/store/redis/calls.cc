// Scripts sent, answered and sent again with their text; many keys asked, some at a time.
#include "store/redis/calls.hpp"

#include <algorithm>
#include <utility>

#include "store/envelope.hpp"

namespace coatcheck {
namespace {

using net::answer;
using net::append_argument;

constexpr std::size_t most_at_a_time = 64;

}  // namespace

void script_call::add(const expectation& expect, std::size_t tag_size) {
  switch (expect.what) {
    case expectation::kind::any:
      add("any");
      break;
    case expectation::kind::absent:
      add("absent");
      break;
    case expectation::kind::match:
      add(expect.tag.view().size() == tag_size ? expect.tag.view() : std::string_view("none"));
      break;
  }
}

std::unique_ptr<script_call> redis_calls::call(const redis_script& script, std::size_t keys, std::size_t bytes) const {
  auto made = std::make_unique<script_call>();
  made->script = &script;
  made->deadline = link->new_deadline();
  made->arguments.reserve(bytes + 768);  // names and numbers fit: one allocation
  made->add(decimal(static_cast<std::int64_t>(keys)));
  return made;
}

std::unique_ptr<script_call> redis_calls::call_of(const redis_script& script, std::string_view key,
                                                  std::size_t bytes) const {
  auto made = call(script, 2, bytes);
  made->add({names.values(), key, names.end()});
  made->add({names.marks(), key, names.end()});
  made->add(decimal(time.now()));
  return made;
}

std::unique_ptr<script_call> redis_calls::link_call(std::string_view digest, std::string_view key,
                                                    epoch_ms expires_at) const {
  char digits[envelope::expiry_size];
  envelope::write_expiry(expires_at, digits);
  const epoch_ms now = time.now();
  auto what = call(scripts().link, 1);
  what->add({names.indexes(), digest});
  what->add(key);
  what->add({digits, sizeof(digits)});
  what->add(decimal(expires_at - now));
  what->add(decimal(now));
  return what;
}

void redis_calls::drop_from_index(std::string_view digest, const std::vector<std::string>& keys) {
  if (keys.empty()) {
    return;
  }
  command.clear();
  net::append_command_head(command, keys.size() + 2);
  append_argument(command, "ZREM");
  append_argument(command, {names.indexes(), digest});
  for (const auto& key : keys) {
    append_argument(command, key);
  }
  link->submit([](const answer&) {}, link->new_deadline(), command);
}

void redis_calls::get(std::string_view encoded, steady_ms deadline, completion<get_result> done) const {
  const auto handle = [clock = &time, done](const answer& given) {
    get_result out;
    if (!decode_get(given, clock->now(), out)) {
      out.why = unfit_reply(given);
    }
    done(std::move(out));
  };
  link->submit(handle, deadline, encoded, {}, net::on_loss::ask_again);
}

void redis_calls::ping(completion<count_result> done, std::uint64_t count) {
  command.clear();
  net::append_command(command, {"PING"});
  const auto handle = [done, count](const answer& given) {
    count_result out;
    if (!decode_pong(given, out)) {
      out.why = unfit_reply(given);
    }
    out.count = out.known ? count : 0;
    done(std::move(out));
  };
  link->submit(handle, link->new_deadline(), command, {}, net::on_loss::ask_again);
}

void redis_calls::run(net::redis_route& link, std::string& scratch, std::unique_ptr<script_call> what,
                      bool whole_text) {
  scratch.clear();
  net::append_command_head(scratch, what->count + 2);
  append_argument(scratch, whole_text ? "EVAL" : "EVALSHA");
  append_argument(scratch, whole_text ? what->script->text : what->script->digest);
  script_call* const held = what.release();  // the handler runs exactly once, and takes it back
  const auto handle = [&link, held, whole_text](const answer& given) {
    std::unique_ptr<script_call> mine(held);
    if (!given && given.refused_word == "NOSCRIPT" && !whole_text) {
      std::string command;  // the store may be gone, and its memory with it
      run(link, command, std::move(mine), true);
      return;
    }
    mine->then(given);
  };
  link.submit(handle, held->deadline, scratch, held->arguments, held->script->on_loss);
}

void key_walk::walk(std::vector<std::string> keys) {
  keys_ = std::move(keys);
  next_ = 0;
  ask();
}

void key_walk::ask() {
  const std::size_t room = std::clamp<std::size_t>(calls_.link->most_operations() / 4, 1, most_at_a_time);
  const std::size_t end = std::min(keys_.size(), next_ + room);
  if (next_ == end) {
    on_walked();
    return;
  }
  waiting_ = end - next_ + 1;  // one is for this loop: a closed link answers inside submit()
  for (; next_ < end; ++next_) {
    auto what = question(keys_[next_]);
    what->deadline = deadline_;
    what->then = [this, index = next_](const answer& given) { heard(index, given); };
    calls_.run(std::move(what));
  }
  answered();
}

void key_walk::heard(std::size_t index, const answer& given) {
  if (!given) {
    if (!why_) {
      why_ = to_error(given);
    }
  } else if (!why_ && !on_key(keys_[index], given.value->root())) {
    why_ = unfit_reply(given);
  }
  answered();
}

void key_walk::answered() {
  if (--waiting_ != 0) {
    return;
  }
  if (why_) {
    finish(std::move(why_));
  } else {
    ask();
  }
}

void key_walk::finish(std::optional<error> why) {
  on_end(std::move(why));
  delete this;
}

}  // namespace coatcheck
