// The server is killed, frozen, started again, or was never there: every call ends by its deadline with a typed
// outcome, nothing is ever called absent, and the store comes back by itself.
#include <algorithm>
#include <gtest/gtest.h>
#include <vector>

#include "support/redis_client.hpp"
#include "support/redis_server.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::redis_client;
using coatcheck_test::redis_server;

constexpr duration_ms timeout = 250;
constexpr duration_ms slack = 20'000;  // of a busy machine: what is held to is that nothing waits for ever
const std::string parameters = "?timeout=250";

bool is_outage(errc code) { return code == errc::store_timeout || code == errc::store_unavailable; }

// Keeps `width` reads of one key that is there under way, and judges each as it ends.
class load {
 public:
  load(redis_client& client, std::size_t width) : client_(client), flights_(width) {
    for (flight& one : flights_) {
      one.of = this;
      start(one);
    }
  }
  ~load() {
    refill_ = false;
    while (under_way_ > 0) client_.loop.run_once();
  }
  load(const load&) = delete;
  load& operator=(const load&) = delete;

  // Turns the loop until `enough()`; fails after `most` ms.
  template <class Enough>
  void run(duration_ms most, Enough&& enough) {
    const steady_ms end = steady_now() + most;
    while (!enough() && steady_now() < end) client_.loop.run_once(10);
    EXPECT_TRUE(enough()) << found << " found, " << unknown << " unknown in " << most << " ms";
  }

  std::uint64_t found = 0;
  std::uint64_t unknown = 0;
  std::uint64_t wrong = 0;  // absent, another value, or an error that is no outage
  duration_ms slowest = 0;
  bool absent_is_right = false;

 private:
  struct flight {
    load* of = nullptr;
    steady_ms since = 0;
  };
  void start(flight& one) {
    one.since = steady_now();
    ++under_way_;
    client_.sessions->get("key", completion<get_result>(
                                     [](void* context, get_result&& got) {
                                       auto& self = *static_cast<flight*>(context);
                                       self.of->ended(self, got);
                                     },
                                     &one));
  }
  void ended(flight& one, const get_result& got) {
    --under_way_;
    slowest = std::max(slowest, steady_now() - one.since);
    if (got.status == get_status::found && got.value.bytes == "value") {
      ++found;
    } else if (got.status == get_status::unknown && is_outage(got.why.code)) {
      ++unknown;
    } else if (!absent_is_right || got.status != get_status::absent) {
      ++wrong;
      ADD_FAILURE() << "status " << static_cast<int>(got.status) << ", " << name_of(got.why.code);
    }
    if (refill_) start(one);
  }

  redis_client& client_;
  std::vector<flight> flights_;
  std::size_t under_way_ = 0;
  bool refill_ = true;
};

class RedisOutage : public testing::Test {
 protected:
  void SetUp() override {
    if (redis_server::program().empty()) GTEST_SKIP() << "redis-server is not installed";
    server_ = std::make_unique<redis_server>();
    client_ = std::make_unique<redis_client>(server_->url() + parameters);
    ASSERT_EQ(client_->put("key", "value").status, put_status::stored);
  }
  void restore() {
    redis_client other(server_->url() + "?timeout=5000");
    ASSERT_EQ(other.put("key", "value").status, put_status::stored);
  }
  std::unique_ptr<redis_server> server_;
  std::unique_ptr<redis_client> client_;
};

TEST_F(RedisOutage, KilledInTheMiddleAndStartedAgain) {
  load calls(*client_, 64);
  calls.run(slack, [&] { return calls.found > 1000; });
  server_->kill();
  calls.run(slack, [&] { return calls.unknown >= 200; });
  EXPECT_LE(calls.slowest, timeout + slack);
  // Started again it is empty, and what is absent there is rightly absent: only now it may be.
  calls.absent_is_right = true;
  server_->restart();
  restore();
  const std::uint64_t before = calls.found;
  calls.run(slack, [&] { return calls.found > before + 1000; });
  EXPECT_EQ(calls.wrong, 0U);
}

TEST_F(RedisOutage, FrozenAndThawed) {
  load calls(*client_, 64);
  calls.run(slack, [&] { return calls.found > 1000; });
  const std::uint64_t before = calls.found;
  server_->freeze();
  calls.run(slack, [&] { return calls.unknown >= 192; });
  EXPECT_LE(calls.slowest, timeout + slack);
  server_->thaw();
  calls.run(slack, [&] { return calls.found > before + 1000; });
  EXPECT_EQ(calls.wrong, 0U);
}

TEST_F(RedisOutage, AFrozenServerIsNotStormedWithConnections) {
  const auto connections = [&] {
    const std::string info = server_->command({"INFO", "stats"});
    const std::string name = "total_connections_received:";
    return std::stoi(info.substr(info.find(name) + name.size()));
  };
  const int before = connections();
  {
    load calls(*client_, 8);
    server_->freeze();
    const steady_ms end = steady_now() + 3000;
    calls.run(slack, [&] { return steady_now() >= end; });
    server_->thaw();
    calls.run(slack, [&] { return calls.found > 100; });
  }
  EXPECT_LE(connections() - before, 3 * 3);
}

TEST_F(RedisOutage, ARestartBetweenCallsIsNotNoticed) {
  redis_client client(server_->url() + "?timeout=30000");
  ASSERT_EQ(client.get("key").status, get_status::found);
  server_->restart();
  restore();
  // The store still holds the connection to the server that was killed.
  const get_result got = client.get("key");
  ASSERT_EQ(got.status, get_status::found) << got.why.message;
}

TEST_F(RedisOutage, WhileTheServerIsDownEveryOperationIsUnknown) {
  server_->kill();
  const auto outage = [](const error& why) { return is_outage(why.code) && !why.message.empty(); };
  for (int i = 0; i < 3; ++i) {
    const auto got = client_->get("key");
    EXPECT_EQ(got.status, get_status::unknown);
    EXPECT_TRUE(outage(got.why)) << got.why.message;
    const auto put = client_->put("key", "x", expectation::nothing());
    EXPECT_EQ(put.status, put_status::unknown);
    EXPECT_TRUE(outage(put.why)) << put.why.message;
    const auto touched = client_->touch("key", 1000);
    EXPECT_EQ(touched.status, touch_status::unknown);
    EXPECT_TRUE(outage(touched.why)) << touched.why.message;
    const auto removed = client_->remove("key");
    EXPECT_EQ(removed.status, remove_status::unknown);
    EXPECT_TRUE(outage(removed.why)) << removed.why.message;
    const auto owned = client_->owned_by("owner");
    EXPECT_FALSE(owned.known);
    EXPECT_TRUE(outage(owned.why)) << owned.why.message;
    const auto health = client_->health();
    EXPECT_FALSE(health.known);
    EXPECT_TRUE(outage(health.why)) << health.why.message;
  }
}

TEST_F(RedisOutage, AServerThatIsLongGoneCostsLittleAndIsFoundAgain) {
  server_->kill();
  for (int i = 0; i < 8; ++i) (void)client_->get("key");
  duration_ms quickest = timeout;
  for (int i = 0; i < 8; ++i) {
    const steady_ms since = steady_now();
    EXPECT_EQ(client_->get("key").status, get_status::unknown);
    quickest = std::min(quickest, steady_now() - since);
  }
  EXPECT_LE(quickest, timeout / 2) << "nobody should wait a whole deadline for a server that is known to be gone";
  server_->restart();
  restore();
  const steady_ms back = steady_now();
  while (client_->get("key").status != get_status::found && steady_now() < back + slack) client_->loop.run_once(10);
  EXPECT_LT(steady_now() - back, slack);
}

TEST_F(RedisOutage, AServerThatWasNeverThere) {
  const std::string url = server_->url();
  server_->kill();
  redis_client late(url + parameters);
  const steady_ms since = steady_now();
  const auto got = late.get("key");
  EXPECT_EQ(got.status, get_status::unknown);
  EXPECT_EQ(got.why.code, errc::store_unavailable);
  EXPECT_NE(got.why.message.find("127.0.0.1:"), std::string::npos) << got.why.message;
  EXPECT_LE(steady_now() - since, timeout + slack);
}

TEST_F(RedisOutage, AServerThatComesWithinTheDeadlineIsWaitedFor) {
  server_->kill();
  redis_client patient(server_->url() + "?timeout=10000");
  bool done = false;
  get_result got;
  struct {
    bool* done;
    get_result* got;
  } slot{&done, &got};
  patient.sessions->get("nobody", completion<get_result>(
                                      [](void* context, get_result&& value) {
                                        auto& into = *static_cast<decltype(slot)*>(context);
                                        *into.got = std::move(value);
                                        *into.done = true;
                                      },
                                      &slot));
  for (int i = 0; i < 3; ++i) patient.loop.run_once(20);
  EXPECT_FALSE(done);
  server_->restart();
  EXPECT_TRUE(patient.loop.run_until(done));
  EXPECT_EQ(got.status, get_status::absent) << got.why.message;
}

TEST_F(RedisOutage, AUnixSocketWithoutAServer) {
  const std::string url = server_->unix_url();
  redis_client other(url + parameters);
  EXPECT_EQ(other.get("key").status, get_status::found);
  server_->kill();
  const auto got = other.get("key");
  EXPECT_EQ(got.status, get_status::unknown);
  EXPECT_TRUE(is_outage(got.why.code)) << got.why.message;
  server_->restart();
  restore();
  // It had tried for as long as the read waited, so the next attempt may be up to a second away.
  const steady_ms since = steady_now();
  while (!other.health().known && steady_now() - since < 5000) {
  }
  EXPECT_TRUE(other.health().known);
}

}  // namespace
}  // namespace coatcheck
