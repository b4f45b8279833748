// Random bytes and session ids: no repeats, also across fork and threads, and no fallback when there are none.
#include "crypto/random.hpp"

#include <algorithm>
#include <array>
#include <gtest/gtest.h>
#include <set>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "coatcheck/key_ring.hpp"

#include "crypto/base64url.hpp"

namespace coatcheck {
namespace {

TEST(session_id, has_the_asked_randomness_in_base64url) {
  for (const std::size_t bytes : {16, 24, 32, 64}) {
    const auto id = new_session_id(bytes);
    ASSERT_TRUE(id);
    const auto decoded = crypto::base64url_decode(*id);
    ASSERT_TRUE(decoded) << *id;
    EXPECT_EQ(decoded->size(), bytes);
  }
  EXPECT_EQ(new_session_id()->size(), 43u);
}

TEST(session_id, refuses_sizes_out_of_range) {
  for (const std::size_t bytes : {0, 1, 15, 65, 1 << 20}) {
    const auto id = new_session_id(bytes);
    ASSERT_FALSE(id);
    EXPECT_EQ(id.error().code, errc::invalid_option);
  }
}

TEST(session_id, a_million_without_a_repeat) {
  std::vector<std::array<char, 43>> ids(1'000'000);
  for (auto& id : ids) {
    const auto made = new_session_id();
    ASSERT_TRUE(made);
    std::copy(made->begin(), made->end(), id.begin());
  }
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end());
}

TEST(session_id, threads_never_share_one) {
  constexpr int per_thread = 20'000;
  std::array<std::vector<std::string>, 4> made;
  std::vector<std::thread> threads;
  for (auto& mine : made) {
    threads.emplace_back([&mine] {
      for (int i = 0; i < per_thread; ++i) mine.push_back(*new_session_id(16));
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> all;
  for (const auto& mine : made) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), made.size() * per_thread);
}

std::string ids_of_this_process(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += *new_session_id();
  return out;
}

// The buffer is filled before the fork: without the watch both sides would hand out the same bytes.
TEST(session_id, two_sides_of_a_fork_share_none) {
  constexpr int count = 400;  // more than one buffer
  constexpr std::size_t chars = 43;
  ASSERT_TRUE(new_session_id());
  const unsigned generation = crypto::fork_generation();
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const std::string ids = ids_of_this_process(count);
    const bool changed = crypto::fork_generation() != generation;
    const bool written = write(ends[1], ids.data(), ids.size()) == static_cast<ssize_t>(ids.size());
    _exit(changed && written ? 0 : 1);
  }
  close(ends[1]);
  const std::string ours = ids_of_this_process(count);
  std::string theirs;
  char piece[4096];
  for (ssize_t got; (got = read(ends[0], piece, sizeof piece)) > 0;)
    theirs.append(piece, static_cast<std::size_t>(got));
  close(ends[0]);
  int status = 1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(crypto::fork_generation(), generation) << "the parent's buffer is still good";

  ASSERT_EQ(theirs.size(), count * chars);
  std::set<std::string> all;
  for (std::size_t i = 0; i < count; ++i) {
    all.insert(ours.substr(i * chars, chars));
    all.insert(theirs.substr(i * chars, chars));
  }
  EXPECT_EQ(all.size(), 2u * count);
}

class no_randomness : public testing::Test {
 protected:
  static bool refuse(void*, std::size_t) noexcept { return false; }
  void SetUp() override { crypto::replace_random_source(refuse); }
  void TearDown() override { crypto::replace_random_source(nullptr); }
};

TEST_F(no_randomness, nothing_is_made_up) {
  const auto id = new_session_id();
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().code, errc::random_failed);

  const auto ring = key_ring::from_secret("0123456789abcdef0123456789abcdef");
  ASSERT_TRUE(ring);
  const auto sealed = ring->seal("session", "", "text", 0, 1);
  ASSERT_FALSE(sealed);
  EXPECT_EQ(sealed.error().code, errc::random_failed);
  EXPECT_TRUE(ring->sign_express("id", 1)) << "signing needs no randomness";

  std::array<unsigned char, 2048> large;
  EXPECT_FALSE(crypto::random_bytes(large.data(), large.size()));
}

TEST_F(no_randomness, comes_back_with_the_system) {
  ASSERT_FALSE(new_session_id());
  crypto::replace_random_source(nullptr);
  EXPECT_TRUE(new_session_id());
}

TEST(random_bytes, fills_every_size) {
  for (const std::size_t size : {1, 7, 1024, 1025, 5000, 100'000}) {
    std::string a(size, '\0'), b(size, '\0');
    ASSERT_TRUE(crypto::random_bytes(a.data(), size));
    ASSERT_TRUE(crypto::random_bytes(b.data(), size));
    if (size < 1000) continue;
    EXPECT_NE(a, b);
    // The last 64 bytes all zero: a chance of 2^-512, or a tail that was not written.
    EXPECT_NE(a.substr(size - 64), std::string(64, '\0'));
  }
}

}  // namespace
}  // namespace coatcheck
