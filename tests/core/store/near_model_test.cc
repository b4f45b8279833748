// The near-cache against a model of its server: two caches, a server that runs operations in turns and tells of a
// turn's changes in one message after it, answers and messages each late by chance, subscriptions that are lost. Each
// read is checked against what the server held when: never older than max_stale, never older than what this cache
// wrote. A seed that fails is printed.
#include <array>
#include <deque>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "store/layers/near_cache.hpp"
#include "support/near_stubs.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::still_driver;
using coatcheck_test::told_source;

constexpr duration_ms bound = 100;

// A change of one key: what it held from then on. "": nothing.
struct change {
  steady_ms at;
  std::string value;  // and its etag
};

struct model_server {
  std::map<std::string, std::vector<change>, std::less<>> keys;
  std::set<std::string, std::less<>> changed;  // in this turn
  std::uint64_t last = 0;

  std::vector<change>& of(const std::string& key) {
    auto& all = keys[key];
    if (all.empty()) all.push_back({0, ""});
    return all;
  }
  void set(const std::string& key, std::string value, steady_ms now) {
    of(key).push_back({now, std::move(value)});
    changed.insert(key);
  }
};

// One process: a cache, its connection for operations and the one for messages.
class model_client final : public store {
 public:
  model_client(model_server& of, still_driver& loop) : server_(of), loop_(loop) { source->echoes = true; }

  [[nodiscard]] store_capabilities capabilities() const noexcept override { return {.needs_loop = true}; }
  void get(std::string_view key, completion<get_result> done) override {
    to_server.push_back([this, key = std::string(key), done] {
      get_result out;
      const std::string& now = server_.of(key).back().value;
      out.status = now.empty() ? get_status::absent : get_status::found;
      if (!now.empty()) out.value = {now, etag(now), latest_time};
      return [done, out]() mutable { done(std::move(out)); };
    });
  }
  void put(std::string_view key, std::string_view bytes, epoch_ms, expectation expect, std::string_view,
           completion<put_result> done) override {
    const bool blind = expect.what == expectation::kind::any;
    to_server.push_back([this, key = std::string(key), value = std::string(bytes), blind, tag = expect.tag, done] {
      put_result out;
      const std::string now = server_.of(key).back().value;
      if (!blind && (now.empty() || etag(now) != tag)) {
        out.status = put_status::conflict;
        if (!now.empty()) out.current = {now, etag(now), latest_time};
        if (now.empty()) out.status = put_status::gone;
      } else {
        server_.set(key, value, loop_.at);
        out.status = put_status::stored;
        out.tag = etag(value);
      }
      return [done, out]() mutable { done(std::move(out)); };
    });
  }
  void touch(std::string_view key, epoch_ms, completion<touch_result> done) override {
    to_server.push_back([this, key = std::string(key), done] {
      touch_result out;
      const bool there = !server_.of(key).back().value.empty();
      out.status = there ? touch_status::touched : touch_status::gone;
      if (there) server_.changed.insert(key);
      return [done, out]() mutable { done(std::move(out)); };
    });
  }
  void remove(std::string_view key, completion<remove_result> done) override {
    to_server.push_back([this, key = std::string(key), done] {
      remove_result out;
      const bool there = !server_.of(key).back().value.empty();
      out.status = there ? remove_status::removed : remove_status::absent;
      if (there) server_.set(key, "", loop_.at);
      return [done, out]() mutable { done(std::move(out)); };
    });
  }
  void remove_owner(std::string_view, std::string_view, completion<count_result> done) override {
    to_server.push_back([this, done] {
      for (auto& [key, all] : server_.keys) {
        if (!all.back().value.empty()) server_.set(key, "", loop_.at);
      }
      return [done]() mutable { done({true, 1, {}}); };
    });
  }
  void clear(completion<count_result> done) override { done({}); }
  void prune(std::size_t, completion<count_result> done) override { done({}); }
  void stats(completion<stats_result> done) override { done({}); }
  void health(completion<count_result> done) override { done({}); }
  void close() override {}

  using reply = std::function<void()>;
  std::deque<std::function<reply()>> to_server;
  std::deque<reply> replies;                // of turns that are over
  std::deque<std::function<void()>> heard;  // on the other connection
  std::deque<steady_ms> pings;              // on their way
  int asked_anew = 0;                       // a ping that left before that says nothing
  std::shared_ptr<told_source> source = std::make_shared<told_source>();
  std::shared_ptr<near_cache> cache;
  std::map<std::string, std::size_t> own;  // by key: the last change that this cache knows to be done

 private:
  model_server& server_;
  still_driver& loop_;
};

class world {
 public:
  explicit world(unsigned seed) : random_(seed) {
    for (auto& one : clients_) {
      one = std::make_shared<model_client>(server_, loop_);
      one->cache = std::make_shared<near_cache>(one, one->source, near_cache_options{1U << 20, bound}, loop_, time_);
      one->source->come_back(loop_.at);
    }
  }
  ~world() {
    for (auto& one : clients_) one->cache.reset();
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      loop_.at += below(4);
      step(*clients_[below(2)]);
      if (i % 1000 == 999) settle();
    }
    settle();
  }
  std::uint64_t hits = 0;
  std::uint64_t own_hits = 0;  // after an own write, without a question between
  std::uint64_t stale = 0;
  std::uint64_t forgotten = 0;  // older than an own write
  std::uint64_t wrong_tag = 0;
  std::uint64_t unsettled = 0;  // not the server's value after everything was told
  [[nodiscard]] std::uint64_t echoes() const {
    return clients_[0]->cache->figures().echoes + clients_[1]->cache->figures().echoes;
  }

 private:
  unsigned below(unsigned most) { return static_cast<unsigned>(random_() % most); }
  std::string some_key() { return "key" + std::to_string(below(3)); }

  void step(model_client& by) {
    switch (below(16)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return read(by, some_key());
      case 4:
        return below(4) == 0 ? write(by, some_key()) : read(by, some_key());
      case 5:
        return below(8) == 0 ? together(by) : read(by, some_key());
      case 6:
        if (below(8) != 0) return read(by, some_key());
        if (below(4) == 0) return sweep(by);
        return below(2) == 0 ? remove(by, some_key()) : touch(by, some_key());
      case 7:
      case 8:
      case 9:
        return turn();
      case 10:
      case 11:
        return give(by.replies);
      case 12:
      case 13:
        return give(by.heard);
      case 14:
        return by.pings.push_back(loop_.at);
      default:
        if (below(40) == 0) lose(by);
    }
  }
  template <class Queue>
  static void give(Queue& from) {
    if (from.empty()) return;
    auto first = std::move(from.front());
    from.pop_front();
    first();
  }
  // Two changes that may well come to the server in one turn.
  void together(model_client& by) {
    const std::string key = some_key();
    model_client& other = *clients_[below(2)];
    write(by, key);
    switch (below(3)) {
      case 0:
        return write(other, key);
      case 1:
        return remove(other, key);
      default:
        return sweep(other);
    }
  }
  // Some operations of each connection, then what they changed, then their answers.
  void turn() {
    for (auto& one : clients_) {
      for (; !one->pings.empty(); one->pings.pop_front()) {
        one->heard.emplace_back([&to = *one, sent = one->pings.front(), of = one->asked_anew] {
          if (of == to.asked_anew) to.source->told = std::max(to.source->told, sent);
        });
      }
    }
    std::vector<std::pair<model_client*, model_client::reply>> answers;
    for (unsigned left = below(5); left > 0; --left) {
      auto& one = *clients_[below(2)];
      if (one.to_server.empty()) continue;
      answers.emplace_back(&one, one.to_server.front()());
      one.to_server.pop_front();
    }
    for (auto& one : clients_) {
      if (server_.changed.empty()) break;
      one->heard.emplace_back([to = one->source, keys = server_.changed] {
        for (const auto& key : keys) to->listener->on_changed(key);
      });
    }
    server_.changed.clear();
    for (auto& [to, answer] : answers) to->replies.push_back(std::move(answer));
  }
  void lose(model_client& one) {
    one.heard.clear();
    one.pings.clear();
    one.source->lose();
    one.source->come_back(change_source::never);
  }
  // Everything arrives; then what is answered is what is there, as soon as own writes are not trusted any more.
  void settle() {
    together(*clients_[below(2)]);
    for (bool more = true; more;) {
      more = false;
      turn();
      for (auto& one : clients_) {
        while (!one->replies.empty()) give(one->replies);
        while (!one->heard.empty()) give(one->heard);
        more = more || !one->to_server.empty() || !one->replies.empty() || !one->heard.empty();
      }
    }
    loop_.at += bound;
    for (auto& one : clients_) {
      one->source->told = loop_.at;
      for (const auto& [key, all] : server_.keys) {
        get_result got;
        bool done = false;
        start_read(*one, key, [&](get_result&& value) {
          got = std::move(value);
          done = true;
        });
        while (!done) {
          turn();
          while (!one->replies.empty()) give(one->replies);
        }
        unsettled += got.value.bytes == all.back().value ? 0 : 1;
      }
    }
  }

  template <class R>
  struct call {
    std::function<void(R&&)> then;
    static completion<R> make(std::function<void(R&&)> then) {
      return completion<R>(
          [](void* context, R&& value) {
            const std::unique_ptr<call> self(static_cast<call*>(context));
            self->then(std::move(value));
          },
          new call{std::move(then)});
    }
  };
  void start_read(model_client& by, const std::string& key, std::function<void(get_result&&)> then) {
    by.cache->get(key, call<get_result>::make(std::move(then)));
  }
  // The last change of a key that left it so.
  std::size_t index_of(const std::string& key, const std::string& value) {
    const auto& all = server_.of(key);
    std::size_t at = all.size();
    while (--at > 0 && all[at].value != value) {
    }
    return at;
  }
  void acknowledge(model_client& by, const std::string& key, std::size_t index) {
    by.own[key] = std::max(by.own[key], index);
  }

  void read(model_client& by, const std::string& key) {
    const steady_ms asked = loop_.at;
    const std::size_t floor = by.own[key];
    const auto before = by.cache->figures().hits;
    auto check = [this, &by, key, asked, floor](get_result&& got) {
      const auto& all = server_.of(key);
      const std::size_t at = index_of(key, got.value.bytes);
      if (at + 1 < all.size() && all[at + 1].at < asked - bound) ++stale;
      if (at < floor) ++forgotten;
      if (got.status == get_status::found && got.value.tag != etag(got.value.bytes)) ++wrong_tag;
      if (got.status == get_status::found) by.own["tag:" + key] = std::stoul(got.value.bytes);
    };
    start_read(by, key, check);
    if (by.cache->figures().hits == before) return;
    ++hits;
    own_hits += floor != 0 && floor == index_of(key, server_.of(key)[floor].value) ? 1 : 0;
  }
  void write(model_client& by, const std::string& key) {
    const std::string value = std::to_string(++server_.last);
    const auto known = by.own["tag:" + key];
    const auto expect =
        known == 0 || below(2) == 0 ? expectation::anything() : expectation::version(etag(std::to_string(known)));
    auto then = [this, &by, key, value](put_result&& got) {
      if (got.status == put_status::stored) acknowledge(by, key, index_of(key, value));
    };
    by.cache->put(key, value, latest_time, expect, {}, call<put_result>::make(then));
  }
  void touch(model_client& by, const std::string& key) {
    by.cache->touch(key, latest_time, call<touch_result>::make([](touch_result&&) {}));
  }
  // What was there when it was asked for, at least, is gone.
  void remove(model_client& by, const std::string& key) {
    const std::size_t seen = server_.of(key).size() - 1;
    auto then = [this, &by, key, seen](remove_result&&) { acknowledge(by, key, end_after(key, seen)); };
    by.cache->remove(key, call<remove_result>::make(then));
  }
  void sweep(model_client& by) {
    std::map<std::string, std::size_t> seen;
    for (const auto& [key, all] : server_.keys) seen[key] = all.size() - 1;
    auto then = [this, &by, seen](count_result&&) {
      by.pings.clear();
      ++by.asked_anew;
      for (const auto& [key, at] : seen) acknowledge(by, key, end_after(key, at));
    };
    by.cache->remove_owner("ada", {}, call<count_result>::make(then));
  }
  // The first change from this one on that left the key empty.
  std::size_t end_after(const std::string& key, std::size_t at) {
    const auto& all = server_.of(key);
    for (std::size_t i = at; i < all.size(); ++i) {
      if (all[i].value.empty()) return i;
    }
    return at;
  }

  std::mt19937 random_;
  still_driver loop_;
  manual_clock time_;
  model_server server_;
  std::array<std::shared_ptr<model_client>, 2> clients_;
};

TEST(NearCacheModel, NoReadIsTooOldWhateverComesWhen) {
  std::uint64_t hits = 0;
  std::uint64_t own = 0;
  std::uint64_t echoes = 0;
  for (unsigned seed = 1; seed <= 30; ++seed) {
    world one(seed);
    one.run(4000);
    ASSERT_EQ(one.stale, 0U) << "seed " << seed;
    ASSERT_EQ(one.forgotten, 0U) << "seed " << seed;
    ASSERT_EQ(one.wrong_tag, 0U) << "seed " << seed;
    ASSERT_EQ(one.unsettled, 0U) << "seed " << seed;
    hits += one.hits;
    own += one.own_hits;
    echoes += one.echoes();
  }
  EXPECT_GT(hits, 1000U) << "the cache was hardly used: nothing was shown";
  EXPECT_GT(own, 100U);
  EXPECT_GT(echoes, 100U);
}

}  // namespace
}  // namespace coatcheck
