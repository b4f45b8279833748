// What the session cookie looks like: its name, attributes and dates, from options and from the record.
#include "core/session/fixture.hpp"

namespace coatcheck::testing {
namespace {

class cookie_policy_test : public engine_test {
 protected:
  std::string cookie_for(const cookie_options& cookie, bool secure, std::optional<std::string> own = {}) {
    settings chosen;
    chosen.cookie = cookie;
    on = make(chosen);
    last = commit({.base = open("", secure).session, .payload = R"({"a":1})", .cookie = own, .secure = secure});
    return last.set_cookie;
  }
  static bool has(const std::string& header, const std::string& attribute) {
    return (header + ";").find("; " + attribute + ";") != std::string::npos;
  }
  committed last;
};

TEST_F(cookie_policy_test, defaults_are_prefixed_and_secure_over_tls_and_plain_without) {
  const auto tls = cookie_for({}, true);
  EXPECT_EQ(tls.rfind("__Host-session=s%3A", 0), 0U) << tls;
  for (const auto* attribute : {"Path=/", "HttpOnly", "Secure", "SameSite=Lax"})
    EXPECT_TRUE(has(tls, attribute)) << tls;
  EXPECT_FALSE(has(tls, "Domain")) << tls;
  EXPECT_EQ(tls.find("Expires"), std::string::npos) << tls;
  const auto plain = cookie_for({}, false);
  EXPECT_EQ(plain.rfind("session=s%3A", 0), 0U) << plain;
  EXPECT_FALSE(has(plain, "Secure")) << plain;
}

TEST_F(cookie_policy_test, a_domain_or_path_takes_the_weaker_prefix) {
  EXPECT_EQ(cookie_for({.domain = "example.com"}, true).rfind("__Secure-session=", 0), 0U);
  EXPECT_EQ(cookie_for({.path = "/app"}, true).rfind("__Secure-session=", 0), 0U);
}

TEST_F(cookie_policy_test, a_given_name_is_used_as_it_is) {
  EXPECT_EQ(cookie_for({.name = "connect.sid"}, true).rfind("connect.sid=", 0), 0U);
  EXPECT_EQ(cookie_for({.name = "connect.sid"}, false).rfind("connect.sid=", 0), 0U);
}

TEST_F(cookie_policy_test, a_secure_cookie_is_withheld_from_a_request_without_tls_and_that_is_said) {
  EXPECT_EQ(cookie_for({.secure = secure_mode::always}, false), "");
  EXPECT_TRUE(last.cookie_withheld);
  EXPECT_EQ(cookie_for({.name = "__Host-id"}, false), "");
  EXPECT_TRUE(last.cookie_withheld);
  EXPECT_TRUE(has(cookie_for({.name = "__Host-id"}, true), "Secure"));
  EXPECT_FALSE(last.cookie_withheld);
}

TEST_F(cookie_policy_test, max_age_gives_expires_and_the_idle_timeout) {
  time.set(1'700'000'000'000);
  constexpr duration_ms day = 24 * 3'600'000;
  const auto header = cookie_for({.max_age = 7 * day}, false);
  EXPECT_TRUE(has(header, "Expires=Tue, 21 Nov 2023 22:13:20 GMT")) << header;
  // A touch moves the browser's date with the store's, up to the absolute timeout.
  for (const auto* expires : {"Mon, 27 Nov 2023 22:13:20 GMT", "Sun, 03 Dec 2023 22:13:20 GMT",
                              "Sat, 09 Dec 2023 22:13:20 GMT", "Thu, 14 Dec 2023 22:13:20 GMT"}) {
    time.advance(6 * day);
    const auto session = open(pair_of(header));
    ASSERT_EQ(session.status, open_status::found);
    const auto touched = commit({.base = session.session});
    EXPECT_EQ(touched.status, commit_status::touched);
    EXPECT_TRUE(has(touched.set_cookie, std::string("Expires=") + expires)) << touched.set_cookie;
  }
  time.advance(6 * day);
  EXPECT_EQ(open(pair_of(header)).status, open_status::fresh);
}

TEST_F(cookie_policy_test, same_site_automatic_follows_the_request) {
  EXPECT_TRUE(has(cookie_for({.same_site = same_site_mode::automatic}, true), "SameSite=None"));
  EXPECT_TRUE(has(cookie_for({.same_site = same_site_mode::automatic}, false), "SameSite=Lax"));
  EXPECT_EQ(cookie_for({.same_site = same_site_mode::unset}, false).find("SameSite"), std::string::npos);
}

TEST_F(cookie_policy_test, every_attribute_can_be_set) {
  const auto header = cookie_for({.name = "sid",
                                  .domain = "example.com",
                                  .path = "/app",
                                  .http_only = false,
                                  .secure = secure_mode::always,
                                  .same_site = same_site_mode::strict,
                                  .partitioned = true,
                                  .priority = cookie_priority::high},
                                 true);
  for (const auto* attribute :
       {"Domain=example.com", "Path=/app", "Secure", "SameSite=Strict", "Partitioned", "Priority=High"}) {
    EXPECT_TRUE(has(header, attribute)) << attribute << " in " << header;
  }
  EXPECT_FALSE(has(header, "HttpOnly"));
}

TEST_F(cookie_policy_test, what_the_application_set_on_the_cookie_lives_in_the_record) {
  const auto header = cookie_for({}, true, R"({"maxAge":600000,"sameSite":"strict","priority":"low"})");
  EXPECT_TRUE(has(header, "SameSite=Strict")) << header;
  EXPECT_TRUE(has(header, "Priority=Low")) << header;
  const auto session = open(pair_of(header), true).session;
  EXPECT_EQ(session.idle, 600000);
  // Another service with other options answers with the same cookie.
  settings other;
  other.cookie.same_site = same_site_mode::lax;
  on = make(other);
  const auto again = commit({.base = open(pair_of(header), true).session, .payload = R"({"a":2})", .secure = true});
  EXPECT_TRUE(has(again.set_cookie, "SameSite=Strict")) << again.set_cookie;
}

TEST_F(cookie_policy_test, a_change_of_the_cookie_alone_is_stored_and_sent) {
  const auto header = cookie_for({}, false);
  const auto changed =
      commit({.base = open(pair_of(header)).session, .payload = R"({"a":1})", .cookie = R"({"maxAge":60000})"});
  EXPECT_EQ(changed.status, commit_status::stored);
  EXPECT_NE(changed.set_cookie.find("Expires="), std::string::npos);
  const auto same =
      commit({.base = open(pair_of(header)).session, .payload = R"({"a":1})", .cookie = R"({ "maxAge": 60000 })"});
  EXPECT_EQ(same.status, commit_status::unchanged);
  const auto back = commit({.base = open(pair_of(header)).session, .cookie = "{}"});
  EXPECT_EQ(back.status, commit_status::stored);
  EXPECT_EQ(back.set_cookie.find("Expires="), std::string::npos) << back.set_cookie;
}

TEST_F(cookie_policy_test, a_record_does_not_tell_which_language_printed_its_cookie_settings) {
  const auto header = cookie_for({}, false);
  const auto written = commit({.base = open(pair_of(header)).session,
                               .payload = R"({"a":1})",
                               .cookie = R"({ "sameSite": "strict", "newer": [ 1 ], "maxAge": 60000 })"});
  EXPECT_EQ(written.status, commit_status::stored);
  EXPECT_EQ(open(pair_of(header)).session.cookie, R"({"maxAge":60000,"newer":[1],"sameSite":"strict"})");
}

TEST_F(cookie_policy_test, cookie_settings_that_cannot_be_written_are_refused_before_anything_is_stored) {
  for (const auto* bad : {R"({"maxAge":"1d"})", R"({"domain":"a;b"})", R"({"path":"/\u0007"})", R"({"sameSite":"x"})",
                          R"({"secure":1})", R"([])", "nonsense", R"({"maxAge":-1})"}) {
    EXPECT_EQ(cookie_for({}, false, bad), "");
    EXPECT_EQ(last.status, commit_status::refused) << bad;
    EXPECT_EQ(last.why.code, errc::invalid_cookie) << bad;
  }
  EXPECT_EQ(complete<stats_result>([&](auto done) { sessions->stats(done); }).stats.entries, 0U);
}

TEST_F(cookie_policy_test, rolling_sends_the_cookie_with_every_response) {
  settings chosen;
  chosen.policy.rolling = true;
  on = make(chosen);
  const auto cookie = stored(R"({"a":1})");
  EXPECT_NE(commit({.base = open(cookie).session}).set_cookie, "");
  EXPECT_EQ(commit({.base = open(cookie).session, .presented = false}).set_cookie, "");
}

TEST_F(cookie_policy_test, a_browser_session_cookie_is_sent_once) {
  const auto cookie = stored(R"({"a":1})");
  EXPECT_EQ(commit(open(cookie).session, R"({"a":2})").set_cookie, "");
}

}  // namespace
}  // namespace coatcheck::testing
