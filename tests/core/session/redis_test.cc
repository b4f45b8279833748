// The engine on a store that answers later: a real redis-server, turned by the C++ loop. The same steps as on the
// embedded stores, several requests in flight at once, and an outage in the middle.
#include <csignal>
#include <gtest/gtest.h>
#include <string>

#include "coatcheck/engine.hpp"
#include "coatcheck/event_loop.hpp"

#include "support/redis_server.hpp"

namespace coatcheck {
namespace {

class engine_on_redis : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened_store = open_store(server.url() + "?timeout=500", {.loop = &loop});
    ASSERT_TRUE(opened_store) << opened_store.error().message;
    sessions = *opened_store;
    auto keys = key_ring::from_secret("a test secret of more than thirty-two bytes");
    auto made = engine::create({.keys = *keys, .where = sessions});
    ASSERT_TRUE(made);
    on = *made;
    ASSERT_TRUE(on->capabilities().needs_loop);
  }
  void TearDown() override { sessions->close(); }

  opened open(const std::string& cookie) {
    return loop.wait<opened>([&](auto done) { on->open({.cookie_header = cookie}, done); });
  }
  committed commit(const snapshot& base, std::string payload) {
    return loop.wait<committed>([&](auto done) { on->commit({.base = base, .payload = std::move(payload)}, done); });
  }
  destroyed destroy(const snapshot& session) {
    return loop.wait<destroyed>([&](auto done) { on->destroy(session, false, done); });
  }
  std::string stored(std::string payload) {
    const auto done = commit(open("").session, std::move(payload));
    EXPECT_EQ(done.status, commit_status::stored) << done.why.message;
    return done.set_cookie.substr(0, done.set_cookie.find(';'));
  }

  coatcheck_test::redis_server server;
  event_loop loop;
  std::shared_ptr<store> sessions;
  std::shared_ptr<engine> on;
};

TEST_F(engine_on_redis, stores_reads_merges_and_ends) {
  const auto cookie = stored(R"({"n":0})");
  const auto one = open(cookie).session;
  const auto two = open(cookie).session;
  EXPECT_EQ(one.payload, R"({"n":0})");
  EXPECT_EQ(commit(one, R"({"n":0,"a":1})").status, commit_status::stored);
  EXPECT_EQ(commit(two, R"({"n":0,"b":2})").status, commit_status::merged);
  const auto merged = open(cookie).session;
  EXPECT_TRUE(same_json(merged.payload, R"({"n":0,"a":1,"b":2})")) << merged.payload;
  EXPECT_EQ(destroy(merged).status, remove_status::removed);
  EXPECT_EQ(commit(merged, R"({"late":true})").status, commit_status::gone);
  EXPECT_EQ(open(cookie).status, open_status::fresh);
}

// Redis that is full, or read-only after a failover: what only reads is not failed by a deadline that can't move.
TEST_F(engine_on_redis, a_deadline_that_the_store_does_not_take_fails_no_read) {
  manual_clock time(system_clock().now());
  auto keys = key_ring::from_secret("a test secret of more than thirty-two bytes");
  on = *engine::create({.keys = *keys, .where = sessions, .time = &time});
  const auto cookie = stored(R"({"n":0})");
  for (const bool full : {true, false}) {
    const auto refuses = [&](bool now) {
      if (full) {
        (void)server.command({"CONFIG", "SET", "maxmemory", now ? "1" : "0"});
      } else {
        (void)server.command({"REPLICAOF", now ? "127.0.0.1" : "NO", now ? "1" : "ONE"});
      }
    };
    refuses(true);
    time.advance(10 * 60'000);
    const auto read = open(cookie);
    ASSERT_EQ(read.status, open_status::found);
    EXPECT_TRUE(read.touch_due);
    const auto done = commit(read.session, R"({"n":0})");
    EXPECT_EQ(done.status, commit_status::untouched);
    EXPECT_EQ(done.why.code, errc::store_refused);
    EXPECT_EQ(done.set_cookie, "");
    EXPECT_EQ(done.session.expires_at, read.session.expires_at) << "what is shown is what is stored";
    EXPECT_EQ(commit(read.session, R"({"n":1})").status, commit_status::unknown);
    refuses(false);
    EXPECT_EQ(commit(done.session, R"({"n":0})").status, commit_status::touched);
  }
}

TEST_F(engine_on_redis, many_requests_in_flight_each_get_their_own_session) {
  constexpr int count = 200;
  std::vector<std::string> cookies;
  for (int i = 0; i < count; ++i) cookies.push_back(stored("{\"n\":" + std::to_string(i) + "}"));
  struct flight {
    opened result;
    int* left = nullptr;
  };
  int left = count;
  std::vector<flight> flights(count);
  for (int i = 0; i < count; ++i) {
    flights[i].left = &left;
    on->open({.cookie_header = cookies[i]}, completion<opened>(
                                                [](void* context, opened&& value) {
                                                  auto& landed = *static_cast<flight*>(context);
                                                  landed.result = std::move(value);
                                                  --*landed.left;
                                                },
                                                &flights[i]));
  }
  while (left > 0 && loop.run_once()) {
  }
  for (int i = 0; i < count; ++i) {
    EXPECT_EQ(flights[i].result.status, open_status::found);
    EXPECT_EQ(flights[i].result.session.payload, "{\"n\":" + std::to_string(i) + "}");
  }
}

TEST_F(engine_on_redis, an_outage_is_unknown_by_the_deadline_and_passes) {
  const auto cookie = stored(R"({"user":"ann"})");
  const auto session = open(cookie).session;
  server.freeze();
  const auto started = steady_now();
  EXPECT_EQ(open(cookie).status, open_status::unknown);
  EXPECT_EQ(commit(session, R"({"user":"bob"})").status, commit_status::unknown);
  EXPECT_LT(steady_now() - started, 5000);
  server.thaw();
  // Whether the frozen write arrived is not known; what is read is one of the two, never a fresh session.
  opened after;
  for (const auto limit = steady_now() + 10'000; steady_now() < limit;) {
    after = open(cookie);
    if (after.status != open_status::unknown) break;
  }
  ASSERT_EQ(after.status, open_status::found);
  EXPECT_TRUE(after.session.payload == R"({"user":"ann"})" || after.session.payload == R"({"user":"bob"})");
}

TEST_F(engine_on_redis, operations_under_way_when_the_store_closes_complete_as_unknown) {
  const auto cookie = stored(R"({"user":"ann"})");
  opened result;
  bool landed = false;
  std::pair<opened*, bool*> context{&result, &landed};
  on->open({.cookie_header = cookie}, completion<opened>(
                                          [](void* raw, opened&& value) {
                                            auto& [into, flag] = *static_cast<std::pair<opened*, bool*>*>(raw);
                                            *into = std::move(value);
                                            *flag = true;
                                          },
                                          &context));
  sessions->close();
  while (!landed && loop.run_once(10)) {
  }
  ASSERT_TRUE(landed);
  EXPECT_EQ(result.status, open_status::unknown);
  EXPECT_EQ(result.why.code, errc::store_closed);
}

}  // namespace
}  // namespace coatcheck
