// A thousand uses of one refresh token at once, on every store: one rotation, one successor, no false theft.
#include <atomic>
#include <filesystem>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "coatcheck/event_loop.hpp"
#include "coatcheck/refresh_tokens.hpp"

#include "support/redis_server.hpp"

namespace coatcheck {
namespace {

constexpr int uses = 1000;
constexpr const char* secret = "a test secret of more than thirty-two bytes";

std::shared_ptr<refresh_tokens> make(const std::shared_ptr<store>& where) {
  // A window that a slow machine does not outlast: what is tested is that concurrency alone is never theft.
  refresh_options options{.keys = *key_ring::from_secret(secret), .where = where, .grace = 600'000};
  auto made = refresh_tokens::create(std::move(options));
  EXPECT_TRUE(made);
  return *made;
}

class local_refresh_test : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    std::string url = GetParam();
    if (url == "file:") {
      directory = std::filesystem::temp_directory_path() / ("coatcheck-tokens-" + std::to_string(::getpid()));
      std::filesystem::create_directories(directory);
      url += (directory / "families").string();
    } else {
      url += "refresh-concurrency";
    }
    auto opened = open_store(url);
    ASSERT_TRUE(opened) << opened.error().message;
    on = make(*opened);
  }
  void TearDown() override {
    on.reset();
    if (!directory.empty()) std::filesystem::remove_all(directory);
  }
  [[nodiscard]] issue_result issue() const {
    return complete<issue_result>([&](auto done) { on->issue("ann", "phone", "{}", done); });
  }
  [[nodiscard]] refresh_result refresh(std::string_view token) const {
    return complete<refresh_result>([&](auto done) { on->refresh(token, done); });
  }

  std::filesystem::path directory;
  std::shared_ptr<refresh_tokens> on;
};

TEST_P(local_refresh_test, one_token_used_a_thousand_times_at_once_has_one_successor) {
  constexpr int threads = 8;
  auto token = issue().token;
  for (int round = 0; round < 3; ++round) {
    std::vector<std::set<std::string>> successors(threads);
    std::atomic<int> first{0};
    std::atomic<int> others{0};
    std::vector<std::thread> running;
    for (int thread = 0; thread < threads; ++thread) {
      running.emplace_back([&, thread] {
        for (int use = 0; use < uses / threads; ++use) {
          const auto got = refresh(token);
          if (got.status != refresh_status::rotated) {
            ++others;
            continue;
          }
          if (!got.repeated) ++first;
          successors[static_cast<std::size_t>(thread)].insert(got.token);
        }
      });
    }
    for (auto& one : running) one.join();
    std::set<std::string> all;
    for (auto& some : successors) all.merge(some);
    EXPECT_EQ(others, 0) << "theft or loss where there was none";
    EXPECT_EQ(first, 1);
    ASSERT_EQ(all.size(), 1u);
    token = *all.begin();
  }
  EXPECT_EQ(refresh(token).status, refresh_status::rotated) << "the family lives";
}

TEST_P(local_refresh_test, a_revocation_wins_against_every_refresh_under_way) {
  for (int round = 0; round < 200; ++round) {
    const auto issued = issue();
    refresh_result raced;
    std::thread refreshing([&] { raced = refresh(issued.token); });
    const auto done = complete<revoke_all_result>([&](auto then) { on->revoke_all("ann", {}, then); });
    refreshing.join();
    ASSERT_TRUE(done.known) << done.why.message;
    const auto& newest = raced.status == refresh_status::rotated ? raced.token : issued.token;
    ASSERT_NE(refresh(newest).status, refresh_status::rotated) << "round " << round;
  }
}

TEST_P(local_refresh_test, every_revocation_of_all_at_once_moves_the_epoch) {
  constexpr int threads = 4;
  constexpr int rounds = 25;
  std::atomic<int> failed{0};
  std::vector<std::thread> running;
  std::vector<std::set<epoch_ms>> epochs(threads);
  for (int thread = 0; thread < threads; ++thread) {
    running.emplace_back([&, thread] {
      for (int round = 0; round < rounds; ++round) {
        const auto done = complete<revoke_all_result>([&](auto then) { on->revoke_all("bob", {}, then); });
        if (!done.known) ++failed;
        epochs[static_cast<std::size_t>(thread)].insert(done.epoch);
      }
    });
  }
  for (auto& one : running) one.join();
  std::set<epoch_ms> all;
  for (auto& some : epochs) all.merge(some);
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(all.size(), static_cast<std::size_t>(threads * rounds)) << "each moved it further";
}

INSTANTIATE_TEST_SUITE_P(stores, local_refresh_test, ::testing::Values("memory:", "file:"), [](const auto& chosen) {
  return std::string(chosen.param).substr(0, std::string(chosen.param).size() - 1);
});

TEST(redis_refresh_test, one_token_used_a_thousand_times_in_flight_has_one_successor) {
  if (coatcheck_test::redis_server::program().empty()) GTEST_SKIP() << "redis-server is not installed";
  coatcheck_test::redis_server server;
  event_loop loop;
  auto opened = open_store(server.url() + "?timeout=20000&queue=100000", {.loop = &loop});
  ASSERT_TRUE(opened) << opened.error().message;
  const auto on = make(*opened);
  auto token = loop.wait<issue_result>([&](auto done) { on->issue("ann", "phone", "{}", done); }).token;
  ASSERT_FALSE(token.empty());
  for (int round = 0; round < 3; ++round) {
    struct slot {
      refresh_result value;
      int* left;
    };
    int left = uses;
    std::vector<slot> slots(uses, slot{{}, &left});
    for (auto& one : slots) {
      on->refresh(token, completion<refresh_result>(
                             [](void* context, refresh_result&& value) {
                               auto& into = *static_cast<slot*>(context);
                               into.value = std::move(value);
                               --*into.left;
                             },
                             &one));
    }
    while (left > 0 && loop.run_once()) {
    }
    ASSERT_EQ(left, 0);
    std::set<std::string> successors;
    int first = 0;
    for (const auto& one : slots) {
      ASSERT_EQ(one.value.status, refresh_status::rotated) << one.value.why.message;
      if (!one.value.repeated) ++first;
      successors.insert(one.value.token);
    }
    EXPECT_EQ(first, 1);
    ASSERT_EQ(successors.size(), 1u);
    token = *successors.begin();
  }
  const auto listed = loop.wait<families_result>([&](auto done) { on->list("ann", done); });
  EXPECT_EQ(listed.families.size(), 1u);
  const auto ended = loop.wait<revoke_all_result>([&](auto done) { on->revoke_all("ann", {}, done); });
  EXPECT_EQ(ended.count, 1u);
  const auto after = loop.wait<refresh_result>([&](auto done) { on->refresh(token, done); });
  EXPECT_EQ(after.status, refresh_status::revoked);
  (*opened)->close();
}

}  // namespace
}  // namespace coatcheck
