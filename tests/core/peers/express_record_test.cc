// Records of express-session taken apart and put together as text.
#include "peers/express_record.hpp"

#include <gtest/gtest.h>
#include <string>

namespace coatcheck::peers {
namespace {

TEST(express_record_test, what_nobody_changed_keeps_its_bytes) {
  for (const std::string payload :
       {R"({})", R"({"a":1})", R"({"n":1e21,"f":0.10,"s":"\"}{\\","l":[{"cookie":2},"]"],"e":"\u00e9","o":{}})"}) {
    const std::string cookie = R"({"originalMaxAge":null,"expires":null,"path":"/a\"}"})";
    const auto bytes = write_express_record(cookie, payload);
    const auto read = read_express_record(bytes);
    ASSERT_TRUE(read) << bytes;
    EXPECT_EQ(read->cookie, cookie);
    EXPECT_EQ(read->payload, payload);
  }
}

TEST(express_record_test, the_cookie_may_stand_anywhere_and_the_last_one_counts) {
  for (const std::string bytes :
       {R"({"a":1,"cookie":{"path":"/"},"b":[2]})", R"( { "a":1 , "cookie" : {"path":"/"} , "b":[2] } )",
        R"({"a":1,"b":[2],"\u0063ookie":{"path":"/"}})", R"({"cookie":{},"a":1,"b":[2],"cookie":{"path":"/"}})"}) {
    const auto read = read_express_record(bytes);
    ASSERT_TRUE(read) << bytes;
    EXPECT_EQ(read->cookie, R"({"path":"/"})");
    EXPECT_EQ(read->payload.substr(0, 6), R"({"a":1)");
    EXPECT_TRUE(has_member(bytes, "cookie"));
    EXPECT_FALSE(has_member(read->payload, "cookie"));
  }
}

TEST(express_record_test, what_is_no_record_is_none) {
  for (const std::string bytes :
       {"", " ", "x", "[]", "{}", "null", R"({"a":1})", R"({"cookie":null})", R"({"cookie":[]})", R"({"cookie":{}}x)",
        R"({"cookie":{})", R"({"cookie":{},})", R"({"cookie":{},"a":tru})", "{\"cookie\":{},\"a\":\"\xff\"}",
        R"({"cookie":{},"a":"\ud8"})", "cc1 0 0 0 x 2 -\n{}"}) {
    EXPECT_FALSE(read_express_record(bytes)) << bytes;
  }
  // Deep, but valid: not a matter of the stack.
  const std::string deep = "{\"cookie\":{},\"a\":" + std::string(200'000, '[') + std::string(200'000, ']') + "}";
  EXPECT_TRUE(read_express_record(deep));
  EXPECT_FALSE(read_express_record(deep.substr(0, deep.size() - 1)));
}

TEST(express_record_test, a_member_is_found_at_the_top_alone) {
  EXPECT_TRUE(has_member(R"({"cookie":1})", "cookie"));
  EXPECT_TRUE(has_member(R"({"a":"\u0041","\u0063ookie":1})", "cookie"));
  EXPECT_FALSE(has_member(R"({"a":{"cookie":1},"b":"cookie","c":["cookie"]})", "cookie"));
  EXPECT_FALSE(has_member(R"({"cookies":1})", "cookie"));
}

}  // namespace
}  // namespace coatcheck::peers
