// JSON across languages: what may be stored, what counts as equal, how three versions merge.
#include <gtest/gtest.h>

#include "coatcheck/engine.hpp"

#include "support/vectors.hpp"

namespace coatcheck {
namespace {

TEST(check_payload, takes_what_every_language_reads_back) {
  for (const auto* good : {"{}", R"({"a":null,"b":[true,false,1,-1.5,1e300,"x"],"c":{"d":{}}})",
                           R"({"n":9007199254740991,"m":-9007199254740991})", R"({"t":"é😀\u0000\ud83d\ude00"})",
                           R"({"constructor":1,"toString":2,"":3})"}) {
    EXPECT_TRUE(check_payload(good)) << good;
  }
}

TEST(check_payload, refuses_what_would_change_on_the_way_and_says_why) {
  const std::string deep = "{\"a\":" + std::string(64, '[') + std::string(64, ']') + "}";
  for (const std::string& bad : {std::string(""),
                                 std::string("null"),
                                 std::string("[]"),
                                 std::string("7"),
                                 std::string("\"x\""),
                                 std::string("{"),
                                 std::string(R"({"a":1}x)"),
                                 std::string(R"({"a":NaN})"),
                                 std::string(R"({"a":1e400})"),
                                 std::string(R"({"a":9007199254740993})"),
                                 std::string(R"({"a":-9007199254740993})"),
                                 std::string(R"({"a":1152921504606846976})"),
                                 std::string(R"({"a":123456789012345678901234567890})"),
                                 std::string(R"({"a":{"b":1,"c":2,"b":3}})"),
                                 std::string(R"({"a":1,"a":2})"),
                                 std::string(R"({"a":{"\u0061":1,"a":2}})"),
                                 std::string(R"({"__proto__":{"admin":true}})"),
                                 std::string(R"({"a":[{"__proto__":1}]})"),
                                 std::string(R"({"a":"\ud800"})"),
                                 std::string("{\"a\":\"\xff\"}"),
                                 deep}) {
    const auto checked = check_payload(bad);
    ASSERT_FALSE(checked) << bad;
    EXPECT_EQ(checked.error().code, errc::not_serialisable) << bad;
  }
}

TEST(check_payload, takes_a_number_as_any_language_writes_it) {
  for (const auto& c : coatcheck_test::vector_cases("numbers")) {
    const auto in_object = [](const std::string& number) { return R"({"n":)" + number + "}"; };
    const auto javascript = in_object(c.at("javascript"));
    for (const auto* form : {"javascript", "float", "integer"}) {
      if (!c.contains(form)) continue;
      EXPECT_TRUE(check_payload(in_object(c.at(form)))) << c.at("name") << " as " << form;
      EXPECT_TRUE(same_json(javascript, in_object(c.at(form)))) << c.at("name") << " as " << form;
    }
  }
}

TEST(check_payload, judges_numbers_by_value) {
  for (const auto* good : {"9007199254740991", "9007199254740992", "-9007199254740992", "10000000000000000", "1e16",
                           "1e+16", "1e21", "1000000000000000000000", "1152921504606847000", "18446744073709552000",
                           "-0.0", "5e-324", "1.7976931348623157e308"}) {
    EXPECT_TRUE(check_payload(R"({"n":)" + std::string(good) + "}")) << good;
  }
  EXPECT_FALSE(portable_integer("12345678901234567890123"));
  EXPECT_FALSE(portable_integer("1" + std::string(400, '0')));
  EXPECT_FALSE(portable_integer("x"));
}

TEST(check_payload, bounds_members_and_elements_together) {
  const std::string text = R"({"a":[1,2,{"b":3}],"c":4})";  // a, three elements, b, c
  EXPECT_TRUE(check_payload(text, 1000, 6));
  const auto refused = check_payload(text, 1000, 5);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::payload_too_large);
  EXPECT_NE(refused.error().message.find("max_members"), std::string::npos);
}

TEST(check_payload, bounds_the_size) {
  const auto big = R"({"a":")" + std::string(100, 'x') + "\"}";
  EXPECT_TRUE(check_payload(big, big.size()));
  EXPECT_EQ(check_payload(big, big.size() - 1).error().code, errc::payload_too_large);
}

TEST(check_payload, never_repeats_the_data_in_the_message) {
  EXPECT_EQ(check_payload(R"({"password":"hunter2")").error().message.find("hunter2"), std::string::npos);
}

TEST(same_json, compares_values_not_bytes) {
  EXPECT_TRUE(same_json(R"({"a":1,"b":2})", R"({ "b": 2.0, "a": 1 })"));
  EXPECT_TRUE(same_json(R"({"a":"é"})", R"({"a":"\u00e9"})"));
  EXPECT_TRUE(same_json(R"({"a":1e2})", R"({"a":100})"));
  EXPECT_FALSE(same_json(R"({"a":1})", R"({"a":"1"})"));
  EXPECT_FALSE(same_json(R"({"a":[1,2]})", R"({"a":[2,1]})"));
  EXPECT_FALSE(same_json(R"({"a":1})", R"({"a":2})"));
  EXPECT_FALSE(same_json(R"({"a":null})", R"({})"));
  EXPECT_FALSE(same_json(R"({"a":true})", R"({"a":1})"));
  EXPECT_FALSE(same_json("", "{}"));
  // Next to each other: what a shortcut could take for the other.
  EXPECT_FALSE(same_json(R"({"a":"1"})", R"({"a":"1.0"})"));
  EXPECT_TRUE(same_json(R"({"a":1,"b":3})", R"({"a":1.0,"b":3})"));
  EXPECT_FALSE(same_json(R"({"a":1,"b":2})", R"({"a":2,"b":1})"));
  EXPECT_TRUE(same_json(R"({"a":1,"b":2})", R"({"b":2,"a":1})"));
  EXPECT_FALSE(same_json(R"({"a":12})", R"({"a":123})"));
  EXPECT_FALSE(same_json(R"({"a":12})", R"({"a":-12})"));
  EXPECT_FALSE(same_json(R"({"a":[1]})", R"({"a":[]})"));
  EXPECT_FALSE(same_json(R"({"e":1})", R"({"E":1})"));
  EXPECT_TRUE(same_json(R"({"a":-0.0})", R"({"a":0})"));
  EXPECT_TRUE(same_json(R"({"a":1e3})", R"({"a":1000})"));
}

struct merge_case {
  const char* base;
  const char* mine;
  const char* theirs;
  const char* with_mine;
  const char* with_theirs;  // null: as with_mine, and `reject` takes it too
};

TEST(merge_payloads, merges_by_top_level_key) {
  const merge_case cases[] = {
      {R"({})", R"({"a":1})", R"({"b":2})", R"({"b":2,"a":1})", nullptr},
      {R"({"a":1,"b":1})", R"({"b":1})", R"({"a":1,"b":2})", R"({"b":2})", nullptr},
      {R"({"a":1})", R"({"a":2})", R"({"a":2})", R"({"a":2})", nullptr},
      {R"({"a":1})", R"({"a":1})", R"({})", R"({})", nullptr},
      {R"({"a":1})", R"({})", R"({})", R"({})", nullptr},
      {R"({"a":{"x":1,"y":2}})", R"({"a":{"y":2,"x":1}})", R"({"a":9})", R"({"a":9})", nullptr},
      {R"({"a":1})", R"({"a":2})", R"({"a":3})", R"({"a":2})", R"({"a":3})"},
      {R"({"a":1})", R"({"a":2,"b":1})", R"({})", R"({"a":2,"b":1})", R"({"b":1})"},
      {R"({"a":1})", R"({})", R"({"a":3})", R"({})", R"({"a":3})"},
      {R"({})", R"({"a":null})", R"({"a":1})", R"({"a":null})", R"({"a":1})"},
  };
  for (const auto& c : cases) {
    const auto mine = merge_payloads(c.base, c.mine, c.theirs, merge_policy::mine);
    const auto theirs = merge_payloads(c.base, c.mine, c.theirs, merge_policy::theirs);
    const auto reject = merge_payloads(c.base, c.mine, c.theirs, merge_policy::reject);
    EXPECT_TRUE(same_json(*mine, c.with_mine)) << *mine << " for " << c.mine;
    EXPECT_TRUE(same_json(*theirs, c.with_theirs != nullptr ? c.with_theirs : c.with_mine)) << *theirs;
    EXPECT_EQ(static_cast<bool>(reject), c.with_theirs == nullptr) << c.mine;
    if (!reject) {
      EXPECT_EQ(reject.error().code, errc::session_conflict);
    }
  }
  EXPECT_EQ(merge_payloads("{}", "{}", "not json", merge_policy::mine).error().code, errc::not_serialisable);
}

}  // namespace
}  // namespace coatcheck
