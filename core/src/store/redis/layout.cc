// The layout of another package in Redis: a value as it is under a prefix and an id, that the package reads and writes
// at the same time. docs/formats.md, "Layouts of other packages".
//
// A value has no header. Its version is the digest of its bytes, taken here and in the server alike, so that what the
// package writes meanwhile is a conflict like any other. Its deadline is the key's time to live, in whole seconds.
#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "crypto/digest.hpp"
#include "net/redis/resp_format.hpp"
#include "net/redis/route.hpp"
#include "store/envelope.hpp"
#include "store/redis/calls.hpp"
#include "store/redis/names.hpp"
#include "store/redis/replies.hpp"
#include "store/redis/walks.hpp"

namespace coatcheck {
namespace {

using net::answer;
using net::append_argument;
using net::reply_type;
using net::reply_view;

constexpr std::size_t digest_digits = etag::max_size;
constexpr std::int64_t no_end = -1;  // what PTTL answers
constexpr std::int64_t not_there = -2;

etag tag_of(std::string_view bytes) { return etag(std::string_view(crypto::sha1_hex(bytes)).substr(0, digest_digits)); }

// Whole seconds, as the packages count them: upwards.
std::int64_t seconds(duration_ms left) noexcept { return left <= 0 ? 0 : (left - 1) / 1000 + 1; }

epoch_ms deadline_in(std::int64_t left, epoch_ms now) noexcept {
  return left < 0 ? envelope::max_expiry : later(now, left);
}

class redis_layout_store final : public store {
 public:
  redis_layout_store(std::shared_ptr<net::redis_route> link, std::string_view prefix, redis_layout_rules rules,
                     const clock& time)
      : calls_(std::move(link), redis_names::plain(prefix), time), rules_(rules) {}
  ~redis_layout_store() override { calls_.link->close(); }

  [[nodiscard]] store_capabilities capabilities() const noexcept override {
    return {.needs_loop = true,
            .owner_index = false,
            .scan_repeats = true,
            .expires_itself = true,
            .expiry_resolution = rules_.expires ? 1000 : std::numeric_limits<duration_ms>::max(),
            .unique_versions = false,
            .layout = rules_.layout,
            .layout_lifetime = rules_.lifetime,
            .layout_lifetime_given = rules_.lifetime_given};
  }
  void get(std::string_view key, completion<get_result> done) override;
  void put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
           std::string_view owner, completion<put_result> done) override;
  void touch(std::string_view key, epoch_ms expires_at, completion<touch_result> done) override;
  void remove(std::string_view key, completion<remove_result> done) override;
  void scan(std::string_view cursor, std::size_t limit, completion<keys_result> done) override {
    if (!valid_cursor(cursor)) return calls_.refuse(done, bad_cursor_error);
    scan_page(calls_, cursor, limit, done);
  }
  void prune(std::size_t, completion<count_result> done) override { calls_.ping(done, 0); }
  void stats(completion<stats_result> done) override { measure_all(calls_, done); }
  void health(completion<count_result> done) override { calls_.ping(done, 1); }
  void close() override { calls_.link->close(); }

 private:
  void begin(std::string_view command, std::string_view key, std::size_t arguments = 2) {
    calls_.command.clear();
    net::append_command_head(calls_.command, arguments);
    append_argument(calls_.command, command);
    append_argument(calls_.command, {calls_.names.values(), key});
  }
  template <class Handle>
  void send(const Handle& handle, steady_ms deadline, net::on_loss loss) {
    calls_.link->submit(handle, deadline, calls_.command, {}, loss);
  }
  // `decode(answer, result)`: false where the reply is not of the command's kind.
  template <class R, class Decode>
  [[nodiscard]] auto decoded(completion<R> done, Decode decode) {
    return [done, decode](const answer& given) {
      R out;
      if (!decode(given, out)) {
        out = {};
        out.why = unfit_reply(given);
      }
      done(std::move(out));
    };
  }
  redis_calls calls_;
  const redis_layout_rules rules_;
};

// A read is two commands that leave together: the value, then its time to live. A value that went between them is
// absent; one that was written again has the later deadline, which is what a deadline is asked for.
struct plain_read {
  completion<get_result> done;
  const clock* time;
  get_result out;
  std::int64_t left = not_there;
  std::optional<error> not_timed;
  bool one_heard = false;

  void take_value(const answer& given) {
    if (!given) {
      out.why = to_error(given);
    } else if (const reply_view root = given.value->root(); root.type() == reply_type::nil) {
      out.status = get_status::absent;
    } else if (root.type() == reply_type::text) {
      out.status = get_status::found;
      out.value.bytes = root.text();
    } else {
      out.why = unfit_reply(given);
    }
  }
  void take_time(const answer& given) {
    if (!given) {
      not_timed = to_error(given);
    } else if (const reply_view root = given.value->root();
               root.type() == reply_type::integer && root.integer() >= not_there) {
      left = root.integer();
    } else {
      not_timed = unfit_reply(given);
    }
  }
  static void hear(plain_read* self) {
    if (!std::exchange(self->one_heard, true)) return;
    const std::unique_ptr<plain_read> mine(self);
    get_result& out = mine->out;
    if (out.status == get_status::found && mine->not_timed) {
      out = {};
      out.why = *std::move(mine->not_timed);
    } else if (out.status == get_status::found && mine->left == not_there) {
      out = {};
      out.status = get_status::absent;
    } else if (out.status == get_status::found) {
      out.value.tag = tag_of(out.value.bytes);
      out.value.expires_at = deadline_in(mine->left, mine->time->now());
    }
    mine->done(std::move(out));
  }
};

void redis_layout_store::get(std::string_view key, completion<get_result> done) {
  if (!valid_key(key)) return calls_.refuse(done, bad_key_error);
  const steady_ms deadline = calls_.link->new_deadline();
  auto* const one = new plain_read{done, &calls_.time, {}, not_there, {}, false};
  const auto on_value = [one](const answer& given) {
    one->take_value(given);
    plain_read::hear(one);
  };
  const auto on_time = [one](const answer& given) {
    one->take_time(given);
    plain_read::hear(one);
  };
  begin("PTTL", key);
  std::string second = calls_.command;  // a completion inside submit() may ask for more, or end the store
  const std::shared_ptr<net::redis_route> link = calls_.link;
  begin("GET", key);
  link->submit(on_value, deadline, calls_.command, {}, net::on_loss::ask_again);
  link->submit(on_time, deadline, second, {}, net::on_loss::ask_again);
}

void redis_layout_store::put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
                             std::string_view owner, completion<put_result> done) {
  if (!valid_key(key)) return calls_.refuse(done, bad_key_error);
  if (owner.size() > max_owner_size) return calls_.refuse(done, bad_owner_error);
  auto what = calls_.call(scripts().put_plain, 1, bytes.size());
  what->add({calls_.names.values(), key});
  what->add(expect, digest_digits);
  const std::int64_t left = seconds(std::clamp<epoch_ms>(expires_at, 0, envelope::max_expiry) - calls_.time.now());
  if (rules_.expires || left == 0) {
    what->add(decimal(left));
  } else {
    what->add("");
  }
  what->add(bytes);
  what->then = decoded(done, [tag = tag_of(bytes), time = &calls_.time](const answer& given, put_result& out) {
    if (!given) {
      out.why = to_error(given);
      return true;
    }
    const reply_view root = given.value->root();
    if (root.type() == reply_type::integer) {
      out.status = root.integer() == 1 ? put_status::stored : put_status::gone;
      if (root.integer() == 1) out.tag = tag;
      return root.integer() == 0 || root.integer() == 1;
    }
    if (root.type() != reply_type::array || root.size() != 2) return false;
    const reply_view value = root.first();
    if (value.type() != reply_type::text) return false;
    const reply_view left_there = value.next();
    if (left_there.type() != reply_type::integer || left_there.integer() < no_end) return false;
    out.status = put_status::conflict;
    out.current = {std::string(value.text()), tag_of(value.text()), deadline_in(left_there.integer(), time->now())};
    return true;
  });
  calls_.run(std::move(what));
}

void redis_layout_store::touch(std::string_view key, epoch_ms expires_at, completion<touch_result> done) {
  if (!valid_key(key)) return calls_.refuse(done, bad_key_error);
  const std::int64_t left = seconds(std::clamp<epoch_ms>(expires_at, 0, envelope::max_expiry) - calls_.time.now());
  if (rules_.touches) {
    begin("EXPIRE", key, 3);
    append_argument(calls_.command, decimal(left));
  } else {
    begin("EXISTS", key);
  }
  const auto decode = [](const answer& given, touch_result& out) {
    if (!given) {
      out.why = to_error(given);
      return true;
    }
    const reply_view root = given.value->root();
    if (root.type() != reply_type::integer || root.integer() < 0 || root.integer() > 1) return false;
    out.status = root.integer() == 1 ? touch_status::touched : touch_status::gone;
    return true;
  };
  send(decoded(done, decode), calls_.link->new_deadline(), net::on_loss::fail);
}

void redis_layout_store::remove(std::string_view key, completion<remove_result> done) {
  if (!valid_key(key)) return calls_.refuse(done, bad_key_error);
  begin("DEL", key);
  send(decoded(done, decode_remove), calls_.link->new_deadline(), net::on_loss::fail);
}

}  // namespace

std::shared_ptr<store> make_redis_layout_store(std::shared_ptr<net::redis_route> link, std::string_view prefix,
                                               redis_layout_rules rules, const clock& time) {
  return std::make_shared<redis_layout_store>(std::move(link), prefix, rules, time);
}

}  // namespace coatcheck
