// Memcached over TLS (-Z) and with a login (-Y), by a real memcached.
#include <fstream>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <sys/stat.h>

#include "support/certificates.hpp"
#include "support/memcached_server.hpp"
#include "support/redis_client.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::certificates;
using coatcheck_test::memcached_server;
using store_client = coatcheck_test::redis_client;  // it opens any store

const std::string patient_url = "?timeout=10000";

class MemcachedSecure : public testing::Test {
 protected:
  void SetUp() override {
    if (memcached_server::program().empty()) GTEST_SKIP() << "memcached is not installed";
    ::chmod(papers_.directory().c_str(), 0755);  // memcached may have become another user when it reads
  }
  static std::string url(const std::string& scheme, const memcached_server& server, const std::string& login = {}) {
    return scheme + "://" + login + server.host() + patient_url;
  }
  std::unique_ptr<memcached_server> serve_tls() {
    const auto own = papers_.issue("server", {});
    ::chmod(own.key.c_str(), 0644);
    return std::make_unique<memcached_server>(
        std::vector<std::string>{"-Z", "-o", "ssl_chain_cert=" + own.cert + ",ssl_key=" + own.key});
  }
  std::unique_ptr<memcached_server> serve_login() {
    const std::string file = papers_.directory() + "/logins";
    std::ofstream(file) << "ann:a-word:of@ours\n";
    ::chmod(file.c_str(), 0644);
    return std::make_unique<memcached_server>(std::vector<std::string>{"-Y", file});
  }
  static error refusal(const std::string& url) {
    store_client client(url);
    const auto got = client.get("key");
    EXPECT_EQ(got.status, get_status::unknown);
    return got.why;
  }
  certificates papers_;
};

TEST_F(MemcachedSecure, WritesAndReadsOverTls) {
  const auto server = serve_tls();
  store_client client(url("memcacheds", *server) + "&ca=" + papers_.authority());
  const auto put = client.put("abc", std::string(100'000, 'x'));
  ASSERT_EQ(put.status, put_status::stored) << put.why.message;
  EXPECT_EQ(client.get("abc").value.bytes.size(), 100'000U);
  EXPECT_EQ(client.put("abc", "two", expectation::version(put.tag)).status, put_status::stored);
  server->restart();
  EXPECT_EQ(client.get("abc").status, get_status::absent) << "a new connection, and nothing there";
}

TEST_F(MemcachedSecure, AServerOfAnotherAuthorityIsNotBelieved) {
  const auto server = serve_tls();
  const auto why = refusal(url("memcacheds", *server));
  EXPECT_EQ(why.code, errc::store_unavailable);
  EXPECT_NE(why.message.find("certificate"), std::string::npos) << why.message;
  EXPECT_EQ(refusal(url("memcacheds", *server) + "&server_name=other.example&ca=" + papers_.authority()).code,
            errc::store_unavailable);
}

TEST_F(MemcachedSecure, LogsInWithUserAndPassword) {
  const auto server = serve_login();
  store_client client(url("memcached", *server, "ann:a-word%3Aof%40ours@"));
  ASSERT_EQ(client.put("abc", "one").status, put_status::stored);
  EXPECT_EQ(client.get("abc").value.bytes, "one");
  server->restart();
  // A read goes out again where the old connection took it along; a write that did so would be unknown.
  EXPECT_EQ(client.get("abc").status, get_status::absent) << "it logs in again";
  EXPECT_EQ(client.put("abc", "two").status, put_status::stored);
}

TEST_F(MemcachedSecure, SaysWhatIsWrongWithALogin) {
  const auto server = serve_login();
  const auto wrong = refusal(url("memcached", *server, "ann:another@"));
  EXPECT_EQ(wrong.code, errc::store_refused);
  EXPECT_NE(wrong.message.find("refused the login"), std::string::npos) << wrong.message;
  EXPECT_EQ(wrong.message.find("another"), std::string::npos);
  const auto none = refusal(url("memcached", *server));
  EXPECT_EQ(none.code, errc::store_refused);
  EXPECT_NE(none.message.find("wants a login"), std::string::npos) << none.message;
}

TEST_F(MemcachedSecure, AServerThatAsksForNoLoginKeepsNothingOfIt) {
  memcached_server server;
  store_client client(url("memcached", server, "ann:secret@"));
  ASSERT_EQ(client.put("abc", "one").status, put_status::stored);
  EXPECT_EQ(server.ask("mg coatcheck-login v\r\n", ""), "EN\r\n");
}

TEST_F(MemcachedSecure, ALoginThatCannotBeSentIsRefusedInTheUrl) {
  event_loop loop;
  for (const std::string login : {"ann@", ":secret@", "an%20n:secret@", "ann:@", "ann:a%20b@"}) {
    auto opened = open_store("memcached://" + login + "127.0.0.1", {nullptr, &loop});
    ASSERT_FALSE(opened) << login;
    EXPECT_EQ(opened.error().code, errc::invalid_url);
    EXPECT_EQ(opened.error().message.find("secret"), std::string::npos);
  }
  EXPECT_FALSE(open_store("memcached://127.0.0.1?ca=/x", {nullptr, &loop})) << "of TLS alone";
}

}  // namespace
}  // namespace coatcheck
