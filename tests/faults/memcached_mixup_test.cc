// No reply ever reaches another caller: not when operations are abandoned on the wire, not across fork. Every value
// carries its own key, so that a wrong one shows.
#include <gtest/gtest.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include "net/memcached/link.hpp"
#include "support/memcached_server.hpp"
#include "support/redis_client.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::memcached_server;
using store_client = coatcheck_test::redis_client;  // it opens any store

class MemcachedMixUp : public testing::Test {
 protected:
  void SetUp() override {
    if (memcached_server::program().empty()) GTEST_SKIP() << "memcached is not installed";
    server_ = std::make_unique<memcached_server>();
  }
  std::unique_ptr<memcached_server> server_;
};

constexpr long keys = 997;
std::string key_of(long number) { return "key-" + std::to_string(number % keys); }
// Sizes from nothing to some KiB, so that replies are cut in every place.
std::string value_of(long number) {
  return key_of(number) + ":" + std::string(static_cast<std::size_t>((number % keys) * 7), 'v');
}

// Reads of many keys through one link, `width` at a time; some are given up while they are on the wire.
class meta_reads {
 public:
  meta_reads(net::memcached_link& link, event_loop& loop, long total) : link_(link), loop_(loop), left_(total) {}
  void run(int width) {
    for (int i = 0; i < width; ++i) start();
    while (under_way_ > 0) loop_.run_once();
  }
  long right = 0;
  long abandoned = 0;
  long wrong = 0;

 private:
  void start() {
    if (left_ == 0) return;
    const long number = --left_;
    ++under_way_;
    // Due at once: it is sent in this turn, and given up before its reply can be there.
    const steady_ms deadline = number % 20 == 0 ? steady_now() : link_.new_deadline();
    link_.submit(
        [this, number](const net::meta_answer& given) {
          --under_way_;
          if (!given && given.code == errc::store_timeout) {
            ++abandoned;
          } else if (given && given.value->value == value_of(number)) {
            ++right;
          } else {
            ++wrong;
          }
          start();
        },
        deadline, "mg " + key_of(number) + " v", {}, net::on_loss::fail);
  }
  net::memcached_link& link_;
  event_loop& loop_;
  long left_;
  int under_way_ = 0;
};

TEST_F(MemcachedMixUp, AHundredThousandReadsWithOneInTwentyAbandoned) {
  constexpr long total = 100'000;
  event_loop loop;
  const net::endpoint to{"127.0.0.1", static_cast<std::uint16_t>(server_->port()), {}};
  const auto link = net::memcached_link::create([to] { return to; }, {}, {.timeout = 20'000, .queue = 16'384}, loop);
  for (long i = 0; i < keys; ++i) {
    const auto value = value_of(i);
    server_->ask("ms " + key_of(i) + " " + std::to_string(value.size()) + "\r\n" + value + "\r\n", "HD");
  }
  meta_reads reads(*link, loop, total);
  reads.run(256);
  EXPECT_EQ(reads.wrong, 0);
  EXPECT_EQ(reads.right + reads.abandoned, total);
  EXPECT_GE(reads.right, total / 20 * 18);
  EXPECT_GE(reads.abandoned, total / 40) << "the test abandons too few to show anything";
  link->close();
}

// Everything that a process does with its copy of the store: 200 reads, each of which must be its own.
int wrong_reads_of(store_client& client, int from) {
  int wrong = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string key = "key-" + std::to_string((from + i) % 50);
    const get_result got = client.get(key);
    wrong += got.status == get_status::found && got.value.bytes == key ? 0 : 1;
  }
  return wrong;
}

TEST_F(MemcachedMixUp, AChildAndItsParentDoNotShareAConnection) {
  store_client client(server_->url() + "?timeout=10000");
  for (int i = 0; i < 50; ++i) {
    const std::string key = "key-" + std::to_string(i);
    ASSERT_EQ(client.put(key, key).status, put_status::stored);
  }
  const auto version = client.get("key-3").value.tag;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const int wrong = wrong_reads_of(client, 13);
    const bool stored = client.put("key-3", "key-3", expectation::version(version)).status == put_status::stored;
    client.sessions->close();
    ::_exit(wrong != 0 ? 1 : stored ? 0 : 2);
  }
  EXPECT_EQ(wrong_reads_of(client, 31), 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "1: a wrong read in the child; 2: its write was not stored";
  EXPECT_EQ(wrong_reads_of(client, 5), 0);
  EXPECT_EQ(client.put("key-3", "late", expectation::version(version)).status, put_status::conflict);
}

}  // namespace
}  // namespace coatcheck
