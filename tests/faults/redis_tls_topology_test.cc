// TLS to several servers: sentinels and the master that they name, and the nodes of a cluster. Each is verified as the
// one that it was announced as.
#include <fstream>
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "support/certificates.hpp"
#include "support/redis_client.hpp"
#include "support/redis_topology.hpp"
#include "support/scripted_server.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::await;
using coatcheck_test::certificates;
using coatcheck_test::cluster_setup;
using coatcheck_test::redis_client;
using coatcheck_test::redis_server;
using coatcheck_test::scripted_server;
using coatcheck_test::sentinel_setup;

class TlsTopology : public testing::Test {
 protected:
  void SetUp() override {
    if (redis_server::program().empty()) GTEST_SKIP() << "redis-server is not installed";
  }
  redis_server::tls_port speaks(const std::string& names) {
    const auto own = papers_.issue("server", {.names = names});
    return {own.cert, own.key, papers_.authority()};
  }
  std::string trusted() const { return "?timeout=5000&ca=" + papers_.authority(); }
  static std::string refusal_of_get(const std::string& url) {
    redis_client client(url);
    const auto got = client.get("key");
    EXPECT_EQ(got.status, get_status::unknown);
    return got.why.message;
  }
  // Keys of every part of the slots, so that all masters are spoken to.
  static void write_and_read(redis_client& client, const std::string& what) {
    for (int i = 0; i < 12; ++i) {
      const std::string key = "key" + std::to_string(i);
      const auto put = client.put(key, what + key);
      ASSERT_EQ(put.status, put_status::stored) << put.why.message;
      ASSERT_EQ(client.get(key).value.bytes, what + key);
    }
  }
  certificates papers_;
};

TEST_F(TlsTopology, SentinelsAndTheirMaster) {
  sentinel_setup setup(1, {"--user", "app", "on", ">of-data", "~*", "&*", "+@all"}, speaks("IP:127.0.0.1"));
  const std::string secret = papers_.directory() + "/password";
  std::ofstream(secret) << "of-data\n";
  redis_client client(setup.url({0, 1, 2}, "rediss") + trusted() + "&username=app&password_file=" + secret);
  write_and_read(client, "before ");
  redis_server& old = setup.master();
  await("a failover", [&] {
    setup.sentinels[0]->command({"SENTINEL", "FAILOVER", "house"});
    return &setup.master() != &old;
  });
  write_and_read(client, "after ");

  // Nobody is believed who is not named by the certificate, and nobody who is not asked in TLS.
  EXPECT_NE(refusal_of_get(setup.url({0}, "rediss", "localhost") + "?timeout=1500&ca=" + papers_.authority())
                .find("another name than localhost"),
            std::string::npos);
  EXPECT_NE(refusal_of_get(setup.url({0}, "redis") + "?timeout=200").find("no Redis sentinel names the master"),
            std::string::npos);
}

// Sentinels inside, that speak no TLS, name a master that does.
TEST_F(TlsTopology, SentinelsWithoutTlsWhereTheUrlSaysSo) {
  const redis_server master({}, speaks("IP:127.0.0.1"));
  const std::string port = port_of(master);
  const scripted_server sentinel([&](const std::string& message) -> std::string {
    if (message.find("GET-MASTER-ADDR") == std::string::npos) return "+OK\r\n";
    return "*2\r\n$9\r\n127.0.0.1\r\n$" + std::to_string(port.size()) + "\r\n" + port + "\r\n";
  });
  const std::string url = "rediss+sentinel://127.0.0.1:" + std::to_string(sentinel.port()) + "/house" + trusted();
  redis_client client(url + "&sentinel_tls=false");
  write_and_read(client, "value of ");
}

TEST_F(TlsTopology, ANodeIsVerifiedAsItIsAnnounced) {
  cluster_setup setup(false, {}, speaks("DNS:localhost"));
  // Announced by their addresses, which the certificate does not have.
  EXPECT_NE(refusal_of_get(setup.url({0, 1}, "rediss", "localhost") + trusted()).find("another name than 127.0.0.1"),
            std::string::npos);
  // One name for all of them.
  redis_client one_name(setup.url({0, 1}, "rediss") + trusted() + "&server_name=localhost");
  write_and_read(one_name, "by one name ");
  // Announced by their names.
  for (const auto& node : setup.nodes) {
    ASSERT_EQ(node->command({"CONFIG", "SET", "cluster-announce-hostname", "localhost",
                             "cluster-preferred-endpoint-type", "hostname"}),
              "OK");
  }
  for (const auto& node : setup.nodes) {
    await("names in the map", [&] {
      const std::string map = node->command({"CLUSTER", "SLOTS"});
      std::size_t names = 0;
      for (auto at = map.find("localhost\n"); at != std::string::npos; at = map.find("localhost\n", at + 1)) ++names;
      return names >= 3;
    });
  }
  redis_client by_name(setup.url({0, 1}, "rediss", "localhost") + trusted());
  write_and_read(by_name, "by name ");
  // A slot that is elsewhere is followed by the name that MOVED gives.
  redis_client from_one(setup.url({2}, "rediss", "localhost") + trusted());
  write_and_read(from_one, "from one ");
}

TEST(TlsTopologyUrl, WhatIsRefused) {
  event_loop loop;
  const auto refusal = [&](const std::string& url) {
    const auto opened = open_store(url, {nullptr, &loop});
    EXPECT_FALSE(opened) << url;
    return opened ? std::string() : opened.error().message;
  };
  EXPECT_EQ(refusal("rediss+sentinel://h/house?sentinel_tls=maybe"), "store URL: sentinel_tls must be true or false");
  EXPECT_NE(refusal("redis+sentinel://h/house?sentinel_tls=false").find("unknown parameter 'sentinel_tls'"),
            std::string::npos);
  EXPECT_NE(refusal("redis+cluster://h?ca=/x").find("unknown parameter 'ca'"), std::string::npos);
  EXPECT_NE(refusal("rediss+cluster://h?ca=/nowhere/ca.pem").find("ca"), std::string::npos);
  EXPECT_EQ(refusal("rediss+cluster://"),
            "store URL: rediss+cluster: needs a node, as in rediss+cluster://10.0.0.1:6379,10.0.0.2:6379");
}

}  // namespace
}  // namespace coatcheck
