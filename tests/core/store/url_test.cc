// Store URLs: what is understood, what is refused, and that no refusal shows a password.
#include "store/url.hpp"

#include <gtest/gtest.h>

#include "coatcheck/store.hpp"

namespace coatcheck {
namespace {

TEST(StoreUrl, PartsOfARedisUrl) {
  const auto url = parse_url("REDIS://us%65r:p%40ss%2Fw%3Ard@cache.example:6380/3?timeout=100&prefix=a%26b");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->scheme, "redis");
  EXPECT_EQ(url->user, "user");
  EXPECT_EQ(url->password, "p@ss/w:rd");
  EXPECT_EQ(url->host, "cache.example");
  EXPECT_EQ(url->port, 6380);
  EXPECT_EQ(url->path, "/3");
  EXPECT_EQ(url->parameter("timeout"), "100");
  EXPECT_EQ(url->parameter("prefix"), "a&b");
  EXPECT_FALSE(url->parameter("queue"));
}

TEST(StoreUrl, AnIpv6Host) {
  const auto url = parse_url("redis://[::1]:6379");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->port, 6379);
}

TEST(StoreUrl, SeveralHosts) {
  const auto url = parse_url("redis+cluster://u:a%2Cb@h1:7000,[::1]:7001,10.0.0.3,[fe80::2]/0?timeout=9");
  ASSERT_TRUE(url) << url.error().message;
  ASSERT_EQ(url->hosts.size(), 4U);
  EXPECT_EQ(url->password, "a,b");
  EXPECT_EQ(url->hosts[0].host, "h1");
  EXPECT_EQ(url->hosts[0].port, 7000);
  EXPECT_EQ(url->hosts[1].host, "::1");
  EXPECT_EQ(url->hosts[1].port, 7001);
  EXPECT_EQ(url->hosts[2].host, "10.0.0.3");
  EXPECT_EQ(url->hosts[2].port, 0);
  EXPECT_EQ(url->hosts[3].host, "fe80::2");
  EXPECT_EQ(url->host, "h1");
  EXPECT_EQ(url->port, 7000);
  EXPECT_EQ(url->path, "/0");

  std::string many = "redis+cluster://h";
  for (int i = 1; i < 64; ++i) many += ",h";
  EXPECT_EQ(parse_url(many)->hosts.size(), 64U);
  EXPECT_EQ(parse_url(many + ",h").error().message, "store URL: more than 64 hosts");
  EXPECT_EQ(parse_url("memory:")->hosts.size(), 0U);
}

TEST(StoreUrl, AStoreThatTakesOneHostRefusesMore) {
  const auto opened = open_store("redis://secret1,secret2:6379/1");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message, "store URL: redis: takes one host (percent-encode ',' in the password)");
}

TEST(StoreUrl, PathsOfFiles) {
  EXPECT_EQ(parse_url("file:./sessions")->path, "./sessions");
  EXPECT_EQ(parse_url("file:/var/lib/x")->path, "/var/lib/x");
  EXPECT_EQ(parse_url("file:///var/lib/x")->path, "/var/lib/x");
  EXPECT_EQ(parse_url("file:a%20b%3Fc%23d@e?durability=disk")->path, "a b?c#d@e");
  EXPECT_EQ(parse_url("redis+unix:///run/redis.sock?db=2")->path, "/run/redis.sock");
}

TEST(StoreUrl, AnEmptyPasswordIsAPassword) {
  EXPECT_TRUE(parse_url("redis://user:@host")->has_password);
  EXPECT_FALSE(parse_url("redis://user@host")->has_password);
}

TEST(StoreUrl, Refusals) {
  for (const auto* text : {"",
                           "sessions",
                           "./sessions",
                           ":x",
                           "1a:x",
                           "redis://host:0",
                           "redis://host:65536",
                           "redis://host:6379x",
                           "redis://host:",
                           "redis://:6379",
                           "redis://a b",
                           "redis://a@b@c",
                           "redis://user@",
                           "redis://[::1",
                           "redis://[]",
                           "redis://[::1]x",
                           "redis://[zz]",
                           "file:a%",
                           "file:a%2",
                           "file:a%zz",
                           "file:a%00b",
                           "file:a#b",
                           "file:a\nb",
                           "file:a?x",
                           "file:a?=1",
                           "file:a?x=1&x=2",
                           "file:a?x=1&",
                           "redis://h,",
                           "redis://,h",
                           "redis://h,,i",
                           "redis://h,:6379",
                           "redis://h,i:0",
                           "redis://h,[::1",
                           "redis://u@h,v@i",
                           "redis://:p/w@host",
                           "redis://:p?w=1@host"}) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, errc::invalid_url) << text;
  }
  EXPECT_FALSE(parse_url("file:" + std::string(70'000, 'a')));
  EXPECT_TRUE(parse_url("file:" + std::string(60'000, 'a')));
  EXPECT_FALSE(parse_url(std::string_view("file:a\0b", 8)));
}

TEST(StoreUrl, AnUnknownParameterIsNamed) {
  for (const auto* text : {"memory:?durability=disk", "file:/tmp/x?max_bytes=5", "file:/tmp/x?Map_size=1048576"}) {
    const auto opened = open_store(text);
    ASSERT_FALSE(opened) << text;
    EXPECT_EQ(opened.error().code, errc::invalid_url);
  }
  const auto opened = open_store("memory:?colour=red");
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("colour"), std::string::npos) << opened.error().message;
}

TEST(StoreUrl, NumbersAreWholeAndInRange) {
  for (const auto* value : {"", "x", "12x", "-1", "+5", " 5", "1.5", "0x10", "1", "99999999999999999999999"}) {
    const auto opened = open_store(std::string("memory:numbers?max_bytes=") + value);
    ASSERT_FALSE(opened) << value;
    EXPECT_EQ(opened.error().code, errc::invalid_url) << value;
  }
  for (const auto* text : {"file:/tmp/none?map_size=1", "file:/tmp/none?durability=always"})
    EXPECT_FALSE(open_store(text));
}

TEST(StoreUrl, SchemesAreKnownOrRefused) {
  for (const auto* text : {"mysql://h", "http://h", "leveldb:x", "user:secret@host"}) {
    const auto opened = open_store(text);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, errc::invalid_url);
    EXPECT_FALSE(needs_driver(text));
  }
  EXPECT_TRUE(*needs_driver("redis://h"));
  EXPECT_TRUE(*needs_driver("redis+unix:///s"));
  EXPECT_FALSE(*needs_driver("memory:"));
  EXPECT_FALSE(*needs_driver("file:./x"));
}

TEST(StoreUrl, ARemoteStoreNeedsALoop) {
  const auto opened = open_store("redis://localhost");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, errc::invalid_option);
}

TEST(StoreUrl, NoRefusalShowsThePassword) {
  const std::string secret = "hunter2";
  for (const std::string& text :
       {"redis://u:" + secret + "@h@i", "redis://u:" + secret + "/@h", "redis://u:" + secret + "?@h",
        "redis://u:" + secret, "redis://u:" + secret + "?" + secret + "=1@h", "redis://u:" + secret + "@h:99999",
        "redis://u:" + secret + "@h?colour=1", "redis://u:%zz" + secret + "@h", secret + ":x@host",
        "u:" + secret + "@h", "redis://u:a%00" + secret + "@h", "file://u:" + secret + "@h/x",
        "memory://u:" + secret + "@h"}) {
    const auto opened = open_store(text);
    ASSERT_FALSE(opened) << text;
    EXPECT_EQ(opened.error().message.find(secret), std::string::npos) << opened.error().message;
  }
}

TEST(StoreUrl, FileAndMemoryTakeNoHost) {
  EXPECT_FALSE(open_store("file://host/x"));
  EXPECT_FALSE(open_store("file:"));
  EXPECT_FALSE(open_store("memory://x"));
  EXPECT_FALSE(open_store("memory:a/b"));
}

}  // namespace
}  // namespace coatcheck
