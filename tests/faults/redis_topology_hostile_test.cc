// Nodes and sentinels that lie, know nothing, or name the wrong server: each with its outcome, and none is "absent".
#include <atomic>
#include <gtest/gtest.h>
#include <memory>

#include "net/redis/slot.hpp"
#include "support/redis_client.hpp"
#include "support/redis_server.hpp"
#include "support/scripted_server.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::redis_client;
using coatcheck_test::redis_server;
using coatcheck_test::scripted_server;

bool has(const std::string& message, std::string_view word) { return message.find(word) != std::string::npos; }
std::string bulk(const std::string& text) { return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n"; }
// A map of all slots on one port of the answering server's own host.
std::string map_of(int port) {
  return "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$0\r\n\r\n:" + std::to_string(port) + "\r\n$1\r\na\r\n";
}

// A node that answers the greeting and the question for the map, and everything else with `rest`.
class lying_node {
 public:
  explicit lying_node(std::function<std::string(const std::string&)> rest)
      : server_([this, rest = std::move(rest)](const std::string& message) -> std::string {
          if (has(message, "SETNAME")) return "+OK\r\n";
          if (has(message, "SLOTS")) return ++maps, map.empty() ? map_of(port) : map;
          return rest(message);
        }) {
    port = server_.port();
  }
  [[nodiscard]] std::string url(const std::string& parameters = "?timeout=500") const {
    return "redis+cluster://127.0.0.1:" + std::to_string(server_.port()) + parameters;
  }
  std::atomic<int> port = 0;
  std::atomic<int> maps = 0;
  std::string map;  // set before anybody connects

 private:
  scripted_server server_;
};

std::string slot_text(std::string_view key) { return std::to_string(net::slot_of_key(key)); }

TEST(RedisClusterHostile, ARedirectionInCirclesEnds) {
  int own = 0;
  std::atomic<int> asked = 0;
  lying_node node([&](const std::string&) {
    ++asked;
    return "-MOVED " + slot_text("key") + " 127.0.0.1:" + std::to_string(own) + "\r\n";
  });
  own = node.port;
  redis_client client(node.url());
  const auto got = client.get("key");
  EXPECT_EQ(got.status, get_status::unknown);
  EXPECT_EQ(got.why.code, errc::store_refused);
  EXPECT_NE(got.why.message.find("without an end"), std::string::npos) << got.why.message;
  EXPECT_EQ(asked, 6) << "the first time and five hops";
}

TEST(RedisClusterHostile, ARedirectionThatDoesNotFitIsAProtocolError) {
  for (const std::string wrong : {"MOVED 1 127.0.0.1:6379", "MOVED x", "ASK 99999 h:1", "MOVED"}) {
    lying_node node([&](const std::string&) { return "-" + wrong + "\r\n"; });
    redis_client client(node.url());
    const auto got = client.get("key");
    EXPECT_EQ(got.status, get_status::unknown) << wrong;
    EXPECT_EQ(got.why.code, errc::store_protocol) << wrong << ": " << got.why.message;
  }
}

TEST(RedisClusterHostile, WhatIsNoMapIsNotUsed) {
  for (const std::string wrong : {"*0\r\n", "+OK\r\n", "*1\r\n*3\r\n:0\r\n:20000\r\n*2\r\n$1\r\nh\r\n:1\r\n"}) {
    lying_node node([](const std::string&) { return std::string("$-1\r\n"); });
    node.map = wrong;
    redis_client client(node.url());
    const auto got = client.get("key");
    EXPECT_EQ(got.status, get_status::unknown) << wrong;
    EXPECT_EQ(got.why.code, errc::store_protocol) << wrong;
    EXPECT_NE(got.why.message.find("no map of slots"), std::string::npos) << got.why.message;
    EXPECT_LE(node.maps, 8) << "not more than ten times a second";
  }
}

// A node may say LOADING or CLUSTERDOWN for a while: it did nothing, so it is asked again within the deadline.
TEST(RedisClusterHostile, WhatPassesIsWaitedFor) {
  for (const std::string word : {"LOADING", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN", "READONLY"}) {
    std::atomic<int> asked = 0;
    lying_node node(
        [&](const std::string&) { return ++asked < 3 ? "-" + word + " for now\r\n" : std::string("$-1\r\n"); });
    redis_client client(node.url("?timeout=30000"));
    EXPECT_EQ(client.get("key").status, get_status::absent) << word;
    EXPECT_EQ(asked, 3);
  }
}

TEST(RedisClusterHostile, EveryErrorReplyIsARefusalAndNeverAbsent) {
  const auto see = [](const std::string& word, const std::string& parameters, auto expected) {
    lying_node node([&](const std::string&) { return "-" + word + " text with SESSIONDATA\r\n"; });
    redis_client client(node.url(parameters));
    const auto got = client.get("key");
    EXPECT_EQ(got.status, get_status::unknown) << word;
    EXPECT_TRUE(expected(got.why.code)) << word << ": " << got.why.message;
    EXPECT_EQ(got.why.message.find("SESSIONDATA"), std::string::npos);
    const auto put = client.put("key", "value", expectation::nothing());
    EXPECT_EQ(put.status, put_status::unknown) << word;
    EXPECT_TRUE(expected(put.why.code)) << word << ": " << put.why.message;
  };
  for (const char* word :
       {"OOM", "MISCONF", "NOAUTH", "WRONGPASS", "NOPERM", "BUSY", "NOREPLICAS", "ERR", "CROSSSLOT", "ODD"}) {
    see(word, "?timeout=30000", [](errc code) { return code == errc::store_refused; });
  }
  // Asked again until the deadline, which may come while the last answer is on its way.
  for (const char* word : {"LOADING", "READONLY", "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN"}) {
    see(word, "?timeout=200", [](errc code) { return code == errc::store_refused || code == errc::store_timeout; });
  }
}

TEST(RedisClusterHostile, NobodyThere) {
  const std::string port = std::to_string(coatcheck_test::free_port());
  redis_client client("redis+cluster://127.0.0.1:" + port + "?timeout=250");
  const auto got = client.get("key");
  EXPECT_EQ(got.status, get_status::unknown);
  EXPECT_EQ(got.why.code, errc::store_unavailable);
  EXPECT_NE(got.why.message.find("cannot connect to Redis at 127.0.0.1:" + port), std::string::npos) << got.why.message;
}

// --- sentinels

class lying_sentinel {
 public:
  // `address`: what it answers when it is asked for the master.
  explicit lying_sentinel(std::string address)
      : server_([this, address = std::move(address)](const std::string& message) -> std::string {
          if (has(message, "SETNAME"))
            return has(message, "SUBSCRIBE") ? "+OK\r\n*3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n"
                                             : "+OK\r\n";
          if (has(message, "GET-MASTER")) return ++asked, address;
          if (has(message, "PING")) return "*2\r\n$4\r\npong\r\n$0\r\n\r\n";
          return "*0\r\n";
        }) {}
  static std::string address(int port, const std::string& host = "127.0.0.1") {
    return "*2\r\n" + bulk(host) + bulk(std::to_string(port));
  }
  [[nodiscard]] std::string url(const std::string& parameters = "?timeout=500") const {
    return "redis+sentinel://127.0.0.1:" + std::to_string(server_.port()) + "/house" + parameters;
  }
  [[nodiscard]] int port() const { return server_.port(); }
  std::atomic<int> asked = 0;

 private:
  scripted_server server_;
};

error outcome_of(const std::string& url) {
  redis_client client(url);
  const auto began = steady_now();
  const auto got = client.get("key");
  EXPECT_EQ(got.status, get_status::unknown);
  EXPECT_LE(steady_now() - began, 20'000);
  return got.why;
}

TEST(RedisSentinelHostile, ADeadMaster) {
  const int port = coatcheck_test::free_port();
  lying_sentinel liar(lying_sentinel::address(port));
  const error why = outcome_of(liar.url());
  EXPECT_EQ(why.code, errc::store_unavailable);
  EXPECT_NE(why.message.find("cannot connect to Redis at 127.0.0.1:" + std::to_string(port)), std::string::npos)
      << why.message;
  EXPECT_LE(liar.asked, 16) << "not in a hot loop";
}

TEST(RedisSentinelHostile, AForeignMaster) {
  redis_server replica({"--replicaof", "127.0.0.1 1"});
  lying_sentinel liar(lying_sentinel::address(replica.port()));
  const error why = outcome_of(liar.url());
  EXPECT_EQ(why.code, errc::store_unavailable);
  EXPECT_EQ(why.message,
            "Redis at 127.0.0.1:" + std::to_string(replica.port()) + ", which should be the master, is a replica");
  EXPECT_LE(liar.asked, 16) << "not in a hot loop";
}

TEST(RedisSentinelHostile, ASentinelForAMaster) {
  redis_server other(redis_server::sentinel{"sentinel monitor x 127.0.0.1 1 1\n"});
  lying_sentinel liar(lying_sentinel::address(other.port()));
  const error why = outcome_of(liar.url());
  EXPECT_EQ(why.code, errc::store_unavailable);
  EXPECT_NE(why.message.find("is a sentinel"), std::string::npos) << why.message;
}

TEST(RedisSentinelHostile, NoMaster) {
  redis_server ignorant(redis_server::sentinel{"sentinel monitor barn 127.0.0.1 1 1\n"});
  const error unknown =
      outcome_of("redis+sentinel://127.0.0.1:" + std::to_string(ignorant.port()) + "/house?timeout=2000");
  EXPECT_EQ(unknown.code, errc::store_unavailable);
  EXPECT_EQ(unknown.message,
            "no Redis sentinel names the master; the last one that was asked: it knows no master of the name in the "
            "store's URL");
}

TEST(RedisSentinelHostile, AnAddressThatIsNone) {
  for (const auto& wrong :
       {lying_sentinel::address(0), lying_sentinel::address(70000), lying_sentinel::address(1, ""),
        std::string("*1\r\n$1\r\nh\r\n"), std::string("+OK\r\n"), std::string("*2\r\n:1\r\n:2\r\n")}) {
    lying_sentinel liar(wrong);
    EXPECT_EQ(outcome_of(liar.url()).code, errc::store_unavailable) << wrong;
  }
}

TEST(RedisSentinelHostile, NobodyThere) {
  const std::string port = std::to_string(coatcheck_test::free_port());
  const error why = outcome_of("redis+sentinel://127.0.0.1:" + port + "/house?timeout=250");
  EXPECT_EQ(why.code, errc::store_unavailable);
  EXPECT_NE(why.message.find("cannot connect to the Redis sentinel at 127.0.0.1:" + port), std::string::npos)
      << why.message;
}

TEST(RedisSentinelHostile, OneThatTellsTheTruthIsFound) {
  redis_server master;
  lying_sentinel dead(lying_sentinel::address(coatcheck_test::free_port()));
  lying_sentinel ignorant("$-1\r\n");
  lying_sentinel honest(lying_sentinel::address(master.port()));
  redis_client client("redis+sentinel://127.0.0.1:" + std::to_string(coatcheck_test::free_port()) +
                      ",127.0.0.1:" + std::to_string(ignorant.port()) + ",127.0.0.1:" + std::to_string(honest.port()) +
                      "/house?timeout=5000");
  EXPECT_EQ(client.put("key", "value").status, put_status::stored);
}

// A real master that answers LOADING or MASTERDOWN first is not needed to see that these are tried again.
TEST(RedisSentinelHostile, WhatPassesIsWaitedFor) {
  for (const std::string word : {"LOADING", "MASTERDOWN", "READONLY"}) {
    std::atomic<int> asked = 0;
    scripted_server master([&](const std::string& message) -> std::string {
      if (has(message, "ROLE")) return "+OK\r\n*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";
      return ++asked < 3 ? "-" + word + " for now\r\n" : "$-1\r\n";
    });
    lying_sentinel honest(lying_sentinel::address(master.port()));
    redis_client client(honest.url("?timeout=30000"));
    const auto got = client.get("key");
    EXPECT_EQ(got.status, get_status::absent) << word << ": " << got.why.message;
    EXPECT_EQ(asked, 3) << word;
  }
}

TEST(RedisSentinelHostile, SentinelsHaveUsersOfTheirOwn) {
  redis_server master({"--requirepass", "geheim"});
  redis_server locked(redis_server::sentinel{"requirepass s3ntinel\nsentinel monitor house 127.0.0.1 " +
                                             std::to_string(master.port()) + " 1\nsentinel auth-pass house geheim\n"});
  const std::string hosts = "127.0.0.1:" + std::to_string(locked.port()) + "/house?timeout=5000";
  redis_client nobody("redis+sentinel://:geheim@" + hosts);
  const auto refused = nobody.get("key");
  EXPECT_EQ(refused.status, get_status::unknown);
  EXPECT_NE(refused.why.message.find("sentinel_password"), std::string::npos) << refused.why.message;
  redis_client client("redis+sentinel://:geheim@" + hosts + "&sentinel_password=s3ntinel&db=2");
  const auto put = client.put("key", "value");
  EXPECT_EQ(put.status, put_status::stored) << put.why.message;
}

TEST(RedisTopologyUrl, WhatIsRefused) {
  event_loop loop;
  const auto refusal = [&](const std::string& url) {
    const auto opened = open_store(url, {nullptr, &loop});
    EXPECT_FALSE(opened) << url;
    if (opened) return std::string();
    EXPECT_EQ(opened.error().code, errc::invalid_url) << url;
    EXPECT_EQ(opened.error().message.find("SECRET"), std::string::npos) << opened.error().message;
    return opened.error().message;
  };
  const std::string no_name =
      "store URL: redis+sentinel: needs the master's name as its path, as in redis+sentinel://10.0.0.1:26379/mymaster "
      "(the "
      "database is ?db=N)";
  EXPECT_EQ(refusal("redis+sentinel://h1,h2"), no_name);
  EXPECT_EQ(refusal("redis+sentinel://h1,h2/"), no_name);
  EXPECT_EQ(refusal("redis+sentinel://h1/SECRET/0"), no_name);
  EXPECT_EQ(refusal("redis+sentinel://h1/SEC%20RET"), no_name);
  EXPECT_EQ(refusal("redis+sentinel:///house"),
            "store URL: redis+sentinel: needs a sentinel, as in redis+sentinel://10.0.0.1:26379/mymaster");
  EXPECT_EQ(refusal("redis+sentinel://h/house?sentinel_user=SECRET"),
            "store URL: sentinel_user needs a sentinel_password");
  EXPECT_EQ(
      refusal("redis+cluster://h?sentinel_password=SECRET"),
      "store URL: unknown parameter 'sentinel_password'; redis+cluster: takes timeout, prefix, queue, db, username, "
      "password, password_file, near_cache, max_stale, layout, ttl, disableTouch, disableTTL, read_from");
  EXPECT_EQ(refusal("redis+cluster://"),
            "store URL: redis+cluster: needs a node, as in redis+cluster://10.0.0.1:6379,10.0.0.2:6379");
  EXPECT_EQ(refusal("redis+cluster:/run/redis.sock"),
            "store URL: redis+cluster: needs a node, as in redis+cluster://10.0.0.1:6379,10.0.0.2:6379");
  EXPECT_EQ(refusal("redis+cluster://h1,h2/1"), "store URL: a Redis cluster has database 0 alone");
  EXPECT_EQ(refusal("redis+cluster://h1,h2?db=3"), "store URL: a Redis cluster has database 0 alone");
  EXPECT_EQ(refusal("redis+cluster://h1/x"), "store URL: the database must be a number from 0 to 1000000");
  EXPECT_EQ(refusal("redis+cluster://h1?prefix=a%7Bb"),
            "store URL: on a Redis cluster a '{' in the prefix must begin a hash tag, as in {sessions}:");
  EXPECT_EQ(refusal("redis+cluster://u:SECRET@h1,h2@h3"),
            "store URL: more than one '@' before the path: write %40 for it in user and password");
  EXPECT_EQ(refusal("redis+cluster://u:SEC,RET/@h1,h2:1").find("store URL:"), 0U);
  for (const std::string good :
       {"redis+cluster://h1", "redis+cluster://h1:7000,[::1]:7001,h2/0",
        "redis+cluster://u:p%2C@h1,h2?prefix=%7Bapp%7D:", "redis+sentinel://[::1],h2:5000/my-master.1?db=3",
        "redis+sentinel://u:p@h/m?sentinel_user=a&sentinel_password=b"}) {
    const auto opened = open_store(good, {nullptr, &loop});
    EXPECT_TRUE(opened) << good << ": " << opened.error().message;
    if (opened) (*opened)->close();
  }
}

}  // namespace
}  // namespace coatcheck
