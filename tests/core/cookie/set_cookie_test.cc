// Set-Cookie: the bytes of npm's cookie 0.7.2, the rules of the prefixes, and no way to smuggle a byte.
#include <gtest/gtest.h>

#include "coatcheck/cookie.hpp"

#include "support/vectors.hpp"

namespace coatcheck {
namespace {

using nlohmann::json;

// The options of a case; it keeps the texts that the views point to.
struct options {
  explicit options(const json& o) : source(o) {
    cookie.name = text("name");
    cookie.value = text("value");
    cookie.domain = text("domain");
    cookie.path = text("path");
    if (o.contains("expires")) cookie.expires = o["expires"].get<epoch_ms>();
    if (o.contains("maxAge")) cookie.max_age = o["maxAge"].get<std::int64_t>();
    cookie.http_only = o.value("httpOnly", false);
    cookie.secure = o.value("secure", false);
    cookie.partitioned = o.value("partitioned", false);
    const std::string priority = o.value("priority", ""), same_site_name = o.value("sameSite", "");
    cookie.priority = priority == "low"      ? cookie_priority::low
                      : priority == "medium" ? cookie_priority::medium
                      : priority == "high"   ? cookie_priority::high
                                             : cookie_priority::unset;
    cookie.same_site = same_site_name == "lax"      ? same_site::lax
                       : same_site_name == "strict" ? same_site::strict
                       : same_site_name == "none"   ? same_site::none
                                                    : same_site::unset;
  }
  options(const options&) = delete;
  options& operator=(const options&) = delete;

  json source;
  set_cookie cookie;

 private:
  std::string_view text(const char* name) {
    return source.contains(name) ? std::string_view(source[name].get_ref<const std::string&>()) : std::string_view();
  }
};

set_cookie named(std::string_view name) {
  set_cookie cookie;
  cookie.name = name;
  cookie.value = "v";
  return cookie;
}

TEST(set_cookie, known_answers_and_refusals) {
  for (const auto& c : coatcheck_test::vector_cases("set_cookie")) {
    const options given(c["options"]);
    const auto written = serialise(given.cookie);
    if (c.contains("error")) {
      ASSERT_FALSE(written) << c["name"] << ": " << *written;
      EXPECT_EQ(name_of(written.error().code), c["error"].get<std::string>()) << c["name"];
    } else {
      ASSERT_TRUE(written) << c["name"] << ": " << written.error().message;
      EXPECT_EQ(*written, c["set_cookie"].get<std::string>()) << c["name"];
      EXPECT_TRUE(check_cookie_attributes(given.cookie)) << c["name"];
    }
  }
}

// Every byte, at the start, in the middle and at the end of every part that the application gives.
TEST(set_cookie, no_byte_gets_through_a_part_it_does_not_belong_to) {
  const auto expected_in_name = [](int b) {
    return std::isalnum(b) != 0 ||
           (b != 0 && std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(b)) != std::string_view::npos);
  };
  for (int byte = 0; byte < 256; ++byte) {
    const std::string one(1, static_cast<char>(byte));
    for (const std::string& text : {one + "ab", "a" + one + "b", "ab" + one, one}) {
      const bool ascii = byte < 128;
      const auto name = serialise(named(text));
      EXPECT_EQ(static_cast<bool>(name), ascii && expected_in_name(byte)) << byte;

      set_cookie with_path = named("n");
      with_path.path = text;
      EXPECT_EQ(static_cast<bool>(serialise(with_path)), byte >= 0x20 && byte < 0x7f && byte != ';' && byte != '<')
          << byte;

      set_cookie with_domain = named("n");
      with_domain.domain = text;
      const bool label = ascii && std::isalnum(byte) != 0;
      const bool inner = text[0] == 'a' && text[2 % text.size()] == 'b' && text.size() == 3;
      const bool hyphen = byte == '-' && inner && text != "ab-";
      const bool dot = byte == '.' && text.size() == 3 && text != "ab.";
      EXPECT_EQ(static_cast<bool>(serialise(with_domain)), label || hyphen || dot) << byte << " " << text;

      set_cookie with_value = named("n");
      with_value.value = text;
      const auto written = serialise(with_value);
      ASSERT_TRUE(written) << byte;
      EXPECT_EQ(*written, "n=" + percent_encode(text));
      EXPECT_EQ(written->find_first_of(std::string(" \t\r\n;,\"\\\0", 9)), std::string::npos) << byte;
    }
  }
}

// npm's cookie 0.7.2, index.js: serialize.
TEST(set_cookie, as_npm_prints_what_browsers_drop_and_refuses_what_breaks_the_header) {
  set_cookie cookie;
  cookie.name = "a";
  cookie.value = "b";
  cookie.path = "/";
  cookie.partitioned = true;
  cookie.same_site = same_site::none;
  EXPECT_FALSE(serialise(cookie));
  const auto printed = serialise_as_npm(cookie);
  ASSERT_TRUE(printed);
  EXPECT_EQ(*printed, "a=b; Path=/; Partitioned; SameSite=None");
  const auto refusal = [](const auto& spoil) {
    set_cookie one;
    one.name = "a";
    spoil(one);
    return serialise_as_npm(one).error().message;
  };
  EXPECT_EQ(refusal([](set_cookie& one) { one.name = "a b"; }), "argument name is invalid");
  EXPECT_EQ(refusal([](set_cookie& one) { one.domain = "a;b"; }), "option domain is invalid");
  EXPECT_EQ(refusal([](set_cookie& one) { one.path = "/;"; }), "option path is invalid");
  EXPECT_EQ(refusal([](set_cookie& one) { one.expires = 8'640'000'000'000'000; }), "option expires is invalid");
}

TEST(set_cookie, max_age_is_held_to_what_browsers_keep) {
  const auto max_age = [](std::int64_t seconds) {
    set_cookie cookie = named("n");
    cookie.max_age = seconds;
    return *serialise(cookie);
  };
  EXPECT_EQ(max_age(34'560'000), "n=v; Max-Age=34560000");
  EXPECT_EQ(max_age(34'560'001), "n=v; Max-Age=34560000");
  EXPECT_EQ(max_age(INT64_MAX), "n=v; Max-Age=34560000");
  EXPECT_EQ(max_age(-1), "n=v; Max-Age=0");
  EXPECT_EQ(max_age(INT64_MIN), "n=v; Max-Age=0");
}

TEST(set_cookie, expires_is_refused_outside_the_years_that_a_date_can_say) {
  for (const epoch_ms at : {INT64_MIN, INT64_C(-11'644'473'600'001), INT64_C(253'402'300'800'000), INT64_MAX}) {
    set_cookie cookie = named("n");
    cookie.expires = at;
    const auto written = serialise(cookie);
    ASSERT_FALSE(written) << at;
    EXPECT_NE(written.error().message.find("expires"), std::string::npos);
  }
}

TEST(set_cookie, a_refusal_names_the_part_and_not_the_value) {
  set_cookie cookie = named("n");
  cookie.domain = "bad\r\nSet-Cookie: admin=1";
  const auto refused = serialise(cookie);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("domain"), std::string::npos);
  EXPECT_EQ(refused.error().message.find("admin"), std::string::npos);
}

TEST(set_cookie, what_is_written_is_read_back) {
  std::string every_byte_of_ascii;
  for (int i = 0; i < 128; ++i) every_byte_of_ascii += static_cast<char>(i);
  for (const std::string& value : {every_byte_of_ascii, std::string("grüße 🍪"), std::string(), std::string("\"q\"")}) {
    set_cookie cookie = named("n");
    cookie.value = value;
    EXPECT_EQ(find_cookie("x=1; " + *serialise(cookie), "n").values, std::vector<std::string>{value});
  }
}

}  // namespace
}  // namespace coatcheck
