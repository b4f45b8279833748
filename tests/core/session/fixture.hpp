// What the engine's tests share: an engine on a memory store of its own with a clock set by hand, and one-line
// calls for the steps of a request.
#pragma once

#include <gtest/gtest.h>
#include <string>
#include <utility>

#include "coatcheck/engine.hpp"

namespace coatcheck::testing {

inline constexpr const char* secret = "a test secret of more than thirty-two bytes";

inline std::string fresh_store_url() {
  static int count = 0;
  return "memory:session-test-" + std::to_string(++count);
}

class engine_test : public ::testing::Test {
 protected:
  struct settings {
    cookie_options cookie;
    session_policy policy;
    std::vector<std::string> secrets = {secret};
  };

  std::shared_ptr<engine> make(const settings& chosen) {
    if (!sessions) {
      auto opened = open_store(fresh_store_url(), {.time = &time});
      EXPECT_TRUE(opened) << opened.error().message;
      sessions = *opened;
    }
    auto keys = key_ring::from_secrets(chosen.secrets);
    EXPECT_TRUE(keys);
    auto made = engine::create(
        {.keys = *keys, .where = sessions, .cookie = chosen.cookie, .policy = chosen.policy, .time = &time});
    EXPECT_TRUE(made) << made.error().message;
    return *made;
  }
  void SetUp() override { on = make({}); }

  opened open(std::string_view cookie, bool secure = false) const {
    return complete<opened>([&](auto done) { on->open({.cookie_header = cookie, .secure = secure}, done); });
  }
  committed commit(commit_request request) const {
    return complete<committed>([&](auto done) { on->commit(std::move(request), done); });
  }
  committed commit(const snapshot& base, std::string payload) const {
    return commit(commit_request{.base = base, .payload = std::move(payload)});
  }
  destroyed destroy(const snapshot& session) const {
    return complete<destroyed>([&](auto done) { on->destroy(session, false, done); });
  }
  engine::regenerated regenerate(const snapshot& session) const {
    return complete<engine::regenerated>([&](auto done) { on->regenerate(session, done); });
  }

  // `name=value` of a Set-Cookie, as the browser sends it back.
  static std::string pair_of(const std::string& set_cookie) { return set_cookie.substr(0, set_cookie.find(';')); }
  // Stores a session and gives the cookie that carries it.
  std::string stored(std::string payload) const {
    const auto done = commit(open("").session, std::move(payload));
    EXPECT_EQ(done.status, commit_status::stored) << done.why.message;
    return pair_of(done.set_cookie);
  }

  manual_clock time;
  std::shared_ptr<store> sessions;
  std::shared_ptr<engine> on;
};

}  // namespace coatcheck::testing
