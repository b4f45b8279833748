// Requests that overlap for real: threads on one session, on both embedded stores.
#include <atomic>
#include <filesystem>
#include <gtest/gtest.h>
#include <thread>

#include "coatcheck/engine.hpp"

namespace coatcheck {
namespace {

class concurrency_test : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    std::string url = GetParam();
    if (url == "file:") {
      directory = std::filesystem::temp_directory_path() / ("coatcheck-" + std::to_string(::getpid()));
      std::filesystem::create_directories(directory);
      url += (directory / "sessions").string();
    } else {
      url += ::testing::UnitTest::GetInstance()->current_test_info()->name();
      std::erase(url, '/');
    }
    auto sessions = open_store(url);
    ASSERT_TRUE(sessions) << sessions.error().message;
    auto keys = key_ring::from_secret("a test secret of more than thirty-two bytes");
    session_policy policy;
    policy.conflict_retries = 1000;  // threads collide far more often than requests
    auto made = engine::create({.keys = *keys, .where = *sessions, .policy = policy});
    ASSERT_TRUE(made);
    on = *made;
  }
  void TearDown() override {
    on.reset();
    if (!directory.empty()) std::filesystem::remove_all(directory);
  }
  [[nodiscard]] opened open(const std::string& cookie) const {
    return complete<opened>([&](auto done) { on->open({.cookie_header = cookie}, done); });
  }
  [[nodiscard]] committed commit(const snapshot& base, std::string payload) const {
    return complete<committed>([&](auto done) { on->commit({.base = base, .payload = std::move(payload)}, done); });
  }
  [[nodiscard]] std::string stored(std::string payload) const {
    const auto done = commit(open("").session, std::move(payload));
    return done.set_cookie.substr(0, done.set_cookie.find(';'));
  }

  std::filesystem::path directory;
  std::shared_ptr<engine> on;
};

TEST_P(concurrency_test, writes_to_different_keys_are_never_lost) {
  constexpr int writers = 4;
  constexpr int rounds = 300;
  const auto cookie = stored(R"({"shared":true})");
  std::vector<std::thread> threads;
  for (int writer = 0; writer < writers; ++writer) {
    threads.emplace_back([&, writer] {
      for (int round = 1; round <= rounds; ++round) {
        const auto session = open(cookie);
        ASSERT_EQ(session.status, open_status::found);
        // This writer's counter goes up by one; the others' are as they were read.
        auto payload = session.session.payload;
        const auto mine = "\"w" + std::to_string(writer) + "\":";
        const auto before = mine + std::to_string(round - 1);
        const auto after = mine + std::to_string(round);
        if (const auto at = payload.find(before); at != std::string::npos) {
          payload.replace(at, before.size(), after);
        } else {
          ASSERT_EQ(round, 1) << payload;
          payload.insert(payload.size() - 1, "," + after);
        }
        const auto done = commit(session.session, payload);
        ASSERT_TRUE(done.status == commit_status::stored || done.status == commit_status::merged) << done.why.message;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const auto last = open(cookie).session.payload;
  for (int writer = 0; writer < writers; ++writer) {
    EXPECT_NE(last.find("\"w" + std::to_string(writer) + "\":" + std::to_string(rounds)), std::string::npos) << last;
  }
}

TEST_P(concurrency_test, a_logout_wins_against_every_write_in_flight) {
  for (int round = 0; round < 1000; ++round) {
    const auto cookie = stored(R"({"user":"ann"})");
    const auto slow = open(cookie).session;
    const auto leaving = open(cookie).session;
    std::thread writer([&] { (void)commit(slow, R"({"user":"ann","late":1})"); });
    const auto ended = complete<destroyed>([&](auto done) { on->destroy(leaving, false, done); });
    writer.join();
    ASSERT_EQ(ended.status, remove_status::removed);
    ASSERT_EQ(open(cookie).status, open_status::fresh) << "round " << round;
  }
}

TEST_P(concurrency_test, of_two_logins_at_once_one_session_is_left_per_login) {
  for (int round = 0; round < 300; ++round) {
    const auto cookie = stored(R"({"cart":[1]})");
    const auto base = open(cookie).session;
    std::atomic<int> carried{0};
    const auto login = [&] {
      const auto renewed = complete<engine::regenerated>([&](auto done) { on->regenerate(base, done); });
      if (renewed.session.payload == R"({"cart":[1]})") ++carried;
    };
    std::thread other(login);
    login();
    other.join();
    ASSERT_EQ(carried, 1) << "the old session's data goes to one successor";
    ASSERT_EQ(open(cookie).status, open_status::fresh);
  }
}

INSTANTIATE_TEST_SUITE_P(stores, concurrency_test, ::testing::Values("memory:", "file:"), [](const auto& chosen) {
  return std::string(chosen.param).substr(0, std::string(chosen.param).size() - 1);
});

}  // namespace
}  // namespace coatcheck
