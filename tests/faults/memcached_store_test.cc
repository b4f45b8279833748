// What the Memcached store does beyond the contract: its layout, its limits, its URL.
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "support/memcached_server.hpp"
#include "support/redis_client.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::memcached_server;
using store_client = coatcheck_test::redis_client;  // it opens any store

const std::string patient = "?timeout=10000";

class MemcachedStore : public testing::Test {
 protected:
  void SetUp() override {
    if (memcached_server::program().empty()) GTEST_SKIP() << "memcached is not installed";
    server_ = std::make_unique<memcached_server>();
  }
  // Seconds that the server gives an item; -1: for ever.
  long seconds_left(const std::string& name) const {
    const std::string got = server_->ask("mg " + name + " t\r\n", "");
    return got.starts_with("HD t") ? std::stol(got.substr(4)) : -2;
  }
  std::unique_ptr<memcached_server> server_;
};

TEST_F(MemcachedStore, AValueIsReadableUnderItsPrefix) {
  store_client client(server_->url() + patient + "&prefix=app:");
  const auto put = client.put("abc", R"({"cart":1})");
  ASSERT_EQ(put.status, put_status::stored);
  const std::string text = server_->ask("mg app:abc v\r\n", "");
  EXPECT_TRUE(text.starts_with("VA 41\r\n")) << text;
  EXPECT_EQ(text.substr(7 + 14, 16), put.tag.view());
  EXPECT_EQ(text.substr(7 + 31, 10), R"({"cart":1})");
}

TEST_F(MemcachedStore, TheServerForgetsAnItemAfterItsTimeAndNotBefore) {
  store_client client(server_->url() + patient);
  for (const duration_ms life : {500LL, 60'000LL, 2'591'000'000LL, 2'592'000'000LL, 8'000'000'000LL}) {
    ASSERT_EQ(client.put("abc", "x", expectation::anything(), {}, life).status, put_status::stored);
    const long left = seconds_left("cc:abc");
    EXPECT_GE(left * 1000, life - 1000) << life;
    EXPECT_LE(left * 1000, life + 3000) << life;
    ASSERT_EQ(client.touch("abc", life + 100'000).status, touch_status::touched);
    EXPECT_GE(seconds_left("cc:abc") * 1000, life + 99'000) << life;
    EXPECT_EQ(client.get("abc").value.bytes, "x");
  }
  // Past the last date that Memcached knows (2038): for ever, and the deadline in the header counts.
  ASSERT_EQ(client.put("abc", "x", expectation::anything(), {}, 1'000'000'000'000).status, put_status::stored);
  EXPECT_EQ(seconds_left("cc:abc"), -1);
  EXPECT_EQ(client.get("abc").status, get_status::found);
}

TEST_F(MemcachedStore, AnotherOnesTouchIsNoConflictThoughTheServersNumberChanges) {
  store_client mine(server_->url() + patient);
  store_client other(server_->url() + patient);
  const auto put = mine.put("abc", "one");
  for (int i = 0; i < 3; ++i) ASSERT_EQ(other.touch("abc", 100'000 + i).status, touch_status::touched);
  EXPECT_EQ(mine.put("abc", "two", expectation::version(put.tag)).status, put_status::stored);
}

TEST_F(MemcachedStore, TwoHundredTouchesAtOnceAllEnd) {
  store_client client(server_->url() + "?timeout=2000");
  const auto put = client.put("abc", "one");
  struct {
    int left = 200;
    bool done = false;
    int touched = 0;
  } all;
  const auto until = system_clock().now() + 100'000;
  for (int i = 0; i < 200; ++i) {
    client.sessions->touch("abc", until + i,
                           completion<touch_result>(
                               [](void* context, touch_result&& got) {
                                 auto& into = *static_cast<decltype(all)*>(context);
                                 into.touched += got.status == touch_status::touched ? 1 : 0;
                                 into.done = --into.left == 0;
                               },
                               &all));
  }
  EXPECT_TRUE(client.loop.run_until(all.done));
  EXPECT_EQ(all.touched, 200);
  const auto got = client.get("abc");
  EXPECT_EQ(got.value.tag, put.tag);
  EXPECT_GE(got.value.expires_at, until);
}

// memcached drops the item that is there when one that is too large is to replace it.
TEST_F(MemcachedStore, AValueOverTheServersLimitIsRefusedAndTheOldOneStays) {
  store_client client(server_->url() + patient);
  const auto first = client.put("abc", "old");
  for (const auto& expect : {expectation::anything(), expectation::version(first.tag)}) {
    const auto put = client.put("abc", std::string(1'100'000, 'x'), expect);
    EXPECT_EQ(put.status, put_status::unknown);
    EXPECT_EQ(put.why.code, errc::payload_too_large);
    EXPECT_NE(put.why.message.find("-I"), std::string::npos) << put.why.message;
    EXPECT_EQ(client.get("abc").value.bytes, "old");
  }
  EXPECT_EQ(client.put("abc", std::string(1'048'000, 'x'), expectation::version(first.tag)).status, put_status::stored);
  EXPECT_EQ(client.get("abc").value.bytes.size(), 1'048'000U);
  // The limit is the server's own, known before the first value leaves.
  const memcached_server small({"-I", "512k"});
  store_client tight(small.url() + patient);
  EXPECT_EQ(tight.put("abc", std::string(600'000, 'x')).why.code, errc::payload_too_large);
  EXPECT_EQ(tight.put("abc", std::string(400'000, 'x')).status, put_status::stored);
}

TEST_F(MemcachedStore, AFullServerThatMayNotEvictSaysSo) {
  const memcached_server full({"-M", "-m", "4"});
  store_client client(full.url() + patient);
  put_result put;
  for (int i = 0; i < 4000; ++i) {
    put = client.put("key-" + std::to_string(i), std::string(10'000, 'x'));
    if (put.status != put_status::stored) break;
  }
  EXPECT_EQ(put.status, put_status::unknown);
  EXPECT_EQ(put.why.code, errc::store_full) << put.why.message;
  EXPECT_EQ(client.get("key-0").status, get_status::found);
}

TEST_F(MemcachedStore, ClearSaysWhyItCanNot) {
  store_client client(server_->url() + patient);
  const auto cleared = client.loop.wait<count_result>([&](auto done) { client.sessions->clear(done); });
  EXPECT_FALSE(cleared.known);
  EXPECT_EQ(cleared.why.code, errc::store_unsupported);
  EXPECT_NE(cleared.why.message.find("flush_all"), std::string::npos);
}

TEST_F(MemcachedStore, StatisticsAreOfAllNodes) {
  const memcached_server second;
  store_client client(server_->url() + "," + second.host() + patient);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(client.put("key-" + std::to_string(i), "value").status, put_status::stored);
  const auto got = client.loop.wait<stats_result>([&](auto done) { client.sessions->stats(done); });
  ASSERT_TRUE(got.known) << got.why.message;
  EXPECT_EQ(got.stats.entries, 100U);
  EXPECT_EQ(got.stats.max_bytes, std::uint64_t{128} << 20);
}

TEST(MemcachedUrl, Refusals) {
  event_loop loop;
  for (const std::string url :
       {"memcached:", "memcached://", "memcached://h/1", "memcached://user@h", "memcached://h,h",
        "memcached://h,h:11211", "memcached://h?weights=0", "memcached://h?weights=1,1", "memcached://h,i?weights=1",
        "memcached://h,i?weights=1,x", "memcached://h?failover=maybe", "memcached://h?prefix=a%20b",
        "memcached://h?timeout=0", "memcached://h?db=1"}) {
    const auto opened = open_store(url, {nullptr, &loop});
    ASSERT_FALSE(opened) << url;
    EXPECT_EQ(opened.error().code, errc::invalid_url) << url;
    EXPECT_EQ(opened.error().message.find("secret"), std::string::npos);
  }
  for (const std::string url : {"memcached://h", "memcached://h,i:1,[::1]?weights=1,2,3&failover=move&prefix="}) {
    const auto opened = open_store(url, {nullptr, &loop});
    ASSERT_TRUE(opened) << opened.error().message;
    (*opened)->close();
  }
  EXPECT_TRUE(*needs_driver("memcached://h"));
  EXPECT_EQ(open_store("memcached://h").error().code, errc::invalid_option);
}

}  // namespace
}  // namespace coatcheck
