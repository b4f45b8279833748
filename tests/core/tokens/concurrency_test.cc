// Revocations beside refreshes and beside each other, from several threads. A thousand refreshes at once, on every
// store, are in tests/contract/refresh_test.cc.
#include <atomic>
#include <filesystem>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "coatcheck/refresh_tokens.hpp"

namespace coatcheck {
namespace {

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

}  // namespace
}  // namespace coatcheck
