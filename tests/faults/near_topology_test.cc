// A near-cache before Redis on several servers: it hears of changes on each master, also of one that took over, and of
// slots that have moved; what it answers is never older than max_stale.
#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include "net/redis/slot.hpp"
#include "support/near_client.hpp"
#include "support/redis_topology.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::await;
using coatcheck_test::cluster_setup;
using coatcheck_test::near_figures_of;
using coatcheck_test::near_hit;
using coatcheck_test::near_warm;
using coatcheck_test::near_within;
using coatcheck_test::port_of;
using coatcheck_test::redis_client;
using coatcheck_test::redis_server;
using coatcheck_test::sentinel_setup;

constexpr duration_ms fleet_max_stale = 1000;
const std::string fleet_near = "?timeout=2000&near_cache=1000000&max_stale=" + std::to_string(fleet_max_stale);

class NearTopology : public testing::Test {
 protected:
  void SetUp() override {
    if (redis_server::program().empty()) GTEST_SKIP() << "redis-server is not installed";
  }

  // The next number, until it is stored: a switch may be under way. A number that may have been stored is not lost.
  void write(redis_client& by, const std::string& key) {
    const std::string value = std::to_string(++last_);
    ASSERT_TRUE(near_within(60'000, [&] { return by.put(key, value).status == put_status::stored; }));
    written_.emplace_back(steady_now(), last_);
  }
  // Reads it once; what was written longer than max_stale ago is there.
  void check(redis_client& reader, const std::string& key) {
    const steady_ms asked = steady_now();
    long floor = 0;
    for (const auto& [at, number] : written_) floor = at < asked - fleet_max_stale ? number : floor;
    get_result got;
    near_hit(reader, key, &got);
    if (got.status == get_status::unknown) return;
    ASSERT_EQ(got.status, get_status::found);
    EXPECT_GE(std::stol(got.value.bytes), floor);
  }
  // Another's writes are seen, and reads are hits again.
  void works(redis_client& writer, redis_client& reader, const std::string& key) {
    for (int i = 0; i < 5; ++i) {
      write(writer, key);
      if (HasFatalFailure()) return;
      ASSERT_TRUE(near_within(60'000, [&] {
        check(reader, key);
        get_result got;
        near_hit(reader, key, &got);
        return got.value.bytes == std::to_string(last_);
      }));
    }
    ASSERT_TRUE(near_warm(reader, key));
    write(reader, key);
    check(reader, key);
  }
  void check_until(redis_client& reader, const std::string& key, const std::function<bool()>& holds) {
    const steady_ms end = steady_now() + 60'000;
    for (steady_ms next = 0; !HasFailure();) {
      check(reader, key);
      if (steady_now() < next) continue;
      if (holds()) return;
      ASSERT_LT(steady_now(), end);
      next = steady_now() + 20;
    }
  }

  long last_ = 0;
  std::vector<std::pair<steady_ms, long>> written_;
};

std::string key_of_slots(unsigned first, unsigned last) {
  for (int i = 0;; ++i) {
    std::string key = "key" + std::to_string(i);
    const unsigned slot = net::slot_of_key(key);
    if (slot >= first && slot < last) return key;
  }
}

TEST_F(NearTopology, ANearCacheFollowsTheMasterThatSentinelsName) {
  sentinel_setup house;
  redis_client writer(house.url() + "?timeout=2000");
  redis_client reader(house.url() + fleet_near);
  works(writer, reader, "key");
  for (std::size_t i = 1; i < house.servers.size(); ++i) {
    await("a replica in step", [&] {
      return house.servers[i]->command({"GET", "cc:s:{key}"}).ends_with(std::to_string(last_));
    });
  }
  const auto bumps = near_figures_of(reader).epoch_bumps;
  redis_server& old = *house.servers[0];
  old.kill();
  check_until(reader, "key", [&] { return &house.master() != &old; });
  works(writer, reader, "key");
  EXPECT_GT(near_figures_of(reader).epoch_bumps, bumps);
}

TEST_F(NearTopology, ANearCacheHearsEachMasterOfAClusterAlsoAfterSlotsMovedAndOneDied) {
  cluster_setup cluster;
  redis_client writer(cluster.url() + "?timeout=2000");
  redis_client reader(cluster.url() + fleet_near);
  const std::string moving = key_of_slots(0, 5461);
  const std::string staying = key_of_slots(5461, 10923);
  works(writer, reader, moving);
  const auto bumps = near_figures_of(reader).epoch_bumps;
  // The slot goes from the first master to the third, with what is in it.
  const std::string slot = std::to_string(net::slot_of_key(moving));
  auto& from = *cluster.nodes[0];
  auto& to = *cluster.nodes[2];
  ASSERT_EQ(to.command({"CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.id(0)}), "OK");
  ASSERT_EQ(from.command({"CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.id(2)}), "OK");
  check(reader, moving);
  ASSERT_EQ(from.command({"MIGRATE", "127.0.0.1", port_of(to), "cc:s:{" + moving + "}", "0", "20000"}), "OK");
  for (int i = 0; i < 10; ++i) check(reader, moving);  // by ASK
  for (redis_server* one : {&to, &from, cluster.nodes[1].get()}) {
    ASSERT_EQ(one->command({"CLUSTER", "SETSLOT", slot, "NODE", cluster.id(2)}), "OK");
  }
  works(writer, reader, moving);
  EXPECT_GT(near_figures_of(reader).epoch_bumps, bumps);

  written_.clear();
  works(writer, reader, staying);
  await("a replica in step", [&] {
    const std::string said = cluster.nodes[4]->command({"INFO", "replication"});
    const std::string master = cluster.nodes[1]->command({"INFO", "replication"});
    const auto offset = [](const std::string& text, const std::string& of) {
      const auto at = text.find(of);
      return at == std::string::npos ? -1 : std::stoll(text.substr(at + of.size()));
    };
    return offset(said, "slave_repl_offset:") >= offset(master, "master_repl_offset:");
  });
  cluster.nodes[1]->kill();
  check_until(reader, staying, [&] { return cluster.nodes[4]->command({"ROLE"}).starts_with("master"); });
  works(writer, reader, staying);
}

}  // namespace
}  // namespace coatcheck
