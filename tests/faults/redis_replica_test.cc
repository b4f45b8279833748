// Reads from replicas, where the URL asks for them: taken there while a replica is in step, and from the master for all
// that a replica does not have, does not say, or is not asked for.
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "net/redis/replicas.hpp"
#include "support/redis_client.hpp"
#include "support/redis_topology.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::await;
using coatcheck_test::cluster_setup;
using coatcheck_test::redis_client;
using coatcheck_test::redis_server;
using coatcheck_test::sentinel_setup;

constexpr int patience_ms = 60'000;

get_result recent(redis_client& client, std::string_view key) {
  return client.loop.wait<get_result>([&](auto done) { client.sessions->get_recent(key, done); });
}

// How many GETs a server has run.
unsigned long gets_of(redis_server& server) {
  const std::string said = server.command({"INFO", "commandstats"});
  const auto at = said.find("cmdstat_get:calls=");
  return at == std::string::npos ? 0 : std::stoul(said.substr(at + 18));
}

// Reads until one of them was answered by a replica: it has to be found, asked, and in step.
void await_reads_at(redis_client& client, redis_server& replica, std::string_view key) {
  const auto before = gets_of(replica);
  await(
      "a read at the replica",
      [&] {
        EXPECT_EQ(recent(client, key).status, get_status::found);
        return gets_of(replica) > before;
      },
      patience_ms);
}

class RedisReplica : public testing::Test {
 protected:
  void SetUp() override {
    if (redis_server::program().empty()) GTEST_SKIP() << "redis-server is not installed";
  }
};

TEST_F(RedisReplica, OfAMasterWithSentinels) {
  sentinel_setup setup(1);
  redis_server& master = *setup.servers[0];
  redis_server& replica = *setup.servers[1];
  redis_client client(setup.url() + "?timeout=2000&read_from=replica");
  ASSERT_EQ(client.put("key", "first").status, put_status::stored);
  ASSERT_EQ(recent(client, "key").value.bytes, "first") << "nobody waits for a replica to be found";
  await_reads_at(client, replica, "key");

  // Reads that have to be right, and writes, are the master's.
  const auto at_replica = gets_of(replica);
  const auto got = client.get("key");
  EXPECT_EQ(got.status, get_status::found);
  EXPECT_EQ(gets_of(replica), at_replica);

  // The replica stays behind: its link to the master is cut where neither of them notices. A session that it does not
  // have is the master's to tell of; one that it has is read as it was, and a write on that is a conflict.
  ASSERT_EQ(replica.command({"REPLICAOF", "NO", "ONE"}), "OK");
  ASSERT_EQ(client.put("new", "value").status, put_status::stored);
  EXPECT_EQ(recent(client, "new").value.bytes, "value");
  EXPECT_EQ(recent(client, "never").status, get_status::absent);
  const auto changed = client.put("key", "second", expectation::version(got.value.tag));
  ASSERT_EQ(changed.status, put_status::stored);
  const auto stale = client.put("key", "third", expectation::version(got.value.tag));
  EXPECT_EQ(stale.status, put_status::conflict);
  EXPECT_EQ(stale.current.bytes, "second");

  // It says itself that it is no replica: it is left alone.
  await(
      "reads at the master", [&] { return recent(client, "key").value.bytes == "second"; }, patience_ms);

  // Dead: every read goes on.
  replica.kill();
  for (int i = 0; i < 20; ++i) {
    const auto read = recent(client, "key");
    ASSERT_EQ(read.status, get_status::found) << read.why.message;
    ASSERT_EQ(read.value.bytes, "second");
  }
  EXPECT_GT(gets_of(master), 0U);
}

TEST_F(RedisReplica, ThatIsFrozenCostsNoReadItsAnswer) {
  sentinel_setup setup(1);
  redis_server& replica = *setup.servers[1];
  redis_client client(setup.url() + "?timeout=4000&read_from=replica");
  ASSERT_EQ(client.put("key", "value").status, put_status::stored);
  await_reads_at(client, replica, "key");
  replica.freeze();
  for (int i = 0; i < 5; ++i) {
    const auto read = recent(client, "key");
    ASSERT_EQ(read.status, get_status::found) << read.why.message;
  }
  replica.thaw();
  await_reads_at(client, replica, "key");
}

TEST_F(RedisReplica, OfACluster) {
  cluster_setup setup;
  redis_client client(setup.url() + "?timeout=2000&read_from=replica");
  for (int i = 0; i < 12; ++i) {
    const std::string key = "key" + std::to_string(i);
    ASSERT_EQ(client.put(key, "value of " + key).status, put_status::stored);
    ASSERT_EQ(recent(client, key).value.bytes, "value of " + key);
  }
  const auto total = [&] { return gets_of(*setup.nodes[3]) + gets_of(*setup.nodes[4]) + gets_of(*setup.nodes[5]); };
  const auto all_serve = [&] {
    return gets_of(*setup.nodes[3]) > 0 && gets_of(*setup.nodes[4]) > 0 && gets_of(*setup.nodes[5]) > 0;
  };
  await(
      "reads at every replica",
      [&] {
        for (int i = 0; i < 12; ++i) {
          const std::string key = "key" + std::to_string(i);
          EXPECT_EQ(recent(client, key).value.bytes, "value of " + key);
        }
        return all_serve();
      },
      patience_ms);
  const auto before = total();
  EXPECT_EQ(recent(client, "never").status, get_status::absent);
  for (int i = 0; i < 12; ++i) EXPECT_EQ(client.get("key" + std::to_string(i)).status, get_status::found);
  EXPECT_LE(total(), before + 1) << "get() is the masters'";

  // A master dies: its replica takes its place, and reads and writes go on there.
  setup.nodes[0]->kill();
  await(
      "writes of every slot",
      [&] {
        for (int i = 0; i < 12; ++i) {
          if (client.put("key" + std::to_string(i), "after").status != put_status::stored) return false;
        }
        return true;
      },
      patience_ms);
  await(
      "the new values",
      [&] {
        for (int i = 0; i < 12; ++i) {
          const auto read = recent(client, "key" + std::to_string(i));
          if (read.status != get_status::found || read.value.bytes != "after") return false;
        }
        return true;
      },
      patience_ms);
}

TEST(RedisReplicaInfo, WhoIsInStep) {
  const auto info = [](const std::string& role, const std::string& status, const std::string& silence) {
    return "# Replication\r\nrole:" + role + "\r\nmaster_host:h\r\nmaster_link_status:" + status +
           "\r\nmaster_last_io_seconds_ago:" + silence + "\r\nslave_repl_offset:14\r\n";
  };
  EXPECT_TRUE(net::replica_in_step(info("slave", "up", "0")));
  EXPECT_TRUE(net::replica_in_step(info("slave", "up", "15")));
  EXPECT_FALSE(net::replica_in_step(info("slave", "up", "16")));
  EXPECT_FALSE(net::replica_in_step(info("slave", "up", "-1")));
  EXPECT_FALSE(net::replica_in_step(info("slave", "up", "")));
  EXPECT_FALSE(net::replica_in_step(info("slave", "up", "1x")));
  EXPECT_FALSE(net::replica_in_step(info("slave", "down", "1")));
  EXPECT_FALSE(net::replica_in_step(info("master", "up", "1")));
  EXPECT_FALSE(net::replica_in_step("role:slave\r\nmaster_link_status:up"));
  EXPECT_FALSE(net::replica_in_step(""));
}

TEST(RedisReplicaUrl, WhatIsRefused) {
  event_loop loop;
  const auto refusal = [&](const std::string& url) {
    const auto opened = open_store(url, {nullptr, &loop});
    EXPECT_FALSE(opened) << url;
    return opened ? std::string() : opened.error().message;
  };
  EXPECT_EQ(refusal("redis+sentinel://h/house?read_from=slave"), "store URL: read_from must be master or replica");
  EXPECT_NE(refusal("redis://h?read_from=replica").find("unknown parameter 'read_from'"), std::string::npos);
  EXPECT_NE(refusal("redis+cluster://h?read_from=replica&layout=connect-redis").find("layout="), std::string::npos);
  for (const std::string good :
       {"redis+sentinel://h/house?read_from=master", "redis+sentinel://h/house?read_from=replica",
        "rediss+cluster://h?read_from=replica", "counted:redis+cluster://h?read_from=replica"}) {
    const auto opened = open_store(good, {nullptr, &loop});
    EXPECT_TRUE(opened) << good << ": " << opened.error().message;
    if (opened) (*opened)->close();
  }
}

}  // namespace
}  // namespace coatcheck
