// A store file that cannot grow any more: writes say why, reads and logouts go on.
#include <signal.h>
#include <sys/resource.h>

#include "core/store/file_places.hpp"

namespace coatcheck::test {
namespace {

// Stores sessions of that size until one is refused; gives their number.
int fill(store& s, std::size_t size, put_result& last, epoch_ms expires_at = in_an_hour()) {
  for (int i = 0;; ++i) {
    last = put(s, "k" + std::to_string(i), std::string(size, 'v'), expectation::nothing(), "owner", expires_at);
    if (last.status != put_status::stored) return i;
  }
}

class FullFile : public testing::TestWithParam<std::size_t> {};

TEST_P(FullFile, SaysSoAndEverythingElseGoesOn) {
  temporary_directory dir;
  auto s = open_or_throw(dir.url("?map_size=1048576"));
  put_result last;
  const int stored = fill(*s, GetParam(), last);
  ASSERT_EQ(last.status, put_status::unknown);
  EXPECT_EQ(last.why.code, errc::store_full);
  EXPECT_NE(last.why.message.find("map_size"), std::string::npos) << last.why.message;
  EXPECT_NE(last.why.message.find(dir.file()), std::string::npos) << last.why.message;
  ASSERT_GT(static_cast<std::size_t>(stored) * (GetParam() + 100), 400'000U);
  for (int i = 0; i < stored; ++i) {
    const auto key = "k" + std::to_string(i);
    const auto got = get(*s, key);
    ASSERT_EQ(got.status, get_status::found) << got.why.message;
    ASSERT_EQ(touch(*s, key, in_an_hour() + 1000).status, touch_status::touched) << i;
    const auto same_size = put(*s, key, std::string(GetParam(), 'w'), expectation::version(got.value.tag), "owner");
    ASSERT_EQ(same_size.status, put_status::stored) << i << same_size.why.message;
  }
  for (int i = 0; i < stored / 2; ++i)
    ASSERT_EQ(remove(*s, "k" + std::to_string(i)).status, remove_status::removed) << i;
  EXPECT_EQ(remove_owner(*s, "owner"), static_cast<std::uint64_t>(stored - stored / 2));
  put_result again;
  EXPECT_GT(fill(*s, GetParam(), again), stored / 2);
  ASSERT_EQ(again.why.code, errc::store_full);
  const auto cleared = complete<count_result>([&](auto done) { s->clear(done); });
  EXPECT_TRUE(cleared.known) << cleared.why.message;
  EXPECT_EQ(stats(*s).stats.entries, 0U);
  EXPECT_EQ(put(*s, "again", std::string(GetParam(), 'v')).status, put_status::stored);
}

INSTANTIATE_TEST_SUITE_P(Sizes, FullFile, testing::Values(10, 300, 2000, 3000, 50'000));

TEST(FullFileExpiry, MakesRoomOfWhatHasExpired) {
  temporary_directory dir;
  manual_clock time;
  auto s = open_or_throw(dir.url("?map_size=1048576"), &time);
  put_result last;
  const int stored = fill(*s, 500, last, time.now() + 1000);
  ASSERT_EQ(last.why.code, errc::store_full);
  time.advance(1001);
  EXPECT_EQ(put(*s, "new", std::string(50'000, 'v'), expectation::nothing(), {}, time.now() + 1000).status,
            put_status::stored);
  EXPECT_LT(stats(*s).stats.entries, static_cast<std::uint64_t>(stored));
}

TEST(FullFileExpiry, WritesSweepWhatHasExpired) {
  temporary_directory dir;
  manual_clock time;
  auto s = open_or_throw(dir.url(), &time);
  for (int i = 0; i < 100; ++i)
    (void)put(*s, "old" + std::to_string(i), "v", expectation::anything(), "owner", time.now() + 10);
  for (int i = 0; i < 10; ++i) (void)touch(*s, "old" + std::to_string(i), time.now() + 10'000);
  time.advance(20);
  for (int i = 0; i < 20; ++i) (void)put(*s, "new", "v", expectation::anything(), {}, time.now() + 10'000);
  EXPECT_EQ(stats(*s).stats.entries, 11U);
  time.advance(20'000);
  EXPECT_EQ(prune(*s, 1000).count, 11U);
  EXPECT_EQ(stats(*s).stats.entries, 0U);
}

TEST(FullFileDisk, NoSpaceOnTheDiskIsAFullStore) {
  temporary_directory dir;
  EXPECT_TRUE(in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{400'000, 400'000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
    auto s = open_or_throw(dir.url());
    put_result last;
    const int stored = fill(*s, 1000, last);
    if (last.why.code != errc::store_full || stored < 10) {
      std::fprintf(stderr, "%d stored, then: %s\n", stored, last.why.message.c_str());
      return false;
    }
    for (int i = 0; i < stored; ++i)
      if (get(*s, "k" + std::to_string(i)).status != get_status::found) return false;
    return get(*s, "k" + std::to_string(stored)).status == get_status::absent;
  }));
  // And the file is whole.
  auto s = open_or_throw(dir.url());
  EXPECT_EQ(get(*s, "k0").status, get_status::found);
  EXPECT_EQ(put(*s, "more", "v").status, put_status::stored);
}

}  // namespace
}  // namespace coatcheck::test
