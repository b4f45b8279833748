// Slots, a cluster's words about itself, and what becomes of words that are no map.
#include "net/redis/cluster_map.hpp"

#include <gtest/gtest.h>
#include <string>

#include "net/redis/resp_format.hpp"
#include "net/redis/slot.hpp"

namespace coatcheck::net {
namespace {

// The value for "123456789" is the specification's; the others are a real server's (CLUSTER KEYSLOT, Redis 7.0.15).
TEST(RedisSlot, KnownAnswers) {
  EXPECT_EQ(crc16("123456789"), 0x31C3);
  EXPECT_EQ(crc16(""), 0);
  EXPECT_EQ(slot_of_key("123456789"), 12739U);
  EXPECT_EQ(slot_of_key(""), 0U);
  EXPECT_EQ(slot_of_key("foo"), 12182U);
  EXPECT_EQ(slot_of_key("somekey"), 11058U);
  EXPECT_EQ(slot_of_key("foo{hash_tag}"), 2515U);
  EXPECT_EQ(slot_of_key("bar{hash_tag}"), 2515U);
}

// The cases of the specification, "Hash tags".
TEST(RedisSlot, TheFirstPairOfBracesDecides) {
  EXPECT_EQ(slot_of_key("{user1000}.following"), slot_of_key("user1000"));
  EXPECT_EQ(slot_of_key("foo{}{bar}"), crc16("foo{}{bar}") % slot_count);
  EXPECT_EQ(slot_of_key("foo{{bar}}zap"), slot_of_key("{bar"));
  EXPECT_EQ(slot_of_key("foo{bar}{zap}"), slot_of_key("bar"));
  EXPECT_EQ(slot_of_key("foo{bar"), crc16("foo{bar") % slot_count);
  EXPECT_EQ(slot_of_key("foo}{bar"), crc16("foo}{bar") % slot_count);
}

std::string encoded(std::initializer_list<std::string_view> words) {
  std::string out;
  append_command(out, words);
  return out;
}

TEST(RedisSlot, ACommandNamesItsKey) {
  EXPECT_EQ(slot_of_command(encoded({"GET", "foo"})), 12182U);
  EXPECT_EQ(slot_of_command(encoded({"ZREM", "foo", "x", "y"})), 12182U);
  EXPECT_EQ(slot_of_command(encoded({"EVALSHA", "0123", "1", "foo"})), 12182U);
  EXPECT_EQ(slot_of_command(encoded({"EVAL", "return 1", "2", "foo", "x"})), 12182U);
  EXPECT_EQ(slot_of_command(encoded({"EVAL", "return 1", "0", "foo"})), std::nullopt);
  EXPECT_EQ(slot_of_command(encoded({"PING"})), std::nullopt);
  EXPECT_EQ(slot_of_command(encoded({"SCAN", "0", "MATCH", "*"})), std::nullopt);
  EXPECT_EQ(slot_of_command(""), std::nullopt);
  EXPECT_EQ(slot_of_command("*2\r\n$3\r\nGET\r\n$100\r\nfoo\r\n"), std::nullopt);
  // In two pieces, wherever an argument begins.
  const std::string whole = encoded({"EVALSHA", "0123", "1", "foo"});
  for (const std::size_t at : {whole.find("$4"), whole.find("$1\r\n1"), whole.find("$3\r\nfoo")}) {
    EXPECT_EQ(slot_of_command(std::string_view(whole).substr(0, at), std::string_view(whole).substr(at)), 12182U);
  }
}

bool parse(std::string wire, cluster_map& out) {
  // "|" for the ends of lines.
  for (std::size_t at = 0; (at = wire.find('|', at)) != std::string::npos;) wire.replace(at, 1, "\r\n");
  reply_reader reader;
  reply read;
  std::string_view rest = wire;
  while (!rest.empty()) reader.feed(rest);
  EXPECT_EQ(reader.next(read), reply_reader::outcome::complete) << wire;
  return parse_cluster_slots(read.root(), {"10.0.0.9", 7000, {}}, out);
}

TEST(RedisClusterMap, IsReadAsServersWriteIt) {
  cluster_map map;
  ASSERT_TRUE(
      parse("*3|"
            "*4|:0|:5460|*4|$9|127.0.0.1|:7001|$3|abc|*0|*4|$9|127.0.0.1|:7004|$3|abd|*0|"
            "*3|:5461|:5461|*2|$4|::1a|:7002|"  // Redis 3: without an id
            "*3|:5462|:5470|*4|$9|127.0.0.1|:7001|$3|abc|*0|",
            map));
  ASSERT_EQ(map.masters.size(), 2U);
  EXPECT_EQ(map.masters[0].at, (endpoint{"127.0.0.1", 7001, {}}));
  EXPECT_EQ(map.masters[0].id, "abc");
  EXPECT_EQ(map.masters[1].at, (endpoint{"::1a", 7002, {}}));
  ASSERT_EQ(map.replicas.size(), 1U);
  EXPECT_EQ(map.replicas[0].port, 7004);
  ASSERT_EQ(map.ranges.size(), 3U);
  EXPECT_EQ(map.ranges[1].first, 5461U);
  EXPECT_EQ(map.ranges[1].last, 5461U);
  EXPECT_EQ(map.ranges[2].master, 0U);
}

TEST(RedisClusterMap, NodesWithoutAHostAreWhereTheAnswerCameFrom) {
  for (const std::string host : {"$0||", "$-1|"}) {
    cluster_map map;
    ASSERT_TRUE(parse("*1|*3|:0|:16383|*3|" + host + ":7001|$3|abc|", map));
    EXPECT_EQ(map.masters[0].at, (endpoint{"10.0.0.9", 7001, {}}));
  }
  // "?": the server prefers names and has none for this node, but its address stands behind.
  cluster_map named;
  ASSERT_TRUE(parse("*1|*3|:0|:1|*4|$1|?|:7001|$3|abc|*2|$2|ip|$8|10.0.0.3|", named));
  EXPECT_EQ(named.masters[0].at, (endpoint{"10.0.0.3", 7001, {}}));
  // Nobody knows where that one is: a hole.
  cluster_map hole;
  ASSERT_TRUE(parse("*2|*3|:0|:1|*3|$1|?|:7001|$3|abc|*3|:2|:3|*3|$1|h|:7001|$3|abd|", hole));
  ASSERT_EQ(hole.ranges.size(), 1U);
  EXPECT_EQ(hole.ranges[0].first, 2U);
}

TEST(RedisClusterMap, LiesAreRefused) {
  const std::string node = "*3|$1|h|:7001|$1|a|";
  for (const auto& wrong :
       {std::string("*0|"), std::string("+OK|"), std::string(":1|"), std::string("$-1|"), "*1|*3|:-1|:5|" + node,
        "*1|*3|:5|:4|" + node, "*1|*3|:0|:16384|" + node, "*1|*3|$1|0|:4|" + node,
        "*2|*3|:0|:5|" + node + "*3|:5|:6|" + node,  // one slot twice
        std::string("*1|*2|:0|:5|"), std::string("*1|*3|:0|:5|:7|"), std::string("*1|*3|:0|:5|*1|$1|h|"),
        std::string("*1|*3|:0|:5|*3|$1|h|:70000|$1|a|"), std::string("*1|*3|:0|:5|*3|$3|a b|:7001|$1|a|"),
        std::string("*1|*3|:0|:5|*3|:1|:7001|$1|a|"), std::string("*1|*3|:0|:5|*3|$1|h|$1|7|$1|a|"),
        std::string("*1|*3|:0|:5|*3|$1|h|:7001|:1|")}) {
    cluster_map map;
    EXPECT_FALSE(parse(wrong, map)) << wrong;
  }
}

TEST(RedisClusterMap, Redirections) {
  const endpoint by{"10.0.0.9", 7000, {}};
  const auto moved = parse_redirection("MOVED 3999 127.0.0.1:6381", by);
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->slot, 3999U);
  EXPECT_EQ(moved->to, (endpoint{"127.0.0.1", 6381, {}}));
  EXPECT_EQ(parse_redirection("ASK 1 :6381", by)->to, (endpoint{"10.0.0.9", 6381, {}}));
  EXPECT_EQ(parse_redirection("ASK 1 ::1:6381", by)->to, (endpoint{"::1", 6381, {}}));
  EXPECT_EQ(parse_redirection("MOVED 1 node-3.house_1.local:1", by)->to.host, "node-3.house_1.local");
  for (const char* wrong :
       {"MOVED", "MOVED 1", "MOVED 16384 h:1", "MOVED -1 h:1", "MOVED x h:1", "MOVED 1 h", "MOVED 1 h:0",
        "MOVED 1 h:70000", "MOVED 1 h:", "MOVED 1 a/b:1", "MOVED 1 ?:1", "MOVED  h:1"}) {
    EXPECT_FALSE(parse_redirection(wrong, by)) << wrong;
  }
}

}  // namespace
}  // namespace coatcheck::net
