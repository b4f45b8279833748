// Commands, scripts and replies of the Redis store. Opening one from a URL is in redis/open.cc.
#include "store/redis/store.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "net/redis/resp_format.hpp"
#include "store/envelope.hpp"
#include "store/redis/calls.hpp"
#include "store/redis/names.hpp"
#include "store/redis/replies.hpp"
#include "store/redis/script.hpp"
#include "store/redis/walks.hpp"

namespace coatcheck {
namespace {

using net::answer;
using net::append_argument;

class redis_store final : public store {
 public:
  redis_store(std::shared_ptr<net::redis_route> link, redis_names names, const clock& time)
      : calls_(std::move(link), std::move(names), time) {}
  ~redis_store() override { calls_.link->close(); }

  [[nodiscard]] store_capabilities capabilities() const noexcept override {
    return {.needs_loop = true, .scan_repeats = true, .expires_itself = true};
  }
  void get(std::string_view key, completion<get_result> done) override;
  void get_recent(std::string_view key, completion<get_result> done) override;
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
  void close() override { calls_.link->close(); }

 private:
  void get_command(std::string_view key, std::string& command) const;

  redis_calls calls_;
};

void redis_store::get(std::string_view key, completion<get_result> done) {
  if (!valid_key(key)) {
    calls_.refuse(done, bad_key_error);
    return;
  }
  get_command(key, calls_.command);
  calls_.get(calls_.command, calls_.link->new_deadline(), done);
}

void redis_store::get_command(std::string_view key, std::string& command) const {
  command.clear();
  net::append_command_head(command, 2);
  append_argument(command, "GET");
  append_argument(command, {calls_.names.values(), key, calls_.names.end()});
}

// A read that asks a replica first. Only a live value is taken from there: what it does not have, holds for expired or
// damaged, or does not say in time, the master is asked for, within the same deadline.
struct replica_read {
  redis_calls* calls;
  completion<get_result> done;
  steady_ms deadline;
  std::string command;

  static void on_replica(replica_read* self, const answer& given) {
    const std::unique_ptr<replica_read> mine(self);
    get_result out;
    if (given && !decode_get(given, mine->calls->time.now(), out)) {
      (void)unfit_reply(given);
    } else if (given && out.status == get_status::found) {
      return mine->done(std::move(out));
    }
    mine->calls->get(mine->command, mine->deadline, mine->done);
  }
};

void redis_store::get_recent(std::string_view key, completion<get_result> done) {
  net::redis_route& link = *calls_.link;
  if (!link.reads_replicas() || !valid_key(key)) {
    get(key, done);
    return;
  }
  std::string command;
  get_command(key, command);
  auto asked = std::make_unique<replica_read>(replica_read{&calls_, done, link.new_deadline(), std::move(command)});
  const auto handle = [self = asked.get()](const answer& given) { replica_read::on_replica(self, given); };
  if (link.submit_to_replica({handle, asked->deadline, asked->command})) {
    (void)asked.release();  // the handler has it
  } else {
    calls_.get(asked->command, asked->deadline, done);
  }
}

// A put with an owner is two commands that leave together: the owner's index is told of the session before the session
// is there, so that no live session is missing from it. It is stored when both are.
struct owned_put {
  completion<put_result> done;
  put_result out;
  std::optional<error> not_linked;
  bool one_heard = false;

  static void hear(owned_put* self) {
    if (!std::exchange(self->one_heard, true)) {
      return;
    }
    const std::unique_ptr<owned_put> mine(self);
    if (mine->not_linked && mine->out.status == put_status::stored) {
      mine->out = {};
      mine->out.why = *std::move(mine->not_linked);
    }
    mine->done(std::move(mine->out));
  }
};

void redis_store::put(std::string_view key, std::string_view bytes, epoch_ms expires_at, expectation expect,
                      std::string_view owner, completion<put_result> done) {
  if (!valid_key(key)) {
    calls_.refuse(done, bad_key_error);
    return;
  }
  if (owner.size() > max_owner_size) {
    calls_.refuse(done, bad_owner_error);
    return;
  }
  const etag tag = make_etag();
  if (tag.empty()) {
    calls_.refuse(done, no_random_error);
    return;
  }
  expires_at = std::clamp<epoch_ms>(expires_at, 0, envelope::max_expiry);
  const epoch_ms left = expires_at - calls_.time.now();
  char header[envelope::header_size];
  envelope::write_header(expires_at, tag.view(), header);
  const std::string digest = owner.empty() ? std::string() : redis_names::digest(owner);

  auto what = calls_.call_of(scripts().put, key, bytes.size());
  what->add(expect, envelope::tag_size);
  what->add(decimal(left));
  what->add({{header, sizeof(header)}, bytes});
  what->add(digest);
  if (digest.empty() || left <= 0) {
    what->then = [done, tag](const answer& given) {
      put_result out;
      if (!decode_put(given, tag, out)) {
        out.why = unfit_reply(given);
      }
      done(std::move(out));
    };
    calls_.run(std::move(what));
    return;
  }
  auto* const both = new owned_put{done, {}, {}, false};
  auto linking = calls_.link_call(digest, key, expires_at);
  linking->deadline = what->deadline;
  linking->then = [both](const answer& given) {
    if (!given) {
      both->not_linked = to_error(given);
    }
    owned_put::hear(both);
  };
  what->then = [both, tag](const answer& given) {
    if (!decode_put(given, tag, both->out)) {
      both->out.why = unfit_reply(given);
    }
    owned_put::hear(both);
  };
  calls_.run(std::move(linking));
  calls_.run(std::move(what));
}

void redis_store::touch(std::string_view key, epoch_ms expires_at, completion<touch_result> done) {
  if (!valid_key(key)) {
    calls_.refuse(done, bad_key_error);
    return;
  }
  expires_at = std::clamp<epoch_ms>(expires_at, 0, envelope::max_expiry);
  char digits[envelope::expiry_size];
  envelope::write_expiry(expires_at, digits);
  auto what = calls_.call_of(scripts().touch, key);
  what->add({digits, sizeof(digits)});
  what->add(decimal(expires_at - calls_.time.now()));
  what->key = key;
  what->expires_at = expires_at;
  what->then = [calls = &calls_, self = what.get(), done](const answer& given) {
    touch_result out;
    if (!decode_touch(given, out)) {
      out.why = unfit_reply(given);
    } else if (const auto owner = owner_in(given); !owner.empty()) {
      calls->tell_index(calls->link_call(owner, self->key, self->expires_at));
    }
    done(std::move(out));
  };
  calls_.run(std::move(what));
}

void redis_store::remove(std::string_view key, completion<remove_result> done) {
  if (!valid_key(key)) {
    calls_.refuse(done, bad_key_error);
    return;
  }
  auto what = calls_.call_of(scripts().remove, key);
  what->key = key;
  what->then = [calls = &calls_, self = what.get(), done](const answer& given) {
    remove_result out;
    if (!decode_remove(given, out)) {
      out.why = unfit_reply(given);
    } else if (const auto owner = owner_in(given); !owner.empty()) {
      calls->drop_from_index(owner, {self->key});
    }
    done(std::move(out));
  };
  calls_.run(std::move(what));
}

void redis_store::owned_by(std::string_view owner, completion<keys_result> done) {
  if (owner.size() > max_owner_size) {
    calls_.refuse(done, bad_owner_error);
    return;
  }
  list_owner(calls_, owner, done);
}

void redis_store::remove_owner(std::string_view owner, std::string_view except, completion<count_result> done) {
  if (owner.size() > max_owner_size) {
    calls_.refuse(done, bad_owner_error);
    return;
  }
  if (!except.empty() && !valid_key(except)) {
    calls_.refuse(done, bad_key_error);
    return;
  }
  coatcheck::remove_owner(calls_, owner, except, done);
}

void redis_store::scan(std::string_view cursor, std::size_t limit, completion<keys_result> done) {
  if (!valid_walk_cursor(cursor)) {
    calls_.refuse(done, bad_cursor_error);
    return;
  }
  scan_page(calls_, cursor, limit, done);
}

void redis_store::stats(completion<stats_result> done) { measure_all(calls_, done); }

// Redis expires by itself: the answer is 0, if there is a server to say so.
void redis_store::prune(std::size_t, completion<count_result> done) { calls_.ping(done, 0); }
void redis_store::health(completion<count_result> done) { calls_.ping(done, 1); }

}  // namespace

std::shared_ptr<store> make_redis_store(std::shared_ptr<net::redis_route> link, redis_names names, const clock& time) {
  return std::make_shared<redis_store>(std::move(link), std::move(names), time);
}

}  // namespace coatcheck
