// What the tests of sessions on tokens share: an engine in a token mode on a memory store of its own, with a clock set
// by hand, and one-line calls for the steps of a request.
#pragma once

#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include "coatcheck/engine.hpp"
#include "coatcheck/refresh_tokens.hpp"

namespace coatcheck::testing {

inline constexpr const char* secret = "a test secret of more than thirty-two bytes";
inline constexpr duration_ms ttl = 300'000;  // the default access_ttl

class token_session_test : public ::testing::TestWithParam<session_mode> {
 protected:
  void SetUp() override {
    auto opened = open_store("memory:token-session-" + std::to_string(++stores), {.time = &time});
    ASSERT_TRUE(opened);
    where = *opened;
    on = make({});
  }
  std::shared_ptr<engine> make(token_session_options tokens, const std::vector<std::string>& secrets = {secret},
                               session_policy policy = {}, cookie_options cookie = {}) {
    if (tokens.mode == session_mode::store) tokens.mode = GetParam();
    engine_options options{.keys = *key_ring::from_secrets(secrets), .where = where};
    options.cookie = std::move(cookie);
    options.policy = policy;
    options.time = &time;
    options.tokens = std::move(tokens);
    auto made = engine::create(std::move(options));
    EXPECT_TRUE(made) << made.error().message;
    return *made;
  }
  [[nodiscard]] opened open(std::string_view cookie) const {
    return complete<opened>([&](auto done) { on->open({.cookie_header = cookie}, done); });
  }
  [[nodiscard]] committed commit(commit_request request) const {
    return complete<committed>([&](auto done) { on->commit(std::move(request), done); });
  }
  [[nodiscard]] committed commit(const snapshot& base, std::string payload) const {
    return commit(commit_request{.base = base, .payload = std::move(payload)});
  }
  [[nodiscard]] committed commit(const snapshot& base) const { return commit(commit_request{.base = base}); }
  static std::string pair_of(const std::string& set_cookie) { return set_cookie.substr(0, set_cookie.find(';')); }
  static std::string value_of(const std::string& set_cookie) {
    const auto pair = pair_of(set_cookie);
    return pair.substr(pair.find('=') + 1);
  }
  [[nodiscard]] std::string stored(std::string payload = R"({"user":"ann"})", std::string owner = "ann") const {
    commit_request request{.base = open("").session, .payload = std::move(payload)};
    request.owner = std::move(owner);
    const auto done = commit(std::move(request));
    EXPECT_EQ(done.status, commit_status::stored) << done.why.message;
    return pair_of(done.set_cookie);
  }
  // One whole request that changes nothing; the cookie that the browser has after it.
  [[nodiscard]] std::string visit(const std::string& cookie) const {
    const auto got = open(cookie);
    EXPECT_EQ(got.status, open_status::found) << name_of(got.reason);
    if (!got.touch_due) return cookie;
    const auto done = commit(got.session);
    EXPECT_EQ(done.status, commit_status::touched) << done.why.message;
    return done.set_cookie.empty() ? cookie : pair_of(done.set_cookie);
  }
  [[nodiscard]] std::shared_ptr<refresh_tokens> families() const {
    auto made = refresh_tokens::create({.keys = *key_ring::from_secret(secret), .where = where, .time = &time});
    EXPECT_TRUE(made);
    return *made;
  }
  [[nodiscard]] std::size_t entries() const {
    return complete<stats_result>([&](auto done) { where->stats(done); }).stats.entries;
  }

  static inline int stores = 0;
  manual_clock time;
  std::shared_ptr<store> where;
  std::shared_ptr<engine> on;
};

inline std::string mode_name(const ::testing::TestParamInfo<session_mode>& chosen) {
  return chosen.param == session_mode::jwt_signed ? "signed" : "sealed";
}

}  // namespace coatcheck::testing
