// The memory store beyond the contract: its bound, its names, threads, fork.
#include <atomic>
#include <thread>
#include <vector>

#include "core/store/file_places.hpp"

namespace coatcheck::test {
namespace {

TEST(MemoryStore, TheUnnamedOneIsSharedByTheProcess) {
  auto a = open_or_throw("memory:");
  auto b = open_or_throw("memory:");
  ASSERT_EQ(put(*a, "shared-key", "value").status, put_status::stored);
  EXPECT_EQ(get(*b, "shared-key").value.bytes, "value");
  EXPECT_EQ(get(*open_or_throw("memory:other-name"), "shared-key").status, get_status::absent);
  (void)remove(*a, "shared-key");
}

TEST(MemoryStore, SessionsOutliveTheLastHandle) {
  (void)put(*open_or_throw("memory:outlive"), "key", "value");
  EXPECT_EQ(get(*open_or_throw("memory:outlive"), "key").value.bytes, "value");
}

TEST(MemoryStore, AnotherBoundForAnOpenNameIsAnError) {
  auto a = open_or_throw("memory:bounds?max_bytes=100000");
  EXPECT_TRUE(open_store("memory:bounds?max_bytes=100000"));
  EXPECT_TRUE(open_store("memory:bounds"));
  const auto other = open_store("memory:bounds?max_bytes=200000");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, errc::invalid_option);
}

TEST(MemoryStore, AFullStoreSaysSoAndDropsNoLiveSession) {
  auto s = open_or_throw("memory:full?max_bytes=100000");
  int stored = 0;
  put_result last;
  for (; stored < 1000; ++stored) {
    last = put(*s, "k" + std::to_string(stored), std::string(1000, 'v'));
    if (last.status != put_status::stored) break;
  }
  ASSERT_EQ(last.status, put_status::unknown);
  EXPECT_EQ(last.why.code, errc::store_full);
  EXPECT_NE(last.why.message.find("max_bytes"), std::string::npos);
  EXPECT_GT(stored, 50);
  EXPECT_LE(stats(*s).stats.bytes, 100'000U);
  for (int i = 0; i < stored; ++i) EXPECT_EQ(get(*s, "k" + std::to_string(i)).status, get_status::found);
  // Writes that do not grow, touches and removals go on.
  EXPECT_EQ(put(*s, "k0", std::string(1000, 'w')).status, put_status::stored);
  EXPECT_EQ(touch(*s, "k0", in_an_hour()).status, touch_status::touched);
  EXPECT_EQ(remove(*s, "k1").status, remove_status::removed);
  EXPECT_EQ(put(*s, "again", std::string(900, 'v')).status, put_status::stored);
}

TEST(MemoryStore, AFullStoreMakesRoomOfWhatHasExpired) {
  manual_clock time;
  auto s = open_or_throw("memory:make-room?max_bytes=100000", &time);
  int stored = 0;
  while (
      put(*s, "k" + std::to_string(stored), std::string(1000, 'v'), expectation::anything(), "owner", time.now() + 1000)
          .status == put_status::stored)
    ++stored;
  time.advance(1001);
  EXPECT_EQ(put(*s, "new", std::string(50'000, 'v'), expectation::anything(), {}, time.now() + 1000).status,
            put_status::stored);
  EXPECT_EQ(stats(*s).stats.entries, 1U);
  EXPECT_LT(stats(*s).stats.bytes, 51'000U);
}

TEST(MemoryStore, BytesAreGivenBackToTheLastOne) {
  auto s = open_or_throw("memory:bytes");
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 100; ++i) (void)put(*s, "k" + std::to_string(i), std::string(100 * round, 'v'), {}, "owner");
    for (int i = 0; i < 50; ++i) (void)remove(*s, "k" + std::to_string(i));
    EXPECT_EQ(remove_owner(*s, "owner"), 50U);
    EXPECT_EQ(stats(*s).stats.bytes, 0U);
    EXPECT_EQ(stats(*s).stats.entries, 0U);
  }
}

TEST(MemoryStore, ManyThreadsShareIt) {
  auto s = open_or_throw("memory:threads");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      auto mine = open_or_throw("memory:threads");
      for (int i = 0; i < 2000; ++i) {
        const auto key = "k" + std::to_string(i % 50);
        (void)put(*mine, key, std::to_string(t), expectation::anything(), "o" + std::to_string(i % 3));
        (void)get(*mine, key);
        (void)touch(*mine, key, in_an_hour());
        if (i % 7 == 0) (void)remove(*mine, key);
        if (i % 100 == 0) (void)remove_owner(*mine, "o1");
        if (i % 90 == 0) (void)complete<keys_result>([&](auto done) { mine->scan({}, 10, done); });
        if (i % 80 == 0) (void)prune(*mine, 10);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (int i = 0; i < 50; ++i) (void)remove(*s, "k" + std::to_string(i));
  EXPECT_EQ(stats(*s).stats.bytes, 0U);
}

TEST(MemoryStore, AChildOfForkHasAWholeCopy) {
  auto s = open_or_throw("memory:fork");
  (void)put(*s, "key", "before");
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    for (int i = 0; !stop; ++i) (void)put(*s, "busy" + std::to_string(i % 10), "v", expectation::anything(), "owner");
  });
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(in_child([&] {
      return get(*s, "key").value.bytes == "before" && put(*s, "busy1", "child").status == put_status::stored &&
             put(*s, "key", "child").status == put_status::stored && get(*s, "key").value.bytes == "child";
    }));
  }
  stop = true;
  busy.join();
  EXPECT_EQ(get(*s, "key").value.bytes, "before");
}

}  // namespace
}  // namespace coatcheck::test
