// What answers at the port of a rediss: URL and is no Redis behind TLS: it stalls, hangs up or says something else.
// Each operation ends by its deadline, as unknown, with a sentence that holds nothing of what was sent.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "support/certificates.hpp"
#include "support/redis_client.hpp"
#include "support/scripted_server.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::certificates;
using coatcheck_test::redis_client;
using coatcheck_test::scripted_server;
using coatcheck_test::silence;

constexpr duration_ms timeout = 300;
constexpr duration_ms slack = 20'000;  // of a busy machine: what is held to is that nothing waits for ever

error said_by(scripted_server& server) {
  redis_client client("rediss://127.0.0.1:" + std::to_string(server.port()) + "?timeout=" + std::to_string(timeout));
  const steady_ms since = steady_now();
  const auto got = client.get("key");
  EXPECT_LE(steady_now() - since, timeout + slack);
  EXPECT_EQ(got.status, get_status::unknown);
  EXPECT_EQ(got.why.message.find("SECRET"), std::string::npos);
  return got.why;
}

TEST(TlsHostile, StallsAtTheFirstWord) {
  scripted_server server([](const std::string&) { return silence; });
  const error why = said_by(server);
  EXPECT_EQ(why.code, errc::store_timeout);
  EXPECT_NE(why.message.find("no word of TLS came from it"), std::string::npos) << why.message;
}

// A ServerHello of TLS 1.2 (RFC 5246, section 7.4.1.3; with RFC 5746's extension), and no more.
TEST(TlsHostile, StallsInTheMiddleOfTheHandshake) {
  const std::string random(32, 'r');
  const std::string body =
      std::string("\x03\x03") + random + std::string("\x00\xc0\x2b\x00\x00\x05\xff\x01\x00\x01\x00", 11);
  const std::string hello = std::string("\x16\x03\x03\x00", 4) + static_cast<char>(body.size() + 4) +
                            std::string("\x02\x00\x00", 3) + static_cast<char>(body.size()) + body;
  scripted_server server([hello](const std::string&) { return hello; });
  const error why = said_by(server);
  EXPECT_EQ(why.code, errc::store_timeout);
  EXPECT_NE(why.message.find("it stopped in the middle of the TLS handshake"), std::string::npos) << why.message;
}

TEST(TlsHostile, HangsUpAtTheFirstWord) {
  scripted_server server([](const std::string&) { return std::string(); });
  const error why = said_by(server);
  EXPECT_EQ(why.code, errc::store_unavailable);
  EXPECT_NE(why.message.find("closed the connection at the first word of TLS"), std::string::npos) << why.message;
}

TEST(TlsHostile, SaysSomethingElse) {
  const std::vector<std::string> words = {"-ERR unknown command, SECRET\r\n", "HTTP/1.1 400 Bad Request\r\n\r\nSECRET",
                                          "SSH-2.0-SECRET\r\n", std::string(100'000, 'S'),
                                          std::string("\x16\x03\x03\xff\xff", 5) + std::string(70'000, 'S')};
  for (const std::string& word : words) {
    scripted_server server([word](const std::string&) { return word; });
    const error why = said_by(server);
    EXPECT_EQ(why.code, errc::store_unavailable);
    EXPECT_NE(why.message.find("is not TLS"), std::string::npos) << why.message << " for " << word.substr(0, 20);
  }
}

// A server that refuses is asked again with growing pauses, and not in a circle.
TEST(TlsHostile, ARefusalIsNotAskedAgainAtOnce) {
  scripted_server server([](const std::string&) { return std::string("no TLS here\r\n"); });
  redis_client client("rediss://127.0.0.1:" + std::to_string(server.port()) + "?timeout=2000");
  const steady_ms end = steady_now() + 500;
  int calls = 0;
  while (steady_now() < end) {
    EXPECT_EQ(client.get("key").status, get_status::unknown);
    ++calls;
  }
  EXPECT_LT(server.connections, 30) << calls << " calls";
}

}  // namespace
}  // namespace coatcheck
