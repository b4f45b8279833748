// A peer that is no Redis, or one that is out of step: refused without giving anything to anybody. Real servers do not
// do these things, so a scripted one does.
#include <gtest/gtest.h>
#include <string>

#include "support/redis_client.hpp"
#include "support/scripted_server.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::redis_client;
using coatcheck_test::scripted_server;
using coatcheck_test::silence;

bool is_handshake(const std::string& message) { return message.find("SETNAME") != std::string::npos; }

get_result get_from(const std::string& answer) {
  scripted_server server([&](const std::string& message) { return is_handshake(message) ? "+OK\r\n" : answer; });
  redis_client client(server.url());
  return client.get("key");
}

TEST(RedisHostile, AReplyThatDoesNotFitItsCommandIsNeverAbsentAndDropsTheConnection) {
  for (const std::string wrong : {":1\r\n", "*0\r\n", "+OK\r\n", "*1\r\n$1\r\na\r\n"}) {
    const get_result got = get_from(wrong);
    EXPECT_EQ(got.status, get_status::unknown) << wrong;
    EXPECT_EQ(got.why.code, errc::store_protocol) << wrong;
  }
}

TEST(RedisHostile, BytesThatAreNotRedisAreAProtocolError) {
  for (const std::string wrong :
       {"HTTP/1.1 400 Bad Request\r\n\r\n", ">1\r\n+x\r\n", "$-2\r\n", "*4294967297\r\n", "*-1\r\n", "_\r\n"}) {
    const get_result got = get_from(wrong);
    EXPECT_EQ(got.status, get_status::unknown) << wrong;
    EXPECT_EQ(got.why.code, errc::store_protocol) << wrong;
  }
}

TEST(RedisHostile, AValueWithoutOurHeaderIsDamagedNotAbsent) {
  for (const std::string wrong : {"$5\r\nhello\r\n", "$0\r\n\r\n"}) {
    const get_result got = get_from(wrong);
    EXPECT_EQ(got.status, get_status::unknown) << wrong;
    EXPECT_EQ(got.why.code, errc::record_damaged) << wrong;
  }
}

TEST(RedisHostile, EveryErrorReplyIsARefusalAndNeverAbsent) {
  for (const std::string word : {"LOADING", "READONLY", "OOM", "MISCONF", "NOAUTH", "WRONGPASS", "NOPERM", "BUSY",
                                 "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN", "NOREPLICAS", "ERR", "MOVED", "ODD"}) {
    scripted_server server([&](const std::string& message) {
      return is_handshake(message) ? std::string("+OK\r\n") : "-" + word + " text with SESSIONDATA\r\n";
    });
    redis_client client(server.url());
    const auto got = client.get("key");
    EXPECT_EQ(got.status, get_status::unknown) << word;
    EXPECT_EQ(got.why.code, errc::store_refused) << word;
    EXPECT_EQ(got.why.message.find("SESSIONDATA"), std::string::npos);
    const auto put = client.put("key", "value", expectation::nothing());
    EXPECT_EQ(put.status, put_status::unknown) << word;
    EXPECT_EQ(put.why.code, errc::store_refused) << word;
    const auto removed = client.remove("key");
    EXPECT_EQ(removed.status, remove_status::unknown) << word;
    EXPECT_FALSE(client.owned_by("owner").known) << word;
    EXPECT_EQ(server.connections, 1) << "a refusal is an answer: the connection stays";
  }
}

TEST(RedisHostile, ASurplusReplyNeverReachesTheNextOperation) {
  // The second answer is what another caller's value would look like, were it taken for one's own.
  const std::string value = "$36\r\n9999999999999 0123456789abcdef other\r\n";
  scripted_server server(
      [&](const std::string& message) { return is_handshake(message) ? std::string("+OK\r\n") : "$-1\r\n" + value; });
  redis_client client(server.url());
  for (int i = 0; i < 5; ++i) EXPECT_NE(client.get("key").status, get_status::found);
  EXPECT_GT(server.connections, 1) << "a connection with a surplus reply must not be used again";
}

TEST(RedisHostile, APeerThatClosesInTheMiddleOfAReply) {
  int messages = 0;
  scripted_server server([&](const std::string& message) {
    if (is_handshake(message)) return std::string("+OK\r\n");
    return ++messages % 2 == 1 ? std::string("$100\r\nhalf") : std::string();
  });
  redis_client client(server.url("?timeout=500"));
  const auto got = client.get("key");
  EXPECT_EQ(got.status, get_status::unknown);
  EXPECT_EQ(got.why.code, errc::store_timeout);
  // The connection closes now; the read is asked again on another one, which sends half an answer, too.
  const auto next = client.get("key");
  EXPECT_EQ(next.status, get_status::unknown);
  EXPECT_TRUE(next.why.code == errc::store_timeout || next.why.code == errc::store_unavailable) << next.why.message;
}

TEST(RedisHostile, APeerThatAcceptsAndClosesIsNotAskedInAHotLoop) {
  scripted_server server([](const std::string&) { return std::string(); });
  redis_client client(server.url("?timeout=400"));
  const auto got = client.get("key");
  EXPECT_EQ(got.status, get_status::unknown);
  EXPECT_EQ(got.why.code, errc::store_unavailable) << got.why.message;
  EXPECT_LE(server.connections, 12);
}

TEST(RedisHostile, APeerThatAcceptsAndSaysNothing) {
  scripted_server server([](const std::string&) { return silence; });
  redis_client client(server.url("?timeout=100"));
  const steady_ms since = steady_now();
  EXPECT_EQ(client.get("key").status, get_status::unknown);
  EXPECT_LE(steady_now() - since, 20'000);
}

}  // namespace
}  // namespace coatcheck
