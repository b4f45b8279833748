// A master that sentinels watch over is killed, frozen, and made a replica, under load: every call ends by its
// deadline, writes work again soon after the switch, and no session sees another's value.
#include <gtest/gtest.h>

#include "support/redis_load.hpp"
#include "support/redis_topology.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::await;
using coatcheck_test::redis_client;
using coatcheck_test::redis_load;
using coatcheck_test::redis_server;
using coatcheck_test::sentinel_setup;

constexpr duration_ms timeout = 1000;
constexpr duration_ms slack = 20'000;  // of a busy machine: what is held to is that nothing waits for ever

struct pending_put {
  bool done = false;
  put_result value;
  completion<put_result> slot() {
    return completion<put_result>(
        [](void* context, put_result&& got) {
          auto& self = *static_cast<pending_put*>(context);
          self.value = std::move(got);
          self.done = true;
        },
        this);
  }
};

class RedisSentinel : public testing::Test {
 protected:
  void SetUp() override {
    if (redis_server::program().empty()) GTEST_SKIP() << "redis-server is not installed";
    setup_ = std::make_unique<sentinel_setup>();
    client_ = std::make_unique<redis_client>(setup_->url() + "?timeout=1000");
  }
  // Turns the loop until a sentinel names another master than `old`.
  void await_switch(redis_load& load, const redis_server& old, duration_ms most = 60'000) {
    steady_ms next = 0;
    load.run(most, [&] {
      if (steady_now() < next) return false;
      next = steady_now() + 10;
      return &setup_->master(0) != &old || &setup_->master(1) != &old || &setup_->master(2) != &old;
    });
  }
  static void report(const char* what, const redis_load& load, duration_ms down, duration_ms after) {
    std::printf(
        "[ figures  ] %s: %llu written, %llu read, %llu unknown, %llu lost, %llu crossed; slowest call %lld ms; "
        "switch after %lld ms, all sessions written %lld ms after it\n",
        what, static_cast<unsigned long long>(load.written), static_cast<unsigned long long>(load.read),
        static_cast<unsigned long long>(load.unknown), static_cast<unsigned long long>(load.lost),
        static_cast<unsigned long long>(load.crossed), static_cast<long long>(load.slowest),
        static_cast<long long>(down), static_cast<long long>(after));
  }

  std::unique_ptr<sentinel_setup> setup_;
  std::unique_ptr<redis_client> client_;
};

TEST_F(RedisSentinel, AMasterIsKilledUnderLoad) {
  redis_load load(*client_, 32);
  load.run_until_all_written();
  load.run_for(300);
  EXPECT_EQ(load.unknown, 0U) << load.last_unknown;
  redis_server& old = setup_->master();
  old.kill();
  const steady_ms killed = steady_now();
  await_switch(load, old);
  const steady_ms switched = steady_now();
  load.run_until_all_written();
  const steady_ms back = steady_now();
  load.run_for(300);
  load.finish();
  report("kill -9 of the master", load, switched - killed, back - switched);
  EXPECT_LE(load.slowest, timeout + slack);
  EXPECT_EQ(load.crossed, 0U);
  // It comes back as what the sentinels make of it, and nobody minds.
  old.restart();
  await("a write after it", [&] { return client_->put("after", "value").status == put_status::stored; });
}

TEST_F(RedisSentinel, AMasterIsFrozenUnderLoad) {
  redis_load load(*client_, 32);
  load.run_until_all_written();
  redis_server& old = setup_->master();
  old.freeze();
  const steady_ms frozen = steady_now();
  await_switch(load, old);
  const steady_ms switched = steady_now();
  load.run_until_all_written();
  const steady_ms back = steady_now();
  old.thaw();  // it believes that it is the master for a while
  load.run_for(1500);
  load.finish();
  report("SIGSTOP of the master", load, switched - frozen, back - switched);
  EXPECT_LE(load.slowest, timeout + slack);
  EXPECT_EQ(load.crossed, 0U);
}

// SENTINEL FAILOVER: nobody is dead, and the old master lets its clients stay for a moment.
TEST_F(RedisSentinel, AMasterHandsOverUnderLoad) {
  redis_load load(*client_, 32);
  load.run_until_all_written();
  redis_server& old = setup_->master();
  ASSERT_EQ(setup_->sentinels[2]->command({"SENTINEL", "FAILOVER", "house"}), "OK");
  const steady_ms asked = steady_now();
  await_switch(load, old);
  const steady_ms switched = steady_now();
  load.run_until_all_written();
  const steady_ms back = steady_now();
  load.run_for(1000);
  load.finish();
  report("SENTINEL FAILOVER", load, switched - asked, back - switched);
  EXPECT_LE(load.slowest, timeout + slack);
  EXPECT_EQ(load.crossed, 0U);
}

// REPLICAOF by hand: the connection stays, writes are refused, and the sentinels know nothing yet.
TEST_F(RedisSentinel, AWriteToAServerThatHasBecomeAReplicaGoesToTheMasterWithinItsDeadline) {
  for (const auto& one : setup_->sentinels)
    one->command({"SENTINEL", "SET", "house", "down-after-milliseconds", "60000"});
  redis_client patient(setup_->url() + "?timeout=10000");
  ASSERT_EQ(patient.put("key", "1").status, put_status::stored);
  redis_server& old = setup_->master();
  redis_server& next = &old == setup_->servers[1].get() ? *setup_->servers[2] : *setup_->servers[1];
  next.command({"REPLICAOF", "NO", "ONE"});
  old.command({"REPLICAOF", "127.0.0.1", coatcheck_test::port_of(next)});
  for (const auto& one : setup_->sentinels) one->command({"SENTINEL", "REMOVE", "house"});
  pending_put waiting;
  patient.sessions->put("key", "2", system_clock().now() + 60'000, expectation::anything(), {}, waiting.slot());
  const steady_ms until = steady_now() + 300;
  while (steady_now() < until) patient.loop.run_once(10);
  EXPECT_FALSE(waiting.done) << "nobody knows the master: " << waiting.value.why.message;
  for (const auto& one : setup_->sentinels) {
    one->command({"SENTINEL", "MONITOR", "house", "127.0.0.1", coatcheck_test::port_of(next), "2"});
  }
  EXPECT_TRUE(patient.loop.run_until(waiting.done));
  EXPECT_EQ(waiting.value.status, put_status::stored) << waiting.value.why.message;
  EXPECT_EQ(next.command({"GET", "cc:s:{key}"}).substr(31), "2");
}

TEST_F(RedisSentinel, OneSentinelOfThreeIsEnoughAndTheOthersAreLearned) {
  redis_client client(setup_->url({0}) + "?timeout=1000");
  ASSERT_EQ(client.put("key", "value").status, put_status::stored);
  // The sentinels are learned once one of them is listened to.
  const steady_ms until = steady_now() + 1000;
  while (steady_now() < until) client.loop.run_once(10);
  setup_->sentinels[0]->kill();
  redis_server& old = setup_->master(1);
  old.kill();
  await("the switch", [&] { return &setup_->master(1) != &old; });
  put_result last;
  await("a write after it", [&] { return (last = client.put("key", "2")).status == put_status::stored; });
}

TEST_F(RedisSentinel, DeadSentinelsAreStoodOver) {
  setup_->sentinels[0]->kill();
  setup_->sentinels[1]->freeze();
  redis_client client(setup_->url() + "?timeout=1000");
  EXPECT_EQ(client.put("key", "value").status, put_status::stored);
  setup_->sentinels[1]->thaw();
}

}  // namespace
}  // namespace coatcheck
