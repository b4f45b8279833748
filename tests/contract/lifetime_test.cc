// Whatever is written can be read: sessions and refresh tokens at every extreme of their lifetimes, in every mode and
// on every store. "For ever" is written by people as 10^14 ms, as the largest number they know, or as a date in the
// year 9999.
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "coatcheck/engine.hpp"
#include "coatcheck/refresh_tokens.hpp"

#include "contract/at_once.hpp"

namespace coatcheck::contract {
namespace {

constexpr const char* secret = "a test secret of more than thirty-two bytes";
constexpr duration_ms hour = 3'600'000;
constexpr duration_ms most = std::numeric_limits<duration_ms>::max();
constexpr duration_ms spans[] = {hour,
                                 max_cookie_age,
                                 latest_time - 1'800'000'000'000,
                                 latest_time,
                                 100'000'000'000'000,
                                 9'007'199'254'740'991,
                                 most - 1,
                                 most};
constexpr session_mode modes[] = {session_mode::store, session_mode::jwt_signed, session_mode::jwt_sealed};

std::string pair_of(const std::string& set_cookie) { return set_cookie.substr(0, set_cookie.find(';')); }

class lifetime_place {
 public:
  explicit lifetime_place(store_place& place) : place_(place), time_(place) {}

  void check(const cookie_options& cookie, const session_policy& policy, session_mode mode, const std::string& own) {
    engine_options options{.keys = *key_ring::from_secret(secret), .where = where_, .cookie = cookie};
    options.policy = policy;
    options.time = &time_;
    options.tokens.mode = mode;
    const auto created = engine::create(std::move(options));
    ASSERT_TRUE(created) << created.error().message;
    const engine& on = **created;

    const auto fresh = to_its_end<opened>(place_, [&](auto done) { on.open({}, done); });
    commit_request first{.base = fresh.session, .payload = R"({"n":1})"};
    if (!own.empty()) first.cookie = own;
    const auto made = to_its_end<committed>(place_, [&](auto done) { on.commit(std::move(first), done); });
    ASSERT_EQ(made.status, commit_status::stored) << made.why.message;
    ASSERT_FALSE(made.set_cookie.empty());

    auto back = read(on, made.set_cookie);
    ASSERT_EQ(back.status, open_status::found) << name_of(back.reason) << back.why.message;
    EXPECT_EQ(back.session.payload, R"({"n":1})");
    EXPECT_GT(back.session.expires_at, time_.now());
    EXPECT_LE(back.session.expires_at, latest_time);
    EXPECT_FALSE(back.touch_due);

    commit_request second{.base = back.session, .payload = R"({"n":2})"};
    second.save = true;
    const auto again = to_its_end<committed>(place_, [&](auto done) { on.commit(std::move(second), done); });
    ASSERT_EQ(again.status, commit_status::stored) << again.why.message;
    back = read(on, again.set_cookie.empty() ? made.set_cookie : again.set_cookie);
    ASSERT_EQ(back.status, open_status::found) << name_of(back.reason) << back.why.message;
    EXPECT_EQ(back.session.payload, R"({"n":2})");
    const auto ended = to_its_end<destroyed>(place_, [&](auto done) { on.destroy(back.session, false, done); });
    EXPECT_NE(ended.status, remove_status::unknown) << ended.why.message;
  }

 private:
  [[nodiscard]] opened read(const engine& on, const std::string& set_cookie) {
    const auto cookie = pair_of(set_cookie);
    return to_its_end<opened>(place_, [&](auto done) { on.open({.cookie_header = cookie}, done); });
  }

  store_place& place_;
  std::shared_ptr<store> where_ = place_.open();
  place_clock time_;
};

TEST_P(StoreOfOurs, ASessionIsReadBackWhateverItsOptions) {
  lifetime_place tried(*place);
  for (const auto mode : modes) {
    for (const auto span : spans) {
      SCOPED_TRACE("mode " + std::to_string(static_cast<int>(mode)) + ", " + std::to_string(span) + " ms");
      for (const auto other : {duration_ms{0}, hour, most}) {
        session_policy policy;
        policy.idle_timeout = span;
        policy.absolute_timeout = other;
        tried.check({}, policy, mode, {});
        policy.idle_timeout = other == 0 ? hour : other;
        policy.absolute_timeout = span;
        tried.check({}, policy, mode, {});
      }
      session_policy by_default;
      by_default.idle_timeout = span;
      tried.check({}, by_default, mode, {});
      cookie_options aged;
      aged.max_age = span;
      tried.check(aged, {}, mode, {});
    }
  }
}

TEST_P(StoreOfOurs, ASessionIsReadBackWhateverItsOwnCookieSays) {
  lifetime_place tried(*place);
  for (const auto mode : modes) {
    for (const char* own :
         {R"({"maxAge":3600000})", R"({"maxAge":1e14})", R"({"maxAge":9007199254740991})", R"({"maxAge":1.7e308})",
          R"({"maxAge":18446744073709551615})", R"({"maxAge":null})", R"({"expires":253402300799999})",
          R"({"expires":8640000000000000})", R"({"expires":9999999999999})", R"({"expires":1e300})"}) {
      SCOPED_TRACE("mode " + std::to_string(static_cast<int>(mode)) + ", " + own);
      tried.check({}, {}, mode, own);
    }
  }
}

TEST_P(StoreOfOurs, ARefreshTokenIsUsedWhateverItsOptions) {
  const auto where = place->open();
  const place_clock time(*place);
  for (const auto idle : spans) {
    for (const auto absolute : {duration_ms{0}, hour, latest_time, most}) {
      SCOPED_TRACE(std::to_string(idle) + " and " + std::to_string(absolute) + " ms");
      refresh_options options{.keys = *key_ring::from_secret(secret), .where = where};
      options.idle_timeout = idle;
      options.absolute_timeout = absolute;
      options.time = &time;
      const auto made = refresh_tokens::create(std::move(options));
      ASSERT_TRUE(made) << made.error().message;
      const auto issued = to_its_end<issue_result>(*place, [&](auto done) { (*made)->issue("ann", "", "{}", done); });
      ASSERT_EQ(issued.status, issue_status::issued) << issued.why.message;
      const auto used = to_its_end<refresh_result>(*place, [&](auto done) { (*made)->refresh(issued.token, done); });
      ASSERT_EQ(used.status, refresh_status::rotated) << used.why.message;
      EXPECT_LE(used.family.expires_at, latest_time);
    }
  }
}

}  // namespace
}  // namespace coatcheck::contract
