// Commands, scripts and replies of the Redis store. Opening one from a URL is in redis_open.cc.
#include "store/redis_store.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "crypto/digest.hpp"
#include "net/redis_link.hpp"
#include "net/resp_format.hpp"
#include "store/envelope.hpp"
#include "store/redis_names.hpp"
#include "store/redis_replies.hpp"
#include "store/redis_script.hpp"

namespace coatcheck {
namespace {

using net::answer;
using net::append_argument;

constexpr std::size_t max_scan_page = 10'000;

// A number as decimal text, in place.
class decimal {
 public:
  explicit decimal(std::int64_t number) noexcept
      : size_(static_cast<std::size_t>(std::to_chars(text_.data(), text_.data() + text_.size(), number).ptr -
                                       text_.data())) {}
  [[nodiscard]] operator std::string_view() const noexcept { return {text_.data(), size_}; }

 private:
  std::array<char, 20> text_;
  std::size_t size_;
};

class redis_store final : public store {
 public:
  redis_store(std::shared_ptr<net::redis_link> link, redis_names names, const clock& time)
      : link_(std::move(link)), names_(std::move(names)), time_(time) {}
  ~redis_store() override { link_->close(); }

  [[nodiscard]] bool synchronous() const noexcept override { return false; }
  void get(std::string_view key, completion<get_result> done) override;
  void put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
           std::string_view owner, completion<put_result> done) override;
  void touch(std::string_view key, epoch_ms expires_at, completion<touch_result> done) override;
  void remove(std::string_view key, completion<remove_result> done) override;
  void owned_by(std::string_view owner, completion<keys_result> done) override;
  void remove_owner(std::string_view owner, std::string_view except, completion<count_result> done) override;
  void scan(std::string_view cursor, std::size_t limit, completion<keys_result> done) override;
  void prune(std::size_t limit, completion<count_result> done) override;
  void stats(completion<stats_result> done) override;
  void health(completion<count_result> done) override;
  void close() override { link_->close(); }

 private:
  // A script under way. It keeps its arguments: a server that does not know the script is sent its text with them.
  struct script_call {
    const redis_script* script = nullptr;
    steady_ms deadline = 0;
    std::string arguments;  // from the number of keys on, encoded
    std::size_t count = 0;  // of them
    etag tag;               // of put: the new version

    void add(std::string_view text) { add({text}); }
    void add(std::initializer_list<std::string_view> pieces) {
      append_argument(arguments, pieces);
      ++count;
    }
  };
  template <class R>
  using decoder = bool (*)(const answer& given, const etag& tag, R& out);

  [[nodiscard]] std::unique_ptr<script_call> call(const redis_script& script, std::size_t keys, std::size_t bytes = 0);
  template <class R>
  static void run(net::redis_link& link, std::string& scratch, std::unique_ptr<script_call> what, completion<R> done,
                  decoder<R> decode, bool whole_text);
  template <class R>
  void run(std::unique_ptr<script_call> what, completion<R> done, decoder<R> decode) {
    run(*link_, command_, std::move(what), done, decode, false);
  }
  template <class R>
  void ping(completion<R> done, std::uint64_t count);
  template <class R>
  void refuse(completion<R> done, error (*why)());
  [[nodiscard]] std::unique_ptr<script_call> scan_call(const redis_script& script, std::string_view cursor,
                                                       std::size_t limit);
  struct counting;
  void count_on(std::unique_ptr<counting> so_far);

  const std::shared_ptr<net::redis_link> link_;
  const redis_names names_;
  const clock& time_;
  std::string command_;  // the one being encoded; its memory is used again
};

std::unique_ptr<redis_store::script_call> redis_store::call(const redis_script& script, std::size_t keys,
                                                            std::size_t bytes) {
  auto made = std::make_unique<script_call>();
  made->script = &script;
  made->deadline = link_->new_deadline();
  made->arguments.reserve(bytes + 768);  // names, numbers and a key three times fit: one allocation
  made->add(decimal(static_cast<std::int64_t>(keys)));
  return made;
}

template <class R>
void redis_store::run(net::redis_link& link, std::string& scratch, std::unique_ptr<script_call> what,
                      completion<R> done, decoder<R> decode, bool whole_text) {
  scratch.clear();
  net::append_command_head(scratch, what->count + 2);
  append_argument(scratch, whole_text ? "EVAL" : "EVALSHA");
  append_argument(scratch, whole_text ? what->script->text : what->script->digest);
  script_call* const held = what.release();  // the handler runs exactly once, and takes it back
  const auto handle = [&link, held, done, decode, whole_text](const answer& given) {
    std::unique_ptr<script_call> mine(held);
    if (!given && given.refused_word == "NOSCRIPT" && !whole_text) {
      std::string command;  // the store may be gone, and its memory with it
      run(link, command, std::move(mine), done, decode, true);
      return;
    }
    R out;
    if (!decode(given, mine->tag, out)) {
      out.why = unfit_reply();
      link.distrust();
    }
    done(std::move(out));
  };
  link.submit(handle, held->deadline, scratch, held->arguments, held->script->on_loss);
}

template <class R>
void redis_store::refuse(completion<R> done, error (*why)()) {
  link_->answer_later(
      [done, why](const answer& given) {
        R out;
        out.why = given.code == errc::store_closed ? to_error(given) : why();
        done(std::move(out));
      },
      answer::failure(errc::invalid_option, {}));
}

void redis_store::get(std::string_view key, completion<get_result> done) {
  if (!valid_key(key)) {
    refuse(done, bad_key_error);
    return;
  }
  command_.clear();
  net::append_command_head(command_, 2);
  append_argument(command_, "GET");
  append_argument(command_, {names_.values(), key});
  const auto handle = [link = link_.get(), time = &time_, done](const answer& given) {
    get_result out;
    if (!decode_get(given, time->now(), out)) {
      out.why = unfit_reply();
      link->distrust();
    }
    done(std::move(out));
  };
  link_->submit(handle, link_->new_deadline(), command_, {}, net::on_loss::ask_again);
}

void redis_store::put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
                      std::string_view owner, completion<put_result> done) {
  if (!valid_key(key)) {
    refuse(done, bad_key_error);
    return;
  }
  if (owner.size() > max_owner_size) {
    refuse(done, bad_owner_error);
    return;
  }
  const etag tag = make_etag();
  if (tag.empty()) {
    refuse(done, no_random_error);
    return;
  }
  expires_at = std::clamp<epoch_ms>(expires_at, 0, envelope::max_expiry);
  const epoch_ms now = time_.now();
  char header[envelope::header_size];
  envelope::write_header(expires_at, tag.view(), header);

  auto what = call(scripts().put, 2, bytes.size());
  what->tag = tag;
  what->add({names_.values(), key});
  what->add({names_.marks(), key});
  switch (expect.what) {
    case expectation::kind::any:
      what->add("any");
      break;
    case expectation::kind::absent:
      what->add("absent");
      break;
    case expectation::kind::match:
      // An etag that is none of ours matches nothing; it must not be taken for a word.
      what->add(expect.tag.view().size() == envelope::tag_size ? expect.tag.view() : std::string_view("none"));
      break;
  }
  what->add(decimal(now));
  what->add(decimal(expires_at - now));
  what->add({{header, sizeof(header)}, bytes});
  what->add(owner.empty() ? std::string() : redis_names::digest(owner));
  what->add(names_.indexes());
  what->add(key);
  run<put_result>(std::move(what), done, decode_put);
}

void redis_store::touch(std::string_view key, epoch_ms expires_at, completion<touch_result> done) {
  if (!valid_key(key)) {
    refuse(done, bad_key_error);
    return;
  }
  expires_at = std::clamp<epoch_ms>(expires_at, 0, envelope::max_expiry);
  const epoch_ms now = time_.now();
  char digits[envelope::expiry_size];
  envelope::write_expiry(expires_at, digits);
  auto what = call(scripts().touch, 2);
  what->add({names_.values(), key});
  what->add({names_.marks(), key});
  what->add(decimal(now));
  what->add({digits, sizeof(digits)});
  what->add(decimal(expires_at - now));
  what->add(names_.indexes());
  what->add(key);
  run<touch_result>(std::move(what), done, decode_touch);
}

void redis_store::remove(std::string_view key, completion<remove_result> done) {
  if (!valid_key(key)) {
    refuse(done, bad_key_error);
    return;
  }
  auto what = call(scripts().remove, 2);
  what->add({names_.values(), key});
  what->add({names_.marks(), key});
  what->add(decimal(time_.now()));
  what->add(names_.indexes());
  what->add(key);
  run<remove_result>(std::move(what), done, decode_remove);
}

void redis_store::owned_by(std::string_view owner, completion<keys_result> done) {
  if (owner.size() > max_owner_size) {
    refuse(done, bad_owner_error);
    return;
  }
  auto what = call(scripts().owned_by, 1);
  what->add({names_.indexes(), redis_names::digest(owner)});
  what->add(decimal(time_.now()));
  what->add(names_.values());
  run<keys_result>(std::move(what), done, decode_owned);
}

void redis_store::remove_owner(std::string_view owner, std::string_view except, completion<count_result> done) {
  if (owner.size() > max_owner_size) {
    refuse(done, bad_owner_error);
    return;
  }
  if (!except.empty() && !valid_key(except)) {
    refuse(done, bad_key_error);
    return;
  }
  auto what = call(scripts().remove_owner, 1);
  what->add({names_.indexes(), redis_names::digest(owner)});
  what->add(decimal(time_.now()));
  what->add(names_.values());
  what->add(names_.marks());
  what->add(except);
  run<count_result>(std::move(what), done, decode_count);
}

std::unique_ptr<redis_store::script_call> redis_store::scan_call(const redis_script& script, std::string_view cursor,
                                                                 std::size_t limit) {
  auto what = call(script, 0);
  what->add(decimal(time_.now()));
  what->add(names_.values());
  what->add(names_.pattern());
  what->add(cursor.empty() ? "0" : cursor);
  what->add(decimal(static_cast<std::int64_t>(std::clamp<std::size_t>(limit, 1, max_scan_page))));
  return what;
}

void redis_store::scan(std::string_view cursor, std::size_t limit, completion<keys_result> done) {
  if (!valid_cursor(cursor)) {
    refuse(done, bad_cursor_error);
    return;
  }
  run<keys_result>(scan_call(scripts().scan, cursor, limit), done, decode_scan);
}

// The state of a stats() between two pages.
struct redis_store::counting {
  redis_store* self;
  completion<stats_result> done;
  steady_ms deadline;
  std::string cursor;
  store_stats sum;
};

void redis_store::stats(completion<stats_result> done) {
  count_on(std::unique_ptr<counting>(new counting{this, done, link_->new_deadline(), {}, {}}));
}

void redis_store::count_on(std::unique_ptr<counting> so_far) {
  auto what = scan_call(scripts().stats, so_far->cursor, max_scan_page);
  what->deadline = so_far->deadline;
  const completion<page_result> next(
      [](void* context, page_result&& page) {
        std::unique_ptr<counting> state(static_cast<counting*>(context));
        state->sum.entries += page.sum.entries;
        state->sum.bytes += page.sum.bytes;
        state->cursor = std::move(page.cursor);
        if (page.known && !state->cursor.empty()) {
          redis_store* const self = state->self;
          self->count_on(std::move(state));
          return;
        }
        state->done({page.known, page.known ? state->sum : store_stats{}, std::move(page.why)});
      },
      so_far.release());
  run<page_result>(std::move(what), next, decode_page);
}

template <class R>
void redis_store::ping(completion<R> done, std::uint64_t count) {
  command_.clear();
  net::append_command(command_, {"PING"});
  const auto handle = [link = link_.get(), done, count](const answer& given) {
    R out;
    if (!decode_pong(given, out)) {
      out.why = unfit_reply();
      link->distrust();
    }
    out.count = out.known ? count : 0;
    done(std::move(out));
  };
  link_->submit(handle, link_->new_deadline(), command_, {}, net::on_loss::ask_again);
}

// Redis expires by itself: the answer is 0, if there is a server to say so.
void redis_store::prune(std::size_t, completion<count_result> done) { ping(done, 0); }
void redis_store::health(completion<count_result> done) { ping(done, 1); }

}  // namespace

std::shared_ptr<store> make_redis_store(std::shared_ptr<net::redis_link> link, redis_names names, const clock& time) {
  return std::make_shared<redis_store>(std::move(link), std::move(names), time);
}

}  // namespace coatcheck
