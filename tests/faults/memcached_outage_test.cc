// Nodes are killed, frozen and started again: every call ends by its deadline with a typed outcome, nothing is called
// absent that may be there, and what was destroyed or replaced meanwhile does not come back to life.
#include <algorithm>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "store/memcached/ring.hpp"
#include "support/memcached_server.hpp"
#include "support/redis_client.hpp"

namespace coatcheck {
namespace {

using coatcheck_test::memcached_server;
using store_client = coatcheck_test::redis_client;  // it opens any store

constexpr duration_ms timeout = 1000;
constexpr duration_ms slack = 20'000;  // of a busy machine: what is held to is that nothing waits for ever
constexpr int sessions = 600;

std::string key_of(int number) { return "key-" + std::to_string(number); }
bool is_outage(errc code) { return code == errc::store_timeout || code == errc::store_unavailable; }

// What a look at every session gave.
struct tally {
  int found = 0;
  int absent = 0;
  int unknown = 0;
  int wrong = 0;  // another's value, or an error that is no outage
  duration_ms slowest = 0;
};

class MemcachedOutage : public testing::Test {
 protected:
  void SetUp() override {
    if (memcached_server::program().empty()) GTEST_SKIP() << "memcached is not installed";
    // A node's share goes by its name, and so by its port: three that share evenly.
    const auto largest = [this] {
      return std::max({keys_of_node(0).size(), keys_of_node(1).size(), keys_of_node(2).size()});
    };
    do {
      nodes_.clear();
      for (int i = 0; i < 3; ++i) nodes_.push_back(std::make_unique<memcached_server>());
    } while (largest() > sessions * 36 / 100);
  }
  std::string url(const std::string& parameters) const {
    return nodes_[0]->url() + "," + nodes_[1]->host() + "," + nodes_[2]->host() + parameters;
  }
  // Keys by the node that is their home.
  std::vector<std::string> keys_of_node(std::size_t node) const {
    std::vector<ring_node> list;
    for (const auto& one : nodes_) list.push_back({"127.0.0.1", static_cast<std::uint16_t>(one->port()), 1});
    const ketama_ring ring(list);
    std::vector<std::string> keys;
    for (int i = 0; i < sessions; ++i) {
      if (ring.node_of("cc:" + key_of(i)) == node) keys.push_back(key_of(i));
    }
    return keys;
  }
  static void fill(store_client& client) {
    for (int i = 0; i < sessions; ++i) ASSERT_EQ(client.put(key_of(i), key_of(i)).status, put_status::stored);
  }
  // Reads all of them, 64 at a time.
  static tally look(store_client& client) {
    struct flight {
      tally* into;
      int number;
      steady_ms since;
      int* under_way;
    };
    tally out;
    int under_way = 0;
    std::vector<flight> flights(sessions);
    for (int i = 0; i < sessions; ++i) {
      while (under_way >= 64) client.loop.run_once();
      flights[static_cast<std::size_t>(i)] = {&out, i, steady_now(), &under_way};
      ++under_way;
      client.sessions->get(key_of(i),
                           completion<get_result>(
                               [](void* context, get_result&& got) {
                                 const auto& self = *static_cast<flight*>(context);
                                 --*self.under_way;
                                 auto& all = *self.into;
                                 all.slowest = std::max(all.slowest, steady_now() - self.since);
                                 if (got.status == get_status::absent) {
                                   ++all.absent;
                                 } else if (got.status == get_status::unknown && is_outage(got.why.code)) {
                                   ++all.unknown;
                                 } else if (got.status == get_status::found && got.value.bytes == key_of(self.number)) {
                                   ++all.found;
                                 } else {
                                   ++all.wrong;
                                 }
                               },
                               &flights[static_cast<std::size_t>(i)]));
    }
    while (under_way > 0) client.loop.run_once();
    return out;
  }
  // Looks until `enough(tally)`; each look must be right and in time.
  template <class Enough>
  tally look_until(store_client& client, Enough&& enough) {
    const steady_ms end = steady_now() + 60'000;
    for (;;) {
      const tally got = look(client);
      EXPECT_EQ(got.wrong, 0);
      EXPECT_LE(got.slowest, timeout + slack);
      if (enough(got)) return got;
      if (steady_now() > end) {
        ADD_FAILURE() << got.found << " found, " << got.absent << " absent, " << got.unknown << " unknown";
        return got;
      }
      (void)client.loop.run_once(10);
    }
  }
  std::vector<std::unique_ptr<memcached_server>> nodes_;
};

TEST_F(MemcachedOutage, OneOfThreeKilledAndItsSessionsAreUnknownUntilItIsBack) {
  store_client client(url("?timeout=1000"));
  fill(client);
  nodes_[1]->kill();
  const tally down = look_until(client, [](const tally& got) { return got.unknown > 0; });
  EXPECT_EQ(down.absent, 0) << "an outage is not absence";
  EXPECT_LE(down.unknown, sessions * 36 / 100);
  EXPECT_EQ(down.unknown, static_cast<int>(keys_of_node(1).size())) << "its own, and no other's";
  EXPECT_EQ(down.found, sessions - down.unknown);
  // A while later they are still unknown, and told so at once.
  const tally later = look_until(client, [](const tally& got) { return got.slowest < timeout / 2; });
  EXPECT_EQ(later.absent, 0);
  EXPECT_EQ(later.unknown, down.unknown);
  nodes_[1]->start();
  const tally back = look_until(client, [](const tally& got) { return got.unknown == 0; });
  EXPECT_EQ(back.absent, down.unknown) << "it is empty, and says so";
  EXPECT_EQ(back.found, down.found);
}

TEST_F(MemcachedOutage, OneOfThreeFrozenAndThawedHasLostNothing) {
  store_client client(url("?timeout=1000"));
  fill(client);
  nodes_[2]->freeze();
  const tally down = look_until(client, [](const tally& got) { return got.unknown > 0; });
  EXPECT_EQ(down.absent, 0);
  EXPECT_LE(down.unknown, sessions * 36 / 100);
  nodes_[2]->thaw();
  EXPECT_EQ(look_until(client, [](const tally& got) { return got.unknown == 0; }).found, sessions);
}

TEST_F(MemcachedOutage, WithMoveAThirdOfTheSessionsIsLostAndNewOnesLive) {
  store_client client(url("?timeout=1000&failover=move"));
  fill(client);
  nodes_[1]->kill();
  const tally moved = look_until(client, [](const tally& got) { return got.unknown == 0; });
  EXPECT_LE(moved.absent, sessions * 36 / 100);
  EXPECT_EQ(moved.absent, static_cast<int>(keys_of_node(1).size()));
  EXPECT_EQ(moved.found, sessions - moved.absent) << "those of the other nodes stay where they are";
  fill(client);
  EXPECT_EQ(look(client).found, sessions) << "the others have taken over";
  EXPECT_EQ(client.health().count, 1U);
  // The node comes back, and its sessions with it: those that were made meanwhile stay behind.
  nodes_[1]->start();
  look_until(client, [&](const tally& got) { return got.absent == moved.absent; });
  fill(client);
  EXPECT_EQ(look(client).found, sessions);
}

TEST_F(MemcachedOutage, WithMoveANodeThatWasAwayIsEmptiedBeforeItIsUsedAgain) {
  store_client client(url("?timeout=1000&failover=move"));
  fill(client);
  const auto keys = keys_of_node(0);
  ASSERT_GT(keys.size(), 100U);
  nodes_[0]->freeze();
  // Given up: its sessions are elsewhere now, and absent there. A logout is answered so.
  look_until(client, [](const tally& got) { return got.unknown == 0; });
  EXPECT_EQ(client.remove(keys[0]).status, remove_status::absent);
  EXPECT_EQ(client.put(keys[1], "new").status, put_status::stored);
  EXPECT_EQ(client.get(keys[1]).value.bytes, "new");
  nodes_[0]->thaw();
  // What was made at the node that stood in is absent as soon as this one is home again.
  const steady_ms end = steady_now() + 60'000;
  while (client.get(keys[1]).status != get_status::absent && steady_now() < end) (void)client.loop.run_once(10);
  EXPECT_EQ(client.get(keys[0]).status, get_status::absent) << "a session that was destroyed came back";
  EXPECT_EQ(client.get(keys[1]).status, get_status::absent);
  EXPECT_NE(nodes_[0]->ask("mg cc:" + keys[2] + " v\r\n", "E").find("EN"), std::string::npos) << "it is empty";
}

TEST_F(MemcachedOutage, WithMoveWhatAnEarlierOutageLeftElsewhereStaysDead) {
  store_client client(url("?timeout=1000&failover=move"));
  fill(client);
  const auto keys = keys_of_node(0);
  const auto away = [&] {
    nodes_[0]->kill();
    look_until(client, [](const tally& got) { return got.unknown == 0; });
  };
  const auto home = [&] {
    nodes_[0]->start();
    const steady_ms end = steady_now() + 60'000;
    while (client.get(keys[5]).status == get_status::found && steady_now() < end) (void)client.loop.run_once(10);
  };
  away();
  for (const auto& key : keys) ASSERT_EQ(client.put(key, "in the first outage").status, put_status::stored);
  EXPECT_EQ(client.get(keys[0]).value.bytes, "in the first outage");
  home();
  ASSERT_EQ(client.put(keys[0], "at home").status, put_status::stored);
  ASSERT_EQ(client.remove(keys[0]).status, remove_status::removed);
  const steady_ms wait = steady_now() + 1100;  // what was written is told apart by the second
  while (steady_now() < wait) ASSERT_NE(client.get(keys[1]).status, get_status::found);
  away();
  EXPECT_EQ(client.get(keys[0]).status, get_status::absent) << "a destroyed session came back from the first outage";
  EXPECT_EQ(client.touch(keys[1], 60'000).status, touch_status::gone);
  EXPECT_EQ(client.put(keys[2], "x", expectation::nothing()).status, put_status::stored);
  EXPECT_EQ(client.get(keys[2]).value.bytes, "x");
}

// A server counts versions anew when it starts: the number that an older life had for another value must not match.
TEST_F(MemcachedOutage, AVersionOfTheServersEarlierLifeDoesNotMatch) {
  store_client mine(nodes_[0]->url() + "?timeout=2000");
  store_client other(nodes_[0]->url() + "?timeout=2000");
  const auto first = mine.put("key", "before");
  ASSERT_EQ(first.status, put_status::stored);
  nodes_[0]->restart();
  ASSERT_EQ(other.put("key", "after", expectation::nothing()).status, put_status::stored);
  const auto late = mine.put("key", "late", expectation::version(first.tag));
  EXPECT_NE(late.status, put_status::stored);
  EXPECT_EQ(mine.get("key").value.bytes, "after");
  const auto conflict = mine.put("key", "late", expectation::version(first.tag));
  EXPECT_EQ(conflict.status, put_status::conflict);
  EXPECT_EQ(conflict.current.bytes, "after");
}

TEST_F(MemcachedOutage, TheServerThatWasNeverThere) {
  nodes_[0]->kill();
  store_client client(nodes_[0]->url() + "?timeout=1000");
  for (int i = 0; i < 20; ++i) {
    const steady_ms since = steady_now();
    const auto got = client.get("key");
    EXPECT_EQ(got.status, get_status::unknown);
    EXPECT_TRUE(is_outage(got.why.code)) << got.why.message;
    EXPECT_LE(steady_now() - since, timeout + slack);
  }
  EXPECT_EQ(client.put("key", "value").status, put_status::unknown);
  EXPECT_FALSE(client.health().known);
}

}  // namespace
}  // namespace coatcheck
