// Near-caches that write what they read, against a real server, while a proxy ill-treats the connection on which they
// hear of changes: nobody reads what is older than max_stale or than what it wrote itself, and no update is lost.
#include <array>
#include <atomic>
#include <cstdio>
#include <gtest/gtest.h>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "support/chaos_proxy.hpp"
#include "support/near_client.hpp"
#include "support/redis_server.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::chaos_proxy;
using coatcheck_test::near_figures_of;
using coatcheck_test::near_hit;
using coatcheck_test::near_warm;
using coatcheck_test::near_within;
using coatcheck_test::redis_client;
using coatcheck_test::redis_server;
using mode = chaos_proxy::mode;

constexpr duration_ms own_max_stale = 200;
const std::string own_near = "?timeout=20000&near_cache=1000000&max_stale=" + std::to_string(own_max_stale);

class NearOwnWrites : public testing::Test {
 protected:
  void SetUp() override {
    if (redis_server::program().empty()) GTEST_SKIP() << "redis-server is not installed";
    server_ = std::make_unique<redis_server>();
  }
  std::unique_ptr<redis_server> server_;
};

// Numbers that only grow, each stored by a compare-and-set on the one before.
class counter {
 public:
  void acknowledge(long number) {
    const std::lock_guard held(lock_);
    stored_.push_back({steady_now(), number});
  }
  // The last number that a read at `at` must not miss: a clock of milliseconds.
  long floor(steady_ms at) {
    const std::lock_guard held(lock_);
    long out = 0;
    for (const auto& [when, number] : stored_) {
      if (when < at - own_max_stale) out = std::max(out, number);
    }
    return out;
  }
  std::size_t updates() {
    const std::lock_guard held(lock_);
    return stored_.size();
  }

 private:
  std::mutex lock_;
  std::vector<std::pair<steady_ms, long>> stored_;
};

TEST_F(NearOwnWrites, NobodyReadsWhatIsTooOldAndNoUpdateIsLostWhileAllWriteWhatTheyRead) {
  constexpr int keys = 4;
  constexpr int writers = 3;
  redis_client plain(server_->url() + "?timeout=20000");
  for (int i = 0; i < keys; ++i) ASSERT_EQ(plain.put("key-" + std::to_string(i), "0").status, put_status::stored);
  chaos_proxy proxy(server_->port());
  std::array<counter, keys> all;
  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> stale{0};
  std::atomic<std::uint64_t> forgotten{0};
  std::atomic<std::uint64_t> unknown{0};
  std::atomic<std::uint64_t> own_hits{0};
  std::atomic<std::uint64_t> echoes{0};
  const auto work = [&](unsigned seed) {
    redis_client client(proxy.url() + own_near);
    std::mt19937 random(seed);
    std::array<long, keys> own{};
    while (!over) {
      const auto which = random() % keys;
      const std::string key = "key-" + std::to_string(which);
      const steady_ms at = steady_now();
      get_result got;
      const bool near = near_hit(client, key, &got);
      if (got.status != get_status::found) {
        ++unknown;
        continue;
      }
      const long seen = std::stol(got.value.bytes);
      if (seen < all[which].floor(at)) ++stale;
      if (seen < own[which]) ++forgotten;
      if (near && seen == own[which]) ++own_hits;
      if (random() % 4 == 0) {
        const auto put = client.put(key, std::to_string(seen + 1), expectation::version(got.value.tag));
        if (put.status == put_status::unknown) ++unknown;
        if (put.status != put_status::stored) continue;
        own[which] = seen + 1;
        all[which].acknowledge(seen + 1);
      }
      std::this_thread::yield();
    }
    echoes += near_figures_of(client).echoes;
  };
  std::vector<std::thread> threads;
  threads.reserve(writers);
  for (unsigned i = 0; i < writers; ++i) threads.emplace_back(work, i);
  std::mt19937 random(5);
  const steady_ms end = steady_now() + 2000;  // how long it is tormented
  while (steady_now() < end) {
    constexpr std::array modes = {mode::pass, mode::stall, mode::pass, mode::deaf, mode::delay, mode::cut, mode::pass};
    proxy.treat(modes[random() % modes.size()]);
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + random() % 150));  // the torment's own pace
  }
  over = true;
  for (auto& one : threads) one.join();
  std::size_t updates = 0;
  for (int i = 0; i < keys; ++i) {
    const auto which = static_cast<std::size_t>(i);
    EXPECT_EQ(plain.get("key-" + std::to_string(i)).value.bytes, std::to_string(all[which].updates()));
    updates += all[which].updates();
  }
  EXPECT_EQ(stale, 0U);
  EXPECT_EQ(forgotten, 0U);
  EXPECT_EQ(unknown, 0U);
  EXPECT_GT(own_hits, 0U) << "nothing was shown";
  EXPECT_GT(echoes, 0U) << "nothing was shown";
  std::printf("own writes: %zu updates, %llu reads of them from the cache, %llu echoes, 0 stale, 0 lost\n", updates,
              static_cast<unsigned long long>(own_hits), static_cast<unsigned long long>(echoes));
}

// Written here, ended by another at once: the echo may well be the message about both.
TEST_F(NearOwnWrites, WhatWasWrittenHereAndEndedByAnotherIsGoneWithinMaxStale) {
  chaos_proxy proxy(server_->port());
  redis_client other(server_->url() + "?timeout=20000");
  redis_client client(proxy.url() + own_near);
  ASSERT_EQ(other.put("key", "v").status, put_status::stored);
  ASSERT_TRUE(near_warm(client, "key"));
  for (const auto how : {mode::pass, mode::delay, mode::deaf, mode::cut}) {
    proxy.treat(how);
    const std::string key = "key-" + std::to_string(static_cast<int>(how));
    const steady_ms sent = steady_now();
    ASSERT_EQ(client.put(key, "v").status, put_status::stored);
    ASSERT_EQ(other.remove(key).status, remove_status::removed);
    const steady_ms ended = steady_now();
    steady_ms last_seen = sent;
    get_result got;
    ASSERT_TRUE(near_within(60'000, [&] {
      const steady_ms asked = steady_now();
      near_hit(client, key, &got);
      if (got.status == get_status::found) last_seen = asked;
      return got.status == get_status::absent;
    }));
    EXPECT_LE(last_seen - ended, own_max_stale);
  }
}

}  // namespace
}  // namespace coatcheck
