// A Redis cluster whose slots move, whose masters are killed, frozen and replaced, under load: every call ends by its
// deadline, nothing is called absent that is there, and what only moved costs no error at all.
#include <atomic>
#include <gtest/gtest.h>
#include <thread>

#include "net/redis/slot.hpp"
#include "support/redis_load.hpp"
#include "support/redis_topology.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::await;
using coatcheck_test::cluster_setup;
using coatcheck_test::port_of;
using coatcheck_test::redis_client;
using coatcheck_test::redis_load;
using coatcheck_test::redis_server;

constexpr duration_ms timeout = 1000;
constexpr duration_ms slack = 20'000;  // of a busy machine: what is held to is that nothing waits for ever

// One slot's way from a master to another, as redis-cli goes it, in steps that a test may stop between.
class slot_move {
 public:
  slot_move(cluster_setup& cluster, unsigned slot, std::size_t from, std::size_t to)
      : from_(*cluster.nodes[from]),
        to_(*cluster.nodes[to]),
        from_id_(cluster.id(from)),
        to_id_(cluster.id(to)),
        slot_(std::to_string(slot)) {}
  void begin() {
    expect_ok(to_.command({"CLUSTER", "SETSLOT", slot_, "IMPORTING", from_id_}));
    expect_ok(from_.command({"CLUSTER", "SETSLOT", slot_, "MIGRATING", to_id_}));
  }
  void move_keys() {
    for (;;) {
      const std::string keys = from_.command({"CLUSTER", "GETKEYSINSLOT", slot_, "10"});
      if (keys.empty()) return;
      std::vector<std::string> words = {"MIGRATE", "127.0.0.1", port_of(to_), "", "0", "5000", "REPLACE", "KEYS"};
      for (std::size_t at = 0; at < keys.size(); at = keys.find('\n', at) + 1) {
        words.push_back(keys.substr(at, keys.find('\n', at) - at));
      }
      from_.command({words.begin(), words.end()});
    }
  }
  void end() {
    expect_ok(to_.command({"CLUSTER", "SETSLOT", slot_, "NODE", to_id_}));
    expect_ok(from_.command({"CLUSTER", "SETSLOT", slot_, "NODE", to_id_}));
  }

 private:
  static void expect_ok(const std::string& answer) { EXPECT_EQ(answer, "OK"); }
  redis_server& from_;
  redis_server& to_;
  const std::string from_id_;
  const std::string to_id_;
  const std::string slot_;
};

// Sessions' keys by the master that has their slot at the beginning.
std::string key_on(std::size_t master, const std::string& start = "key") {
  const unsigned bounds[] = {0, 5461, 10923, 16384};
  for (int i = 0;; ++i) {
    std::string key = start + std::to_string(i);
    const unsigned slot = net::slot_of_key(key);
    if (slot >= bounds[master] && slot < bounds[master + 1]) return key;
  }
}

void report(const char* what, const redis_load& load, const std::string& more = {}) {
  std::printf(
      "[ figures  ] %s: %llu written, %llu read, %llu unknown, %llu lost, %llu crossed; slowest call %lld ms%s\n", what,
      static_cast<unsigned long long>(load.written), static_cast<unsigned long long>(load.read),
      static_cast<unsigned long long>(load.unknown), static_cast<unsigned long long>(load.lost),
      static_cast<unsigned long long>(load.crossed), static_cast<long long>(load.slowest), more.c_str());
}

class RedisCluster : public testing::Test {
 protected:
  void SetUp() override {
    if (redis_server::program().empty()) GTEST_SKIP() << "redis-server is not installed";
  }
  void start(bool replicas, const std::vector<std::string>& more = {}, duration_ms deadline = timeout) {
    cluster_ = std::make_unique<cluster_setup>(replicas, more);
    client_ = std::make_unique<redis_client>(cluster_->url() + "?timeout=" + std::to_string(deadline));
  }
  // Turns the loop until the replica of this master is one itself.
  void await_promotion(redis_load& load, std::size_t master) {
    const std::string replica = cluster_->id(master + 3);
    steady_ms next = 0;
    load.run(60'000, [&] {
      if (steady_now() < next) return false;
      next = steady_now() + 20;
      return cluster_->nodes[master + 3]->command({"ROLE"}).starts_with("master");
    });
  }

  std::unique_ptr<cluster_setup> cluster_;
  std::unique_ptr<redis_client> client_;
};

TEST_F(RedisCluster, TwoThousandSlotsMoveUnderLoad) {
  constexpr duration_ms patient = 30'000;  // an error is then the application's, and not the machine's
  start(false, {}, patient);
  redis_client filler(cluster_->url() + "?timeout=10000");
  for (int i = 0; i < 3000; ++i) ASSERT_EQ(filler.put("more" + std::to_string(i), "x").status, put_status::stored);
  redis_load load(*client_, 256);
  load.run_until_all_written();
  std::atomic<bool> moved = false;
  std::thread mover([&] {
    for (unsigned slot = 0; slot < 2000; ++slot) {
      slot_move one(*cluster_, slot, 0, 1);
      one.begin();
      one.move_keys();
      one.end();
    }
    moved = true;
  });
  load.run(120'000, [&] { return moved.load(); });
  mover.join();
  load.run_until_all_written();
  load.finish();
  report("2,000 slots moved under load", load);
  EXPECT_EQ(load.unknown, 0U) << load.last_unknown;
  EXPECT_EQ(load.lost, 0U);
  EXPECT_EQ(load.crossed, 0U);
}

TEST_F(RedisCluster, ASlotOnItsWayIsAskedForWhereItGoes) {
  start(false);
  redis_client client(cluster_->url() + "?timeout=10000");
  const std::string there = key_on(0);
  ASSERT_EQ(client.put(there, "1", expectation::anything(), "owner").status, put_status::stored);
  slot_move move(*cluster_, net::slot_of_key(there), 0, 2);
  move.begin();
  EXPECT_EQ(client.get(there).value.bytes, "1") << "it has not left";
  move.move_keys();
  // Both of its keys are there now: ASK, and the scripts that the other node has never seen.
  EXPECT_EQ(client.get(there).value.bytes, "1");
  EXPECT_EQ(client.put(there, "2", expectation::anything(), "owner").status, put_status::stored);
  EXPECT_EQ(client.touch(there, 50'000).status, touch_status::touched);
  move.end();
  EXPECT_EQ(client.get(there).value.bytes, "2");
  EXPECT_EQ(cluster_->nodes[2]->command({"GET", "cc:s:{" + there + "}"}).substr(31), "2");
  EXPECT_EQ(client.owned_by("owner").keys, std::vector<std::string>{there});
}

// A script that writes a new session names two keys that are on neither side: the server says TRYAGAIN until the slot
// has arrived.
TEST_F(RedisCluster, AWriteWaitsForASlotThatIsHalfMoved) {
  start(false);
  redis_client client(cluster_->url() + "?timeout=20000");
  const std::string fresh = key_on(0, "fresh");
  ASSERT_TRUE(client.health().known);
  slot_move move(*cluster_, net::slot_of_key(fresh), 0, 1);
  move.begin();
  bool done = false;
  put_status status = put_status::unknown;
  struct pair {
    bool* done;
    put_status* status;
  } both{&done, &status};
  client.sessions->put(fresh, "1", system_clock().now() + 60'000, expectation::nothing(), {},
                       completion<put_result>(
                           [](void* context, put_result&& got) {
                             *static_cast<pair*>(context)->status = got.status;
                             *static_cast<pair*>(context)->done = true;
                           },
                           &both));
  const steady_ms until = steady_now() + 200;
  while (steady_now() < until) client.loop.run_once(10);
  EXPECT_FALSE(done);
  move.end();
  EXPECT_TRUE(client.loop.run_until(done));
  EXPECT_EQ(status, put_status::stored);
  redis_client hasty(cluster_->url() + "?timeout=100");
  const std::string other = key_on(1, "other");
  await("a healthy cluster", [&] { return hasty.health().known; });
  slot_move again(*cluster_, net::slot_of_key(other), 1, 2);
  again.begin();
  const auto late = hasty.put(other, "1");
  EXPECT_EQ(late.status, put_status::unknown);
  EXPECT_EQ(late.why.code, errc::store_refused);
  EXPECT_EQ(late.why.message, "the Redis cluster is moving this key (TRYAGAIN)");
}

TEST_F(RedisCluster, AMasterIsKilledUnderLoad) {
  start(true);
  redis_load load(*client_, 64);
  load.run_until_all_written();
  cluster_->nodes[1]->kill();
  const steady_ms killed = steady_now();
  await_promotion(load, 1);
  const steady_ms switched = steady_now();
  load.run_until_all_written();
  const steady_ms back = steady_now();
  load.run_for(300);
  load.finish();
  report("kill -9 of a cluster's master", load,
         "; promotion after " + std::to_string(switched - killed) + " ms, all sessions written " +
             std::to_string(back - switched) + " ms after it");
  EXPECT_LE(load.slowest, timeout + slack);
  EXPECT_EQ(load.crossed, 0U);
}

TEST_F(RedisCluster, AMasterIsFrozenUnderLoad) {
  start(true);
  redis_load load(*client_, 64);
  load.run_until_all_written();
  cluster_->nodes[2]->freeze();
  const steady_ms frozen = steady_now();
  await_promotion(load, 2);
  const steady_ms switched = steady_now();
  load.run_until_all_written();
  const steady_ms back = steady_now();
  cluster_->nodes[2]->thaw();
  load.run_for(500);
  load.finish();
  report("SIGSTOP of a cluster's master", load,
         "; promotion after " + std::to_string(switched - frozen) + " ms, all sessions written " +
             std::to_string(back - switched) + " ms after it");
  EXPECT_LE(load.slowest, timeout + slack);
  EXPECT_EQ(load.crossed, 0U);
}

// CLUSTER FAILOVER: the two agree, and no write is lost.
TEST_F(RedisCluster, AMasterHandsOverUnderLoad) {
  start(true);
  redis_load load(*client_, 64);
  load.run_until_all_written();
  ASSERT_EQ(cluster_->nodes[3]->command({"CLUSTER", "FAILOVER"}), "OK");
  await_promotion(load, 0);
  load.run_until_all_written();
  load.run_for(300);
  load.finish();
  report("CLUSTER FAILOVER", load);
  EXPECT_EQ(load.lost, 0U);
  EXPECT_EQ(load.crossed, 0U);
  EXPECT_LE(load.slowest, timeout + slack);
}

TEST_F(RedisCluster, ASlotThatNobodyServesIsUnknownAndTheOthersWork) {
  start(false, {"--cluster-require-full-coverage", "no"});
  const std::string orphan = key_on(0);
  const std::string fine = key_on(1);
  ASSERT_EQ(client_->put(orphan, "1").status, put_status::stored);
  const std::string slot = std::to_string(net::slot_of_key(orphan));
  cluster_->nodes[0]->command({"CLUSTER", "DELSLOTS", slot});  // the others still believe that it has it
  const steady_ms began = steady_now();
  const auto got = client_->get(orphan);
  EXPECT_EQ(got.status, get_status::unknown);
  // The node says that it does not serve the slot, or the map does that is fetched for it.
  EXPECT_TRUE(got.why.code == errc::store_refused || got.why.code == errc::store_unavailable) << got.why.message;
  EXPECT_LE(steady_now() - began, timeout + slack);
  EXPECT_EQ(client_->put(fine, "1").status, put_status::stored);
  // A map that has the hole in it from the beginning.
  for (const auto& one : cluster_->nodes) one->command({"CLUSTER", "DELSLOTS", slot});
  redis_client other(cluster_->url({0}) + "?timeout=1000");
  const auto missing = other.get(orphan);
  EXPECT_EQ(missing.status, get_status::unknown);
  EXPECT_EQ(missing.why.code, errc::store_unavailable);
  EXPECT_EQ(missing.why.message, "no node of the Redis cluster serves the key's slot");
  EXPECT_EQ(other.put(fine, "2").status, put_status::stored);
  // It comes back, and so do its sessions.
  cluster_->nodes[0]->command({"CLUSTER", "ADDSLOTS", slot});
  await("the slot", [&] { return client_->get(orphan).status == get_status::found; });
}

TEST_F(RedisCluster, ANodeThatIsDeadAtTheStartIsStoodOver) {
  start(false, {"--cluster-require-full-coverage", "no"});
  cluster_->nodes[0]->kill();
  redis_client client(cluster_->url({0, 1}) + "?timeout=1000");
  EXPECT_EQ(client.put(key_on(1), "value").status, put_status::stored);
  EXPECT_TRUE(client.health().known);
}

TEST_F(RedisCluster, AServerThatIsNoClusterSaysSo) {
  redis_server single;
  redis_client client("redis+cluster://127.0.0.1:" + port_of(single) + "?timeout=1000");
  const auto got = client.get("key");
  EXPECT_EQ(got.status, get_status::unknown);
  EXPECT_EQ(got.why.code, errc::store_refused);
  EXPECT_NE(got.why.message.find("write redis:// in place of redis+cluster://"), std::string::npos) << got.why.message;
}

TEST_F(RedisCluster, APasswordIsGivenToEveryNode) {
  start(false);
  for (const auto& one : cluster_->nodes) one->command({"ACL", "SETUSER", "app", "on", ">p@ss,w/rd", "~*", "+@all"});
  for (const auto& one : cluster_->nodes) one->command({"ACL", "SETUSER", "default", "-@all", "+acl|setuser"});
  std::string url = cluster_->url();
  redis_client nobody(url + "?timeout=1000");
  EXPECT_EQ(nobody.get("key").why.code, errc::store_refused);
  redis_client client(url.insert(url.find("//") + 2, "app:p%40ss%2Cw%2Frd@") + "?timeout=1000");
  for (std::size_t i = 0; i < 3; ++i) {
    const auto put = client.put(key_on(i), "value");
    EXPECT_EQ(put.status, put_status::stored) << put.why.message;
  }
}

}  // namespace
}  // namespace coatcheck
