// A server whose policy may evict sessions is warned of once, at the first connection, and never by a round trip of a
// request's.
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "store/redis/eviction.hpp"
#include "support/redis_client.hpp"
#include "support/redis_server.hpp"
#include "support/redis_topology.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::cluster_setup;
using coatcheck_test::redis_server;

class RedisEviction : public testing::Test {
 protected:
  void SetUp() override {
    if (redis_server::program().empty()) GTEST_SKIP() << "redis-server is not installed";
  }
  // What is said while a store is opened and used.
  static std::vector<std::string> warnings_of(const std::string& url, int reads = 3) {
    std::vector<std::string> said;
    event_loop loop;
    loop.on_warning = [&](std::string_view sentence) { said.emplace_back(sentence); };
    auto opened = open_store(url, {nullptr, &loop});
    EXPECT_TRUE(opened) << opened.error().message;
    if (!opened) return said;
    EXPECT_TRUE(said.empty()) << "nothing is asked before the first operation";
    for (int i = 0; i < reads; ++i) {
      const std::string key = "key" + std::to_string(i);
      const auto got = loop.wait<get_result>([&](auto done) { (*opened)->get(key, done); });
      EXPECT_EQ(got.status, get_status::absent) << got.why.message;
    }
    (*opened)->close();
    return said;
  }
};

TEST_F(RedisEviction, IsWarnedOfOnce) {
  for (const std::string policy : {"allkeys-lru", "volatile-ttl"}) {
    const redis_server server({"--maxmemory", "100mb", "--maxmemory-policy", policy});
    const auto said = warnings_of(server.url() + "?timeout=5000");
    ASSERT_EQ(said.size(), 1U) << policy;
    EXPECT_EQ(said[0], "Redis evicts sessions when its memory is full (maxmemory-policy is " + policy +
                           "), which logs their users out: set it to noeviction, and watch used_memory");
  }
}

TEST_F(RedisEviction, IsNoMatterWhereNothingIsEvicted) {
  const redis_server right({"--maxmemory", "100mb", "--maxmemory-policy", "noeviction"});
  EXPECT_TRUE(warnings_of(right.url() + "?timeout=5000").empty());
  const redis_server unbounded({"--maxmemory-policy", "allkeys-lru"});
  EXPECT_TRUE(warnings_of(unbounded.url() + "?timeout=5000").empty());
}

TEST_F(RedisEviction, IsNoMatterOfACacheOrOfWhoMayNotAsk) {
  redis_server server({"--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"});
  EXPECT_TRUE(warnings_of("cached:" + server.url() + "?timeout=5000|memory:eviction").empty());
  server.command({"ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "+@all", "-info"});
  EXPECT_TRUE(warnings_of("redis://app:secret@127.0.0.1:" + std::to_string(server.port()) + "?timeout=5000").empty());
}

TEST_F(RedisEviction, OfAClusterIsToldOnce) {
  const cluster_setup setup(false, {"--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lfu"});
  EXPECT_EQ(warnings_of(setup.url() + "?timeout=5000", 12).size(), 1U);
}

TEST(RedisEvictionInfo, WhatTheServerSaysIsNotRepeated) {
  EXPECT_EQ(eviction_warning(""), "");
  EXPECT_EQ(eviction_warning("maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n"), "");
  EXPECT_EQ(eviction_warning("maxmemory_policy:SECRET\r\n"), "");
  EXPECT_NE(eviction_warning("# Memory\r\nmaxmemory_policy:volatile-lru").find("volatile-lru"), std::string::npos);
}

}  // namespace
}  // namespace coatcheck
