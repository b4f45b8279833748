// Owners' sessions and pages of keys, key by key.
#include "store/redis/walks.hpp"

#include <algorithm>
#include <utility>

#include "store/envelope.hpp"

namespace coatcheck {
namespace {

using net::answer;
using net::reply_type;
using net::reply_view;

constexpr std::size_t max_scan_page = 10'000;

class owner_walk : public key_walk {
 public:
  void start() {
    calls_.command.clear();
    net::append_command_head(calls_.command, 4);
    net::append_argument(calls_.command, "ZRANGE");
    net::append_argument(calls_.command, {calls_.names.indexes(), digest_});
    net::append_argument(calls_.command, "0");
    net::append_argument(calls_.command, "-1");
    const auto handle = [this](const answer& given) { on_index(given); };
    calls_.link->submit(handle, deadline_, calls_.command, {}, net::on_loss::ask_again);
  }

 protected:
  owner_walk(redis_calls& calls, std::string_view owner) : key_walk(calls), digest_(redis_names::digest(owner)) {}
  [[nodiscard]] virtual bool is_asked(std::string_view) const { return true; }

  const std::string digest_;

 private:
  void on_index(const answer& given) {
    if (!given) return finish(to_error(given));
    std::vector<std::string> keys;
    if (!take_keys(given.value->root(), keys)) {
      return finish(unfit_reply(given));
    }
    std::erase_if(keys, [&](const std::string& key) { return !is_asked(key); });
    walk(std::move(keys));
  }
};

class list_walk final : public owner_walk {
 public:
  list_walk(redis_calls& calls, std::string_view owner, completion<keys_result> done)
      : owner_walk(calls, owner), done_(done) {}

 private:
  [[nodiscard]] std::unique_ptr<script_call> question(std::string_view key) const override {
    return calls_.call_of(scripts().owner_of, key);
  }
  [[nodiscard]] bool on_key(const std::string& key, reply_view reply) override {
    if (reply.type() == reply_type::text) {
      if (reply.text() == digest_) out_.keys.push_back(key);
      return true;
    }
    if (reply.type() != reply_type::integer) return false;
    (reply.integer() == 1 ? out_.keys : absent_).push_back(key);
    return reply.integer() == 0 || reply.integer() == 1;
  }
  void on_walked() override {
    if (!absent_.empty()) {
      auto what = calls_.call(scripts().unlink, 1, absent_.size() * max_key_size);
      what->add({calls_.names.indexes(), digest_});
      what->add(decimal(calls_.time.now()));
      for (const auto& key : absent_) what->add(key);
      calls_.tell_index(std::move(what));
    }
    finish({});
  }
  void on_end(std::optional<error> why) override {
    out_.known = !why;
    if (why) out_ = {.known = false, .keys = {}, .cursor = {}, .why = *std::move(why)};
    done_(std::move(out_));
  }

  completion<keys_result> done_;
  keys_result out_;
  std::vector<std::string> absent_;
};

class remove_walk final : public owner_walk {
 public:
  remove_walk(redis_calls& calls, std::string_view owner, std::string_view except, completion<count_result> done)
      : owner_walk(calls, owner), except_(except), done_(done) {}

 private:
  [[nodiscard]] bool is_asked(std::string_view key) const override { return key != except_; }
  [[nodiscard]] std::unique_ptr<script_call> question(std::string_view key) const override {
    auto what = calls_.call_of(scripts().remove_owned, key);
    what->add(digest_);
    return what;
  }
  [[nodiscard]] bool on_key(const std::string& key, reply_view reply) override {
    if (reply.type() != reply_type::integer || reply.integer() < 0 || reply.integer() > 1) return false;
    if (reply.integer() == 1) removed_.push_back(key);
    return true;
  }
  void on_walked() override {
    calls_.drop_from_index(digest_, removed_);
    finish({});
  }
  void on_end(std::optional<error> why) override {
    if (why) return done_({false, 0, *std::move(why)});
    done_({true, removed_.size(), {}});
  }

  const std::string except_;
  completion<count_result> done_;
  std::vector<std::string> removed_;
};

class page_walk : public key_walk {
 public:
  void start(std::string_view cursor) {
    auto& command = calls_.command;
    command.clear();
    from_ = cursor;
    const std::string_view arguments[] = {"MATCH", calls_.names.pattern(), "COUNT", count_, "TYPE", "string"};
    for (const auto one : arguments) net::append_argument(command, one);
    const auto handle = [this](const answer& given) { on_page(given); };
    calls_.link->scan(handle, deadline_, from_, std::size(arguments), command);
  }

 protected:
  page_walk(redis_calls& calls, std::size_t limit)
      : key_walk(calls), count_(static_cast<std::int64_t>(std::clamp<std::size_t>(limit, 1, max_scan_page))) {}
  virtual void take(const std::string& key, std::uint64_t bytes) = 0;

  std::string cursor_;  // of the next page; empty: there is none

 private:
  void on_page(const answer& given) {
    if (!given) return finish(to_error(given));
    std::vector<std::string> keys;
    if (!take_page(given.value->root(), calls_.names, cursor_, keys)) {
      return finish(unfit_reply(given));
    }
    cursor_ = calls_.link->cursor_after(from_, given, cursor_);
    walk(std::move(keys));
  }
  [[nodiscard]] std::unique_ptr<script_call> question(std::string_view key) const override {
    const bool plain = calls_.names.end().empty();
    auto what = calls_.call(plain ? scripts().measure_plain : scripts().measure, 1);
    what->add({calls_.names.values(), key, calls_.names.end()});
    if (!plain) what->add(decimal(calls_.time.now()));
    return what;
  }
  [[nodiscard]] bool on_key(const std::string& key, reply_view reply) override {
    if (reply.type() != reply_type::integer || reply.integer() < -1) return false;
    if (reply.integer() >= 0) take(key, static_cast<std::uint64_t>(reply.integer()));
    return true;
  }

  const decimal count_;  // that SCAN is asked for
  std::string from_;     // cursor of this page
};

class scan_walk final : public page_walk {
 public:
  scan_walk(redis_calls& calls, std::size_t limit, completion<keys_result> done)
      : page_walk(calls, limit), done_(done) {}

 private:
  void take(const std::string& key, std::uint64_t) override { out_.keys.push_back(key); }
  void on_walked() override { finish({}); }
  void on_end(std::optional<error> why) override {
    if (why) return done_({.known = false, .keys = {}, .cursor = {}, .why = *std::move(why)});
    out_.known = true;
    out_.cursor = std::move(cursor_);
    done_(std::move(out_));
  }

  completion<keys_result> done_;
  keys_result out_;
};

class stats_walk final : public page_walk {
 public:
  stats_walk(redis_calls& calls, completion<stats_result> done) : page_walk(calls, max_scan_page), done_(done) {}

 private:
  void take(const std::string& key, std::uint64_t bytes) override {
    sum_.entries += 1;
    sum_.bytes += calls_.names.values().size() + key.size() + calls_.names.end().size() + bytes;
  }
  void on_walked() override {
    if (cursor_.empty()) return finish({});
    start(std::exchange(cursor_, {}));
  }
  void on_end(std::optional<error> why) override {
    if (why) return done_({false, {}, *std::move(why)});
    done_({true, sum_, {}});
  }

  completion<stats_result> done_;
  store_stats sum_;
};

}  // namespace

void list_owner(redis_calls& calls, std::string_view owner, completion<keys_result> done) {
  (new list_walk(calls, owner, done))->start();
}
void remove_owner(redis_calls& calls, std::string_view owner, std::string_view except, completion<count_result> done) {
  (new remove_walk(calls, owner, except, done))->start();
}
void scan_page(redis_calls& calls, std::string_view cursor, std::size_t limit, completion<keys_result> done) {
  (new scan_walk(calls, limit, done))->start(cursor);
}
void measure_all(redis_calls& calls, completion<stats_result> done) { (new stats_walk(calls, done))->start({}); }

}  // namespace coatcheck
