// The near-cache's promise against a real server, while a proxy stalls, cuts and delays the connection on which it
// hears of changes: no read older than max_stale, no update lost, a session that was ended gone everywhere within
// max_stale.
#include "store/layers/near_cache.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <gtest/gtest.h>
#include <mutex>
#include <random>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "support/chaos_proxy.hpp"
#include "support/near_client.hpp"
#include "support/redis_client.hpp"
#include "support/redis_server.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::chaos_proxy;
using coatcheck_test::redis_client;
using coatcheck_test::redis_server;
using mode = chaos_proxy::mode;
bool hit(redis_client& client, std::string_view key, get_result* out = nullptr) {
  return coatcheck_test::near_hit(client, key, out);
}
using coatcheck_test::near_warm;
using coatcheck_test::near_within;

constexpr duration_ms max_stale = 200;
// Operations are not what is tried here: the machine may be busy.
const std::string near = "?timeout=20000&near_cache=1000000&max_stale=" + std::to_string(max_stale);
// For what is to be a hit on a machine that is busy, too.
const std::string patient = "?timeout=20000&near_cache=1000000&max_stale=20000";
const std::string plain = "?timeout=20000";

class NearCacheFaults : public testing::Test {
 protected:
  void SetUp() override {
    if (redis_server::program().empty()) GTEST_SKIP() << "redis-server is not installed";
    server_ = std::make_unique<redis_server>();
  }
  std::unique_ptr<redis_server> server_;
};

near_cache_stats figures(const redis_client& of) { return coatcheck_test::near_figures_of(of); }

std::uint64_t calls(redis_server& server, const std::string& command) {
  const std::string all = server.command({"INFO", "commandstats"});
  const auto at = all.find("cmdstat_" + command + ":calls=");
  return at == std::string::npos ? 0 : std::stoull(all.substr(all.find('=', at) + 1));
}

TEST_F(NearCacheFaults, AWarmReadCostsNoRoundTripAndAWriteOne) {
  redis_client client(server_->url() + patient);
  ASSERT_EQ(client.put("key", "v0").status, put_status::stored);
  ASSERT_TRUE(near_warm(client, "key"));
  const auto gets = calls(*server_, "get");
  const auto scripts = calls(*server_, "evalsha");
  etag tag;
  for (int i = 0; i < 100; ++i) {
    get_result got;
    ASSERT_TRUE(hit(client, "key", &got)) << figures(client).lease_refusals;
    tag = got.value.tag;
  }
  EXPECT_EQ(client.put("key", "v1", expectation::version(tag)).status, put_status::stored);
  EXPECT_EQ(calls(*server_, "get"), gets);
  EXPECT_EQ(calls(*server_, "evalsha"), scripts + 1);
  get_result got;
  EXPECT_TRUE(hit(client, "key", &got)) << "what was written is there, before and after its echo";
  EXPECT_EQ(got.value.bytes, "v1");
  ASSERT_TRUE(near_within(60'000, [&] {
    client.loop.run_once(0);
    return figures(client).echoes > 0;
  }));
  EXPECT_TRUE(hit(client, "key", &got));
  EXPECT_EQ(got.value.bytes, "v1");
  EXPECT_EQ(calls(*server_, "get"), gets);
}

TEST_F(NearCacheFaults, SeesWhatAnotherClientWroteRemovedOrFlushed) {
  redis_client reader(server_->url() + near);
  redis_client writer(server_->url() + plain);
  ASSERT_EQ(writer.put("key", "v1").status, put_status::stored);
  ASSERT_TRUE(near_warm(reader, "key"));
  const auto sees = [&](get_status status, std::string_view bytes) {
    return near_within(max_stale + 60'000, [&] {
      get_result got;
      hit(reader, "key", &got);
      return got.status == status && got.value.bytes == bytes;
    });
  };
  ASSERT_EQ(writer.put("key", "v2").status, put_status::stored);
  EXPECT_TRUE(sees(get_status::found, "v2"));
  ASSERT_TRUE(near_warm(reader, "key"));
  ASSERT_EQ(writer.remove("key").status, remove_status::removed);
  EXPECT_TRUE(sees(get_status::absent, ""));
  ASSERT_EQ(writer.put("key", "v3").status, put_status::stored);
  EXPECT_TRUE(sees(get_status::found, "v3"));
  ASSERT_TRUE(near_warm(reader, "key"));
  const auto bumps = figures(reader).epoch_bumps;
  server_->command({"FLUSHALL"});
  EXPECT_TRUE(sees(get_status::absent, ""));
  EXPECT_GT(figures(reader).epoch_bumps, bumps);
}

TEST_F(NearCacheFaults, OnlyKeysOfItsOwnPrefixAreHeardOf) {
  redis_client reader(server_->url() + patient);
  redis_client other(server_->url() + plain + "&prefix=other:");
  ASSERT_EQ(reader.put("key", "v").status, put_status::stored);
  ASSERT_TRUE(near_warm(reader, "key"));
  const auto before = figures(reader).invalidations;
  for (int i = 0; i < 10; ++i) ASSERT_EQ(other.put("key", "x").status, put_status::stored);
  ASSERT_EQ(reader.remove("sentinel").status, remove_status::absent);
  EXPECT_TRUE(hit(reader, "key"));
  EXPECT_EQ(figures(reader).invalidations, before);
}

// What a writer did to one key, in order, and when it was acknowledged.
class history {
 public:
  long begin() { return next_ + 1; }
  void begin_removal(long number) { removal_ = number; }
  void acknowledge(long number) {
    const std::lock_guard held(lock_);
    next_ = number;
    acknowledged_.push_back({steady_now(), number});
  }
  // The last change that a read at `at` must not miss.
  long floor(steady_ms at) {
    const std::lock_guard held(lock_);
    long out = 0;
    // A clock of milliseconds: what was acknowledged in the last of them may have been after the read's bound.
    for (const auto& [when, number] : acknowledged_) {
      if (when < at - max_stale) out = number;
    }
    return out;
  }
  [[nodiscard]] long last_removal() const { return removal_; }

 private:
  std::mutex lock_;
  std::atomic<long> next_{0};
  std::atomic<long> removal_{0};
  std::vector<std::pair<steady_ms, long>> acknowledged_;
};

// The proxy changes its mind at random until the test's time is over.
template <class While>
void torment(chaos_proxy& proxy, duration_ms time, unsigned seed, While meanwhile) {
  std::mt19937 random(seed);
  const steady_ms end = steady_now() + time;
  steady_ms next = 0;
  while (steady_now() < end) {
    if (steady_now() >= next) {
      constexpr std::array modes = {mode::pass,  mode::stall, mode::pass, mode::deaf,
                                    mode::delay, mode::cut,   mode::pass};
      proxy.treat(modes[random() % modes.size()]);
      next = steady_now() + 30 + static_cast<steady_ms>(random() % 300);
    }
    meanwhile();
  }
  proxy.treat(mode::pass);
}

TEST_F(NearCacheFaults, NoReadIsOlderThanMaxStaleWhateverHappensToTheConnection) {
  constexpr int keys = 8;
  chaos_proxy proxy(server_->port());
  std::array<history, keys> all;
  std::atomic<bool> over{false};
  long writes = 0;
  std::thread writer([&] {
    redis_client client(server_->url() + plain);
    std::mt19937 random(7);
    while (!over) {
      const auto which = random() % keys;
      const std::string key = "key-" + std::to_string(which);
      history& of = all[which];
      const long number = of.begin();
      if (random() % 10 == 0) {
        of.begin_removal(number);
        (void)client.remove(key);
      } else {
        (void)client.put(key, std::to_string(number));
      }
      of.acknowledge(number);
      ++writes;
      // Keys are left alone for long enough to be warm: this is the writer's pace, nothing waits for it.
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 8));
    }
  });

  redis_client reader(proxy.url() + near);
  std::mt19937 random(11);
  long reads = 0;
  long stale = 0;
  long unknown = 0;
  torment(proxy, 5000, 3, [&] {
    const auto which = random() % keys;
    history& of = all[which];
    const steady_ms at = steady_now();
    get_result got;
    hit(reader, "key-" + std::to_string(which), &got);
    ++reads;
    const long floor = of.floor(at);
    const long seen = got.status == get_status::found ? std::stol(got.value.bytes) : of.last_removal();
    unknown += got.status == get_status::unknown ? 1 : 0;
    stale += seen < floor ? 1 : 0;
  });
  over = true;
  writer.join();
  const auto now = figures(reader);
  EXPECT_EQ(stale, 0);
  EXPECT_EQ(unknown, 0);
  EXPECT_GT(now.hits, 1000U) << "the cache was hardly used: nothing was shown";
  EXPECT_GT(now.lease_refusals, 0U);
  EXPECT_GT(now.epoch_bumps, 2U);
  std::printf(
      "near-cache: %ld reads, %llu hits, %ld writes, %llu invalidations, %llu epochs, %llu refused, %ld stale\n", reads,
      static_cast<unsigned long long>(now.hits), writes, static_cast<unsigned long long>(now.invalidations),
      static_cast<unsigned long long>(now.epoch_bumps), static_cast<unsigned long long>(now.lease_refusals), stale);
}

// Adds to the number under one key, `times` times, each by a compare-and-set on what it read.
long add_up(const std::string& url, int times) {
  redis_client client(url);
  long added = 0;
  while (added < times) {
    client.loop.run_once(0);
    const auto got = client.get("sum");
    if (got.status != get_status::found) continue;
    const auto put =
        client.put("sum", std::to_string(std::stol(got.value.bytes) + 1), expectation::version(got.value.tag));
    if (put.status == put_status::stored) ++added;
  }
  return added;
}

TEST_F(NearCacheFaults, NoUpdateIsLostBetweenProcessesThatReadFromTheirCaches) {
  constexpr int times = 3000;
  redis_client first(server_->url() + plain);
  ASSERT_EQ(first.put("sum", "0").status, put_status::stored);
  chaos_proxy proxy(server_->port());
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(add_up(proxy.url() + near, times) == times ? 0 : 1);
  std::atomic<bool> done{false};
  std::thread here([&] {
    EXPECT_EQ(add_up(proxy.url() + near, times), times);
    done = true;
  });
  int status = -1;
  bool ended = false;
  while (!done || !ended) {
    torment(proxy, 100, static_cast<unsigned>(steady_now()), [&] {
      ended = ended || ::waitpid(child, &status, WNOHANG) == child;
      std::this_thread::yield();
    });
  }
  here.join();
  EXPECT_EQ(status, 0);
  EXPECT_EQ(first.get("sum").value.bytes, std::to_string(2 * times));
}

TEST_F(NearCacheFaults, AnEndedSessionIsGoneWithinMaxStaleAlsoWhileTheMessagesAreStuck) {
  chaos_proxy proxy(server_->port());
  redis_client writer(server_->url() + plain);
  for (const auto how : {mode::pass, mode::deaf, mode::stall, mode::delay, mode::cut}) {
    redis_client reader(proxy.url() + near);
    ASSERT_EQ(writer.put("key", "v").status, put_status::stored);
    ASSERT_TRUE(near_warm(reader, "key"));
    proxy.treat(how);
    ASSERT_EQ(writer.remove("key").status, remove_status::removed);
    const steady_ms ended = steady_now();
    steady_ms last_seen = 0;
    get_result got;
    ASSERT_TRUE(near_within(max_stale + 60'000, [&] {
      const steady_ms asked = steady_now();
      hit(reader, "key", &got);
      if (got.status == get_status::found) last_seen = asked;
      return got.status == get_status::absent;
    }));
    EXPECT_LE(last_seen - ended, max_stale);
    proxy.treat(mode::pass);
  }
}

TEST_F(NearCacheFaults, ALoopThatWasBusyAsksTheServerUntilItHasHeardOfIt) {
  redis_client reader(server_->url() + near);
  redis_client writer(server_->url() + plain);
  ASSERT_EQ(writer.put("key", "v1").status, put_status::stored);
  ASSERT_TRUE(near_warm(reader, "key"));
  ASSERT_EQ(writer.put("key", "v2").status, put_status::stored);
  const steady_ms until = steady_now() + max_stale;
  while (steady_now() <= until) {
  }
  const auto before = figures(reader).lease_refusals;
  EXPECT_EQ(reader.get("key").value.bytes, "v2");
  EXPECT_EQ(figures(reader).lease_refusals, before + 1);
  EXPECT_TRUE(near_warm(reader, "key"));
}

TEST_F(NearCacheFaults, AForkedChildStartsEmptyWithAConnectionOfItsOwn) {
  redis_client client(server_->url() + near);
  ASSERT_EQ(client.put("key", "v").status, put_status::stored);
  ASSERT_TRUE(near_warm(client, "key"));
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const bool cold = !hit(client, "key");
    const bool again = near_warm(client, "key");
    const std::string clients = server_->command({"CLIENT", "LIST"});
    const auto first = clients.find("coatcheck-near");
    const bool two = first != std::string::npos && clients.find("coatcheck-near", first + 1) != std::string::npos;
    client.sessions->close();
    ::_exit(!cold ? 1 : !again ? 2 : !two ? 3 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0) << "1: it began warm; 2: it never warmed; 3: it used its parent's connection";
  EXPECT_TRUE(near_warm(client, "key"));
}

TEST_F(NearCacheFaults, ARestartedServerIsHeardOfAgain) {
  redis_client client(server_->url() + near);
  ASSERT_EQ(client.put("key", "v1").status, put_status::stored);
  ASSERT_TRUE(near_warm(client, "key"));
  server_->restart();  // without what it held
  EXPECT_TRUE(near_within(max_stale + 60'000, [&] {
    get_result got;
    hit(client, "key", &got);
    return got.status == get_status::absent;
  }));
  EXPECT_TRUE(near_within(60'000, [&] { return client.put("key", "v2").status == put_status::stored; }));
  ASSERT_TRUE(near_warm(client, "key"));
  EXPECT_EQ(client.get("key").value.bytes, "v2");
}

// What a managed service, an ACL or an old server may refuse: the store works, and says what is missing.
TEST_F(NearCacheFaults, WhereTheServerRefusesToTellEachReadAsksIt) {
  const std::vector<std::pair<std::vector<std::string_view>, std::string>> users = {
      {{"ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "+@all", "-client|tracking"}, "CLIENT TRACKING"},
      {{"ACL", "SETUSER", "app", "reset", "on", ">secret", "~*", "resetchannels", "+@all"}, "SUBSCRIBE"},
      {{"ACL", "SETUSER", "app", "reset", "on", ">secret", "~*", "&*", "+@all", "-client"}, "CLIENT ID"},
  };
  for (const auto& [user, missing] : users) {
    ASSERT_EQ(server_->command(user), "OK");
    redis_client client(server_->url() + near + "&username=app&password=secret");
    ASSERT_EQ(client.put("key", "v").status, put_status::stored);
    EXPECT_TRUE(near_within(60'000,
                            [&] {
                              client.loop.run_once(0);
                              EXPECT_EQ(client.get("key").value.bytes, "v");
                              return figures(client).trouble.find(missing) != std::string::npos;
                            }))
        << missing << " / " << figures(client).trouble;
    EXPECT_EQ(figures(client).trouble.find("secret"), std::string::npos);
    const auto gets = calls(*server_, "get");
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(hit(client, "key"));
    EXPECT_EQ(calls(*server_, "get"), gets + 10);
    EXPECT_EQ(figures(client).hits, 0U);
  }
}

}  // namespace
}  // namespace coatcheck
