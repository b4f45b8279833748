// A peer that is no Memcached, an old one, or one that is out of step: refused without giving anything to anybody. Real
// servers do not do these things, so a scripted one does.
#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "support/redis_client.hpp"
#include "support/scripted_server.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::scripted_server;
using coatcheck_test::silence;
using store_client = coatcheck_test::redis_client;  // it opens any store

std::string url_of(const scripted_server& server, const std::string& parameters = "?timeout=2000") {
  return "memcached://127.0.0.1:" + std::to_string(server.port()) + parameters;
}

const std::string welcome = "MN\r\nEND\r\n";
bool is_greeting(const std::string& message) { return message.starts_with("mn\r\n"); }

// The opaques of a message's commands, in order.
std::vector<std::string> opaques_of(const std::string& message) {
  std::vector<std::string> found;
  for (auto at = message.find(" O"); at != std::string::npos; at = message.find(" O", at + 1)) {
    found.push_back(message.substr(at + 1, message.find("\r\n", at) - at - 1));
  }
  return found;
}

// With the last command's opaque for each "{O}".
std::string filled(std::string answer, const std::string& message) {
  const auto opaques = opaques_of(message);
  for (auto at = answer.find("{O}"); at != std::string::npos; at = answer.find("{O}")) {
    answer.replace(at, 3, opaques.empty() ? std::string() : opaques.back());
  }
  return answer;
}

std::function<std::string(const std::string&)> answers(const std::string& answer) {
  return [answer](const std::string& message) { return is_greeting(message) ? welcome : filled(answer, message); };
}

TEST(MemcachedHostile, WhatDoesNotFitTheCommandIsNeverAbsentAndDropsTheConnection) {
  for (const std::string wrong :
       {"HD {O}\r\n", "NF {O}\r\n", "NS {O}\r\n", "EX {O}\r\n", "MN\r\n", "OK\r\n", "END\r\n", "STAT a b\r\nEND\r\n",
        "VA 5 {O}\r\nhello\r\n", "VA 5 c0 {O}\r\nhello\r\n",
        // another operation's, or nobody's
        "EN\r\n", "EN O7fffffff\r\n", "VA 5 c1\r\nhello\r\n", "VA 5 c1 O7fffffff\r\nhello\r\n"}) {
    scripted_server server(answers(wrong));
    store_client client(url_of(server));
    for (int i = 0; i < 2; ++i) {
      const auto got = client.get("key");
      EXPECT_EQ(got.status, get_status::unknown) << wrong;
      EXPECT_EQ(got.why.code, errc::store_protocol) << wrong;
    }
    EXPECT_GE(server.connections, 2) << wrong;
  }
}

TEST(MemcachedHostile, BytesThatAreNotMemcachedAreAProtocolError) {
  for (const std::string& wrong :
       std::vector<std::string>{"HTTP/1.1 400 Bad Request\r\n\r\n", "+OK\r\n", "VALUE key 0 5\r\nhello\r\nEND\r\n",
                                "EN {O}\n", "EN  {O}\r\n", "EN {O} \r\n", "EN {O} {O}\r\n", "EN {O} z1\r\n",
                                "EN {O} cx\r\n", "\r\n", "VA\r\n", "VA 5x c1 {O}\r\nhello\r\n", "VA -1 c1 {O}\r\n\r\n",
                                "VA 99999999999999999999999 c1 {O}\r\n", "VA 99999999999 c1 {O}\r\n",
                                "VA 5 c1 {O}\r\nhello!\r\n",      // more than it says
                                "VA 5 c1 {O}\r\nhell\r\nxx\r\n",  // less
                                "STAT a\r\nEN {O}\r\n", std::string(5000, 'A')}) {
    scripted_server server(answers(wrong));
    store_client client(url_of(server));
    const auto got = client.get("key");
    EXPECT_EQ(got.status, get_status::unknown) << wrong;
    EXPECT_EQ(got.why.code, errc::store_protocol) << wrong << ": " << got.why.message;
  }
}

TEST(MemcachedHostile, AnAnswerWithoutAnEndIsLateAndNotKept) {
  for (const std::string wrong : {"EN", "VA 50 c1 {O}\r\nhello", "VA 5 c1 {O}\r\nhello", "STAT a b\r\n"}) {
    scripted_server server(answers(wrong));
    store_client client(url_of(server, "?timeout=100"));
    const steady_ms since = steady_now();
    const auto got = client.get("key");
    EXPECT_EQ(got.status, get_status::unknown) << wrong;
    EXPECT_EQ(got.why.code, errc::store_timeout) << wrong;
    EXPECT_LE(steady_now() - since, 20'000);
  }
}

TEST(MemcachedHostile, ALineWithoutAnEndIsNotRememberedForEver) {
  scripted_server server([](const std::string& message) {
    return is_greeting(message) ? welcome : "STAT " + std::string(1000, 'x') + "\r\nSTAT y";
  });
  store_client client(url_of(server, "?timeout=100"));
  EXPECT_EQ(client.get("key").why.code, errc::store_timeout);
}

TEST(MemcachedHostile, AValueWithoutOurHeaderIsDamagedNotAbsent) {
  for (const std::string wrong : {"VA 5 c1 {O}\r\nhello\r\n", "VA 0 c1 {O}\r\n\r\n"}) {
    scripted_server server(answers(wrong));
    store_client client(url_of(server));
    const auto got = client.get("key");
    EXPECT_EQ(got.status, get_status::unknown);
    EXPECT_EQ(got.why.code, errc::record_damaged);
    EXPECT_EQ(client.touch("key", 1000).why.code, errc::record_damaged);
    EXPECT_EQ(server.connections, 1);
  }
}

TEST(MemcachedHostile, EveryErrorIsARefusalAndNeverAbsent) {
  const std::vector<std::pair<std::string, errc>> lines = {
      {"ERROR", errc::store_refused},
      {"ERROR Too many open connections", errc::store_refused},
      {"CLIENT_ERROR text with SESSIONDATA", errc::store_refused},
      {"CLIENT_ERROR unauthenticated", errc::store_refused},
      {"SERVER_ERROR text with SESSIONDATA", errc::store_refused},
      {"SERVER_ERROR out of memory storing object", errc::store_full},
      {"SERVER_ERROR object too large for cache", errc::payload_too_large},
  };
  for (const auto& [line, code] : lines) {
    scripted_server server(answers(line + "\r\n"));
    store_client client(url_of(server));
    const auto got = client.get("key");
    EXPECT_EQ(got.status, get_status::unknown) << line;
    EXPECT_EQ(got.why.code, code) << line;
    EXPECT_EQ(got.why.message.find("SESSIONDATA"), std::string::npos);
    const auto put = client.put("key", "value", expectation::nothing());
    EXPECT_EQ(put.status, put_status::unknown) << line;
    EXPECT_EQ(put.why.code, code) << line;
    EXPECT_EQ(client.touch("key", 1000).status, touch_status::unknown) << line;
    EXPECT_EQ(server.connections, 1) << "a refusal is an answer: the connection stays";
  }
}

TEST(MemcachedHostile, AServerWithoutMetaCommandsGetsNoValue) {
  // It would take the bytes of a value for commands.
  std::string heard;
  {
    scripted_server server([&](const std::string& message) {
      heard += message;
      return std::string("ERROR\r\nSTAT item_size_max 1048576\r\nEND\r\n");
    });
    store_client client(url_of(server));
    const auto put = client.put("key", "\r\nflush_all\r\n");
    EXPECT_EQ(put.status, put_status::unknown);
    EXPECT_EQ(put.why.code, errc::store_refused);
    EXPECT_NE(put.why.message.find("1.6"), std::string::npos) << put.why.message;
  }
  EXPECT_EQ(heard.find("flush_all"), std::string::npos);
}

TEST(MemcachedHostile, AServerWithoutCompareAndSetIsRefused) {
  scripted_server server([](const std::string&) { return std::string("MN\r\nSTAT cas_enabled no\r\nEND\r\n"); });
  store_client client(url_of(server));
  const auto got = client.get("key");
  EXPECT_EQ(got.why.code, errc::store_refused);
  EXPECT_NE(got.why.message.find("-C"), std::string::npos);
}

TEST(MemcachedHostile, ASurplusReplyNeverReachesTheNextOperation) {
  // The second answer is what another caller's value would look like, were it taken for one's own.
  scripted_server server(answers("EN {O}\r\nVA 36 c1 {O}\r\n9999999999999 0123456789abcdef other\r\n"));
  store_client client(url_of(server));
  for (int i = 0; i < 5; ++i) EXPECT_NE(client.get("key").status, get_status::found);
  EXPECT_GT(server.connections, 1) << "a connection with a surplus reply must not be used again";
}

TEST(MemcachedHostile, AnswersInAnotherOrderReachNobody) {
  scripted_server server([](const std::string& message) {
    if (is_greeting(message)) return welcome;
    const auto opaques = opaques_of(message);
    if (opaques.size() < 2) return silence;
    std::string out;
    for (auto one = opaques.rbegin(); one != opaques.rend(); ++one) {
      out += "VA 36 c1 " + *one + "\r\n9999999999999 0123456789abcdef other\r\n";
    }
    return out;
  });
  store_client client(url_of(server, "?timeout=300"));
  struct {
    int ended = 0;
    bool both = false;
    int found = 0;
  } seen;
  for (const auto* key : {"one", "two"}) {
    client.sessions->get(key, completion<get_result>(
                                  [](void* context, get_result&& got) {
                                    auto& into = *static_cast<decltype(seen)*>(context);
                                    into.found += got.status == get_status::found ? 1 : 0;
                                    into.both = ++into.ended == 2;
                                  },
                                  &seen));
  }
  EXPECT_TRUE(client.loop.run_until(seen.both));
  EXPECT_EQ(seen.found, 0);
}

TEST(MemcachedHostile, APeerThatClosesInTheMiddleOfAnAnswer) {
  int messages = 0;
  scripted_server server([&](const std::string& message) {
    if (is_greeting(message)) return welcome;
    return ++messages % 2 == 1 ? filled("VA 100 c1 {O}\r\nhalf", message) : std::string();
  });
  store_client client(url_of(server, "?timeout=200"));
  for (int i = 0; i < 2; ++i) {
    const auto got = client.get("key");
    EXPECT_EQ(got.status, get_status::unknown);
    EXPECT_EQ(got.why.code, errc::store_timeout);
  }
}

TEST(MemcachedHostile, APeerThatAcceptsAndSaysNothing) {
  scripted_server server([](const std::string&) { return silence; });
  store_client client(url_of(server, "?timeout=100"));
  const steady_ms since = steady_now();
  EXPECT_EQ(client.get("key").status, get_status::unknown);
  EXPECT_LE(steady_now() - since, 20'000);
}

}  // namespace
}  // namespace coatcheck
