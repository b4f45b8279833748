// The cookie in a record of express-session. The texts are what `JSON.stringify(new Cookie(…))` of
// express-session 1.19.0 prints.
#include "session/express_cookie.hpp"

#include <gtest/gtest.h>
#include <string>

namespace coatcheck::session {
namespace {

constexpr epoch_ms then = 1'700'000'000'123;

std::string print(const cookie_options& options, const std::string& settings = {}, bool secure = false,
                  epoch_ms expires_at = then) {
  const auto parsed = cookie_settings::parse(settings);
  EXPECT_TRUE(parsed);
  return print_express_cookie(options, *parsed, expires_at, then - 60'000, secure);
}

cookie_options every_attribute() {
  cookie_options out;
  out.max_age = 60'000;
  out.domain = "example.org";
  out.path = "/a\"b";
  out.http_only = false;
  out.secure = secure_mode::always;
  out.same_site = same_site_mode::none;
  out.partitioned = true;
  out.priority = cookie_priority::low;
  return out;
}

TEST(express_cookie_test, it_is_printed_as_there) {
  cookie_options plain;
  plain.same_site = same_site_mode::unset;
  EXPECT_EQ(print(plain), R"({"originalMaxAge":null,"expires":null,"secure":false,"httpOnly":true,"path":"/"})");
  EXPECT_EQ(print(every_attribute()),
            R"({"originalMaxAge":60000,"partitioned":true,"priority":"low","expires":"2023-11-14T22:13:20.123Z",)"
            R"("secure":true,"httpOnly":false,"domain":"example.org","path":"/a\"b","sameSite":"none"})");
}

TEST(express_cookie_test, what_is_automatic_is_what_the_request_was) {
  cookie_options automatic;
  automatic.same_site = same_site_mode::automatic;
  EXPECT_NE(print(automatic, {}, true).find(R"("secure":true,"httpOnly":true,"path":"/","sameSite":"none"})"),
            std::string::npos);
  EXPECT_NE(print(automatic, {}, false).find(R"("secure":false,"httpOnly":true,"path":"/","sameSite":"lax"})"),
            std::string::npos);
}

TEST(express_cookie_test, a_fixed_end_is_an_age_as_express_session_has_it) {
  const auto text = print({}, R"({"expires":1700000000123})");
  EXPECT_EQ(text.substr(0, 65), R"({"originalMaxAge":60000,"expires":"2023-11-14T22:13:20.123Z","sec)");
  EXPECT_EQ(read_express_cookie({}, text), R"({"maxAge":60000,"secure":false})");
}

TEST(express_cookie_test, days_and_years) {
  cookie_options aged;
  aged.max_age = 1;
  EXPECT_NE(print(aged, {}, false, 951'782'400'000).find("2000-02-29T00:00:00.000Z"), std::string::npos);
  EXPECT_NE(print(aged, {}, false, latest_time).find("2286-11-20T17:46:39.999Z"), std::string::npos);
}

TEST(express_cookie_test, what_is_printed_reads_as_nothing_that_differs) {
  EXPECT_EQ(read_express_cookie(every_attribute(), print(every_attribute())), "");
  cookie_options never;
  never.secure = secure_mode::never;
  EXPECT_EQ(read_express_cookie(never, print(never)), "");
}

TEST(express_cookie_test, what_differs_is_a_setting_and_is_printed_again) {
  const auto text = print(every_attribute());
  const auto settings = read_express_cookie({}, text);
  ASSERT_TRUE(settings);
  EXPECT_EQ(print({}, *settings), text);
  cookie_options other = every_attribute();
  other.max_age = 5;
  other.priority = cookie_priority::unset;  // no setting takes one away
  const auto back = read_express_cookie(other, print({}));
  ASSERT_TRUE(back);
  EXPECT_EQ(print(other, *back).substr(0, 40), print({}).substr(0, 40));
}

TEST(express_cookie_test, what_is_no_cookie_or_of_a_wrong_type) {
  for (const char* text : {"", "1", "[]", "null", "{"}) EXPECT_FALSE(read_express_cookie({}, text)) << text;
  cookie_options never;
  never.secure = secure_mode::never;
  EXPECT_EQ(
      read_express_cookie(never, R"({"originalMaxAge":"x","path":1,"httpOnly":true,"sameSite":"lax","priority":"odd",)"
                                 R"("domain":[],"secure":"auto","partitioned":null})"),
      "");
  EXPECT_EQ(read_express_cookie(never, R"({"originalMaxAge":-5,"httpOnly":true,"sameSite":true})"),
            R"({"maxAge":0,"sameSite":"strict"})");
  EXPECT_EQ(read_express_cookie(never, R"({"originalMaxAge":1e300,"httpOnly":true,"sameSite":false})"),
            R"({"maxAge":9999999999999,"sameSite":false})");
}

}  // namespace
}  // namespace coatcheck::session
