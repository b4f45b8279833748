// No reply ever reaches another caller: not when operations are abandoned on the wire, not across fork. Every value
// carries its own key, so that a wrong one shows.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "net/redis/link.hpp"
#include "net/redis/resp_format.hpp"
#include "support/redis_client.hpp"
#include "support/redis_server.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::redis_client;
using coatcheck_test::redis_server;

class RedisMixUp : public testing::Test {
 protected:
  void SetUp() override {
    if (redis_server::program().empty()) GTEST_SKIP() << "redis-server is not installed";
    server_ = std::make_unique<redis_server>();
  }
  std::unique_ptr<redis_server> server_;
};

// Reads of many keys through one link, `width` at a time; some are given up while they are on the wire.
class reader {
 public:
  reader(net::redis_link& link, event_loop& loop, long total) : link_(link), loop_(loop), left_(total) {}

  void run(int width) {
    for (int i = 0; i < width; ++i) start();
    while (under_way_ > 0) loop_.run_once();
  }

  static std::string key_of(long number) { return "key-" + std::to_string(number % 997); }
  // Sizes from nothing to some KiB, so that replies are cut in every place.
  static std::string value_of(long number) {
    return key_of(number) + ":" + std::string(static_cast<std::size_t>((number % 997) * 7), 'v');
  }

  long right = 0;
  long abandoned = 0;
  long wrong = 0;

 private:
  void start() {
    if (left_ == 0) return;
    const long number = --left_;
    ++under_way_;
    std::string command;
    net::append_command(command, {"GET", key_of(number)});
    // Due at once: it is sent in this turn, and given up before its reply can be there.
    const steady_ms deadline = number % 20 == 0 ? steady_now() : link_.new_deadline();
    link_.submit(
        [this, number](const net::answer& given) {
          --under_way_;
          if (!given && given.code == errc::store_timeout) {
            ++abandoned;
          } else if (given && given.value->root().text() == value_of(number)) {
            ++right;
          } else {
            ++wrong;
          }
          start();
        },
        deadline, command);
  }

  net::redis_link& link_;
  event_loop& loop_;
  long left_;
  int under_way_ = 0;
};

// COATCHECK_MIXUP_OPERATIONS says how many: 1000000 for the run whose figures are in docs/decisions/0085.
TEST_F(RedisMixUp, ReadsWithOneInTwentyAbandoned) {
  const char* const wanted = std::getenv("COATCHECK_MIXUP_OPERATIONS");
  const long total = wanted != nullptr ? std::max(std::strtol(wanted, nullptr, 10), 1000L) : 50'000;
  event_loop loop;
  net::redis_target target;
  target.where = [port = server_->port()] { return net::endpoint{"127.0.0.1", static_cast<std::uint16_t>(port), {}}; };
  const auto link = net::redis_link::create(std::move(target), {.timeout = 20'000, .queue = 16'384}, loop);
  for (long i = 0; i < 997; ++i) server_->command({"SET", reader::key_of(i), reader::value_of(i)});

  reader reads(*link, loop, total);
  reads.run(256);
  std::printf("[ figures  ] %ld reads on one link: %ld right, %ld given up on the wire, %ld wrong\n", total,
              reads.right, reads.abandoned, reads.wrong);
  EXPECT_EQ(reads.wrong, 0);
  EXPECT_EQ(reads.right + reads.abandoned, total);
  EXPECT_GE(reads.right, total / 20 * 18);
  EXPECT_GE(reads.abandoned, total / 40) << "the test abandons too few to show anything";
  link->close();
}

// Everything that a process does with its copy of the store: 200 reads, each of which must be its own.
int wrong_reads(redis_client& client, int from) {
  int wrong = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string key = "key-" + std::to_string((from + i) % 50);
    const get_result got = client.get(key);
    wrong += got.status == get_status::found && got.value.bytes == key ? 0 : 1;
  }
  return wrong;
}

TEST_F(RedisMixUp, AChildAndItsParentDoNotShareAConnection) {
  redis_client client(server_->url() + "?timeout=10000");
  for (int i = 0; i < 50; ++i) {
    const std::string key = "key-" + std::to_string(i);
    ASSERT_EQ(client.put(key, key).status, put_status::stored);
  }
  // One read is on the wire across the fork: its reply is the parent's alone.
  struct {
    bool done = false;
    get_result got;
  } flight;
  client.sessions->get("key-7", completion<get_result>(
                                    [](void* context, get_result&& value) {
                                      auto& into = *static_cast<decltype(flight)*>(context);
                                      into.got = std::move(value);
                                      into.done = true;
                                    },
                                    &flight));
  client.sessions->health(completion<count_result>([](void*, count_result&&) {}, nullptr));

  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // What was under way at the fork ends in the child as unknown, once it uses the store.
    const int wrong = wrong_reads(client, 13);
    const bool ended =
        flight.done && flight.got.status == get_status::unknown && flight.got.why.code == errc::store_unavailable;
    client.sessions->close();
    ::_exit(wrong != 0 ? 1 : ended ? 0 : 2);
  }
  EXPECT_EQ(wrong_reads(client, 31), 0);
  EXPECT_TRUE(client.loop.run_until(flight.done));
  EXPECT_EQ(flight.got.value.bytes, "key-7") << flight.got.why.message;
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "1: a wrong read in the child; 2: the read in flight did not end as unknown";
  EXPECT_EQ(wrong_reads(client, 5), 0);
}

TEST_F(RedisMixUp, AChildThatOnlyEndsLeavesTheParentsConnectionAlone) {
  redis_client client(server_->url() + "?timeout=10000");
  ASSERT_EQ(client.put("key", "value").status, put_status::stored);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    client.sessions.reset();
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(client.get("key").value.bytes, "value");
  const std::string info = server_->command({"INFO", "stats"});
  // The store's own and the one that asks.
  EXPECT_NE(info.find("total_connections_received:2\r"), std::string::npos);
}

}  // namespace
}  // namespace coatcheck
