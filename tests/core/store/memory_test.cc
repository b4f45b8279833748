// The memory store beyond the contract: its bound, its names, threads, fork.
#include <atomic>
#include <malloc.h>
#include <map>
#include <random>
#include <set>
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

TEST(MemoryStore, IsGivenBackWhenAllHaveClosedIt) {
  auto a = open_or_throw("memory:closed?max_bytes=100000");
  auto b = open_or_throw("memory:closed");
  (void)put(*a, "key", "value");
  a->close();
  a->close();
  EXPECT_EQ(get(*b, "key").value.bytes, "value");
  EXPECT_EQ(get(*open_or_throw("memory:closed"), "key").value.bytes, "value") << "this one goes without closing";
  b->close();
  EXPECT_EQ(get(*open_or_throw("memory:closed"), "key").value.bytes, "value");

  auto c = open_or_throw("memory:closed-by-all?max_bytes=100000");
  (void)put(*c, "key", "value");
  c->close();
  auto d = open_or_throw("memory:closed-by-all?max_bytes=200000");
  EXPECT_EQ(get(*d, "key").status, get_status::absent);
  EXPECT_EQ(get(*c, "key").why.code, errc::store_closed);
}

TEST(MemoryStore, TheUnnamedOneIsNeverGivenBack) {
  auto a = open_or_throw("memory:");
  (void)put(*a, "kept", "value");
  a->close();
  auto b = open_or_throw("memory:");
  EXPECT_EQ(get(*b, "kept").value.bytes, "value");
  (void)remove(*b, "kept");
}

// Also while the closed handles live on, as they do in a language with a garbage collector.
TEST(MemoryStore, NamesThatWereClosedTakeNoMemory) {
  std::vector<std::shared_ptr<store>> closed;
  const auto used = [] { return ::mallinfo2().uordblks; };
  const auto before = used();
  for (int i = 0; i < 2000; ++i) {
    auto s = open_or_throw("memory:many-" + std::to_string(i));
    for (int k = 0; k < 5; ++k) (void)put(*s, "k" + std::to_string(k), std::string(2000, 'v'), {}, "owner");
    s->close();
    closed.push_back(std::move(s));
  }
  EXPECT_LT(used() - before, 2000U * 8000U);
  closed.clear();
  closed.shrink_to_fit();
  EXPECT_LT(used() - before, 100'000U);
}

TEST(MemoryStore, ClosingWhileOthersWorkIsClean) {
  for (int round = 0; round < 50; ++round) {
    auto s = open_or_throw("memory:closing");
    std::thread worker([&] {
      while (put(*s, "key", "v", {}, "owner").status == put_status::stored &&
             get(*s, "key").status != get_status::unknown) {
      }
    });
    (void)put(*s, "other", "v");
    s->close();
    worker.join();
    EXPECT_EQ(get(*s, "key").why.code, errc::store_closed);
  }
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

// As much as the write needs and not all at once: a million expired sessions would hold their caller for long.
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
  EXPECT_EQ(get(*s, "new").value.bytes.size(), 50'000U);
  EXPECT_LT(stats(*s).stats.entries, static_cast<std::uint64_t>(stored));
  EXPECT_LE(stats(*s).stats.bytes, 100'000U);
  EXPECT_EQ(put(*s, "all", std::string(99'000, 'v'), expectation::anything(), {}, time.now() + 1000).status,
            put_status::unknown);
  time.advance(1001);
  EXPECT_EQ(put(*s, "all", std::string(99'000, 'v'), expectation::anything(), {}, time.now() + 1000).status,
            put_status::stored);
  EXPECT_EQ(stats(*s).stats.entries, 1U);
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

// Against a plain map: whatever the order of writes, touches and removals, what is due goes and the rest stays, in both
// indexes, and a scan gives exactly that.
TEST(MemoryStore, AgreesWithAPlainMap) {
  manual_clock time;
  auto s = open_or_throw("memory:model", &time);
  std::map<std::string, epoch_ms> model;
  std::mt19937 random(20'261'127);  // NOLINT(cert-msc51-cpp): the same each time
  const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  for (int step = 0; step < 20'000; ++step) {
    const auto key = "k" + std::to_string(below(600));
    const auto deadline = time.now() + 1 + below(2000);
    const bool live = model.contains(key);
    switch (below(8)) {
      case 0:
        EXPECT_EQ(remove(*s, key).status, live ? remove_status::removed : remove_status::absent);
        model.erase(key);
        break;
      case 1:
      case 2:
        EXPECT_EQ(touch(*s, key, deadline).status, live ? touch_status::touched : touch_status::gone);
        if (live) model[key] = deadline;
        break;
      case 3:
        time.advance(below(20));
        std::erase_if(model, [&](const auto& one) { return one.second <= time.now(); });
        break;
      default: {
        const auto owner = below(2) == 0 ? "" : "o" + std::to_string(below(3));
        ASSERT_EQ(put(*s, key, std::string(below(50), 'v'), expectation::anything(), owner, deadline).status,
                  put_status::stored);
        model[key] = deadline;
      }
    }
    if (step % 500 != 0) continue;
    std::set<std::string> seen;
    std::string cursor;
    do {
      const auto page = complete<keys_result>([&](auto done) { s->scan(cursor, 7, done); });
      for (const auto& found : page.keys) EXPECT_TRUE(seen.insert(found).second) << found;
      cursor = page.cursor;
    } while (!cursor.empty());
    EXPECT_EQ(seen.size(), model.size());
    for (const auto& [expected, at] : model) EXPECT_TRUE(seen.contains(expected)) << expected;
    (void)prune(*s, 1'000'000);
    EXPECT_EQ(stats(*s).stats.entries, model.size());
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
