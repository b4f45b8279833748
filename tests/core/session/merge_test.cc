// Three-way merges: what each side did is there, collisions follow the policy and the rules, work is bounded.
#include "coatcheck/merge.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "coatcheck/engine.hpp"

#include "support/vectors.hpp"

namespace coatcheck {
namespace {

using nlohmann::json;

std::string merged(const std::string& base, const std::string& mine, const std::string& theirs,
                   merge_policy policy = merge_policy::mine, const merge_rules& rules = {}) {
  auto got = merge_payloads(base, mine, theirs, policy, rules);
  return got ? *std::move(got) : std::string(name_of(got.error().code));
}

// Of the member `v` alone.
std::string merged_member(const std::string& base, const std::string& mine, const std::string& theirs,
                          merge_policy policy = merge_policy::mine, const merge_rules& rules = {}) {
  const auto wrap = [](const std::string& value) { return value.empty() ? "{}" : R"({"v":)" + value + "}"; };
  const auto got = merged(wrap(base), wrap(mine), wrap(theirs), policy, rules);
  return got == "{}" ? "" : got.starts_with(R"({"v":)") ? got.substr(5, got.size() - 6) : got;
}

TEST(merge, keeps_what_both_did_to_an_array) {
  const std::vector<std::array<const char*, 4>> cases = {
      {"", "[1]", "[2]", "[2,1]"},  // the list that each of two requests began
      {"[0]", "[0,1]", "[0,2]", "[0,2,1]"},
      {"[0]", "[1,0]", "[2,0]", "[2,1,0]"},
      {"[0]", "[1,0]", "[0,2]", "[1,0,2]"},
      {"[1,2,3]", "[1,3]", "[1,2,3,4]", "[1,3,4]"},
      {"[1,2,3]", "[1,9,3]", "[1,2,3,4]", "[1,9,3,4]"},
      {"[1,2,3]", "[2,3]", "[1,2]", "[2]"},
      {"[1,2,3]", "[]", "[1,2,3,4]", "[4]"},
      {"[1,2]", "[1,2,3]", "[1,2,3]", "[1,2,3]"},
      {"[1,1]", "[1,1,1]", "[1]", "[1,1]"},
      {"[1,2,3,4]", "[9,2,3,4]", "[1,2,3,8]", "[9,2,3,8]"},
      {"[[1],[2]]", "[[1,3],[2]]", "[[1],[2,4]]", "[[1,3],[2,4]]"},
      {R"([{"id":1,"n":1}])", R"([{"id":1,"n":2}])", R"([{"id":1,"n":1},{"id":2}])", R"([{"id":1,"n":2},{"id":2}])"},
      {R"([{"id":1,"n":1}])", R"([{"id":1,"n":2},{"id":3}])", R"([{"id":1,"n":1,"gift":true},{"id":2}])",
       R"([{"id":1,"n":2,"gift":true},{"id":2},{"id":3}])"},
      {"[1,2,3]", "[1,7,3]", "[1,8,3]", "[1,7,3]"},  // a collision: the policy
      {"null", "[1]", "[2]", "[2,1]"},
  };
  for (const auto& [base, mine, theirs, want] : cases) {
    EXPECT_EQ(merged_member(base, mine, theirs), want) << base << " " << mine << " " << theirs;
  }
}

TEST(merge, goes_into_objects_at_every_depth) {
  EXPECT_EQ(merged(R"({"a":{"b":{}}})", R"({"a":{"b":{"x":1}}})", R"({"a":{"b":{"y":2}}})"),
            R"({"a":{"b":{"y":2,"x":1}}})");
  EXPECT_EQ(merged("{}", R"({"a":{"x":1}})", R"({"a":{"y":2}})"), R"({"a":{"y":2,"x":1}})");
  EXPECT_EQ(merged(R"({"a":{"x":1,"y":1}})", R"({"a":{"y":1}})", R"({"a":{"x":1}})"), R"({"a":{}})");
}

TEST(merge, lets_the_policy_decide_what_collides) {
  for (const auto& [base, mine, theirs] :
       {std::array{"1", "2", "3"}, std::array{"1", "2", ""}, std::array{"1", "", "3"}, std::array{"", "1", R"("1")"},
        std::array{"[1]", "{}", "[1,2]"}}) {
    EXPECT_EQ(merged_member(base, mine, theirs), mine);
    EXPECT_EQ(merged_member(base, mine, theirs, merge_policy::theirs), theirs);
    EXPECT_EQ(merged_member(base, mine, theirs, merge_policy::reject), "ERR_SESSION_CONFLICT");
  }
}

merge_rules rules_of(const std::vector<std::pair<std::string, std::string>>& by_path) {
  auto made = merge_rules::create(by_path);
  EXPECT_TRUE(made);
  return *made;
}

TEST(merge, follows_rules_by_path) {
  const auto rule = [](const char* word) { return rules_of({{"v", word}}); };
  EXPECT_EQ(merged_member("5", "6", "8", merge_policy::reject, rule("sum")), "9");
  EXPECT_EQ(merged_member("", "1", "1.5", merge_policy::reject, rule("sum")), "2.5");
  EXPECT_EQ(merged_member("5", "4", "5", merge_policy::reject, rule("sum")), "4");
  EXPECT_EQ(merged_member("5", "6", "6", merge_policy::reject, rule("sum")), "7");
  EXPECT_EQ(merged_member("5", "6", "6", merge_policy::reject, rule("reject")), "6");
  EXPECT_EQ(merged_member("5", "6", "8", merge_policy::reject, rule("max")), "8");
  EXPECT_EQ(merged_member("5", "6", "8", merge_policy::reject, rule("min")), "6");
  EXPECT_EQ(merged_member("[1,2]", "[1,3]", "[1,2,3,4]", merge_policy::reject, rule("union")), "[1,3,4]");
  EXPECT_EQ(merged_member("[1]", "[1,2]", "[1,3]", merge_policy::mine, rule("theirs")), "[1,3]");
  EXPECT_EQ(merged_member("[1]", "[1,2]", "[1,3]", merge_policy::theirs, rule("mine")), "[1,2]");
  EXPECT_EQ(merged_member("[1]", "[1,2]", "[1,3]", merge_policy::mine, rule("reject")), "ERR_SESSION_CONFLICT");
  EXPECT_EQ(merged_member("[1]", "[1,2]", "[1]", merge_policy::mine, rule("reject")), "[1,2]");
  // A rule for numbers has no say over text; a sum that is no safe number is not made.
  EXPECT_EQ(merged_member("1", R"("x")", "2", merge_policy::mine, rule("sum")), R"("x")");
  EXPECT_EQ(merged_member("0", "9007199254740991", "1", merge_policy::mine, rule("sum")), "9007199254740991");

  const auto deep = rules_of({{"cart.total", "sum"}, {"cart.*", "theirs"}, {"/a.b/~1", "max"}, {"list.*.n", "sum"}});
  EXPECT_EQ(merged(R"({"cart":{"total":1,"x":1}})", R"({"cart":{"total":2,"x":2}})", R"({"cart":{"total":5,"x":3}})",
                   merge_policy::mine, deep),
            R"({"cart":{"total":6,"x":3}})");
  EXPECT_EQ(merged("{}", R"({"a.b":{"/":1}})", R"({"a.b":{"/":2}})", merge_policy::mine, deep), R"({"a.b":{"/":2}})");
  EXPECT_EQ(merged(R"({"list":[{"n":1}]})", R"({"list":[{"n":2}]})", R"({"list":[{"n":4}]})", merge_policy::mine, deep),
            R"({"list":[{"n":5}]})");
}

TEST(merge, refuses_rules_that_mean_nothing) {
  const std::vector<std::vector<std::pair<std::string, std::string>>> bad = {
      {{"a", "add"}},  {{"", "sum"}}, {{"a..b", "sum"}}, {{"a.", "sum"}}, {{"a", "sum"}, {"a", "max"}},
      {{"/~2", "sum"}}};
  for (const auto& rules : bad) {
    const auto made = merge_rules::create(rules);
    ASSERT_FALSE(made) << rules.front().first;
    EXPECT_EQ(made.error().code, errc::invalid_option);
  }
}

TEST(merge, takes_no_side_that_is_no_session) {
  for (const auto* bad : {"not json", "[]", "7", R"({"a":1,"a":2})", ""}) {
    EXPECT_EQ(merged("{}", "{}", bad), "ERR_NOT_SERIALISABLE") << bad;
  }
}

TEST(merge, keeps_the_text_of_what_is_stored) {
  EXPECT_EQ(merged(R"({"n":1})", R"({"n":1,"m":2})", R"({ "z": "\u00e9\n", "n": 1.0 })"),
            R"({"z":"é\n","n":1.0,"m":2})");
}

TEST(merge, gives_the_known_answers) {
  for (const auto& c : coatcheck_test::vector_cases("merge")) {
    std::vector<std::pair<std::string, std::string>> by_path;
    const auto rules = c.value("rules", json::object());
    for (const auto& [path, rule] : rules.items()) by_path.emplace_back(path, rule);
    const auto& word = c.at("policy");
    const auto policy = word == "mine"     ? merge_policy::mine
                        : word == "theirs" ? merge_policy::theirs
                                           : merge_policy::reject;
    const auto got = merged(c.at("base").dump(), c.at("mine").dump(), c.at("theirs").dump(), policy, rules_of(by_path));
    if (c.contains("error")) {
      EXPECT_EQ(got, c.at("error")) << c.at("name");
    } else {
      EXPECT_EQ(json::parse(got), c.at("merged")) << c.at("name");
    }
  }
}

// Against the plain rules, on random documents.
class random_json {
 public:
  explicit random_json(unsigned seed) : random_(seed) {}
  std::size_t below(std::size_t limit) { return random_() % limit; }

  json value(int depth) {
    switch (below(depth > 0 ? 6 : 4)) {
      case 0:
        return static_cast<int>(below(4));
      case 1:
        return std::string(1, static_cast<char>('a' + below(4)));
      case 2:
        return below(2) == 0;
      case 3:
        return nullptr;
      case 4: {
        json list = json::array();
        for (std::size_t i = below(5); i > 0; --i) list.push_back(value(depth - 1));
        return list;
      }
      default:
        return object(depth - 1);
    }
  }
  json object(int depth) {
    json made = json::object();
    for (std::size_t i = below(5); i > 0; --i) made[std::string(1, static_cast<char>('a' + below(5)))] = value(depth);
    return made;
  }
  json changed(json from, int depth) {
    for (std::size_t i = below(3); i > 0; --i) {
      const auto name = std::string(1, static_cast<char>('a' + below(6)));
      if (below(4) == 0) {
        from.erase(name);
      } else if (from.contains(name) && from[name].is_array() && below(3) > 0) {
        auto& list = from[name];
        const auto at = list.begin() + static_cast<std::ptrdiff_t>(below(list.size() + 1));
        if (at != list.end() && below(2) == 0) {
          list.erase(at);
        } else {
          list.insert(at, value(0));
        }
      } else if (from.contains(name) && from[name].is_object() && depth > 0) {
        from[name] = changed(from[name], depth - 1);
      } else {
        from[name] = value(depth);
      }
    }
    return from;
  }

 private:
  std::mt19937 random_;
};

TEST(merge, of_one_changed_side_is_that_side_and_of_equal_sides_is_either) {
  random_json random(20261126);
  for (int i = 0; i < 20'000; ++i) {
    const auto base = random.object(3);
    const auto other = random.changed(base, 3);
    const auto b = base.dump();
    const auto o = other.dump();
    ASSERT_EQ(json::parse(merged(b, b, o, merge_policy::reject)), other) << b << o;
    ASSERT_EQ(json::parse(merged(b, o, b, merge_policy::reject)), other) << b << o;
    ASSERT_EQ(json::parse(merged(b, o, o, merge_policy::reject)), other) << b << o;
  }
}

TEST(merge, never_misses_what_one_side_alone_added) {
  random_json random(7);
  for (int i = 0; i < 20'000; ++i) {
    // Elements are unique to a side, so that each can be looked for. One side inserts anywhere, the other inserts or
    // removes.
    json base = json::array();
    for (std::size_t n = random.below(6); n > 0; --n) base.push_back("b" + std::to_string(n));
    std::set<std::string> expected(base.begin(), base.end());
    const auto with_more = [&](const char* prefix) {
      json list = base;
      for (std::size_t n = random.below(4); n > 0; --n) {
        list.insert(list.begin() + static_cast<std::ptrdiff_t>(random.below(list.size() + 1)),
                    prefix + std::to_string(n));
      }
      expected.insert(list.begin(), list.end());
      return list;
    };
    const auto with_less = [&] {
      json list = base;
      for (std::size_t n = random.below(3); n > 0 && !list.empty(); --n) {
        const auto at = list.begin() + static_cast<std::ptrdiff_t>(random.below(list.size()));
        expected.erase(at->get<std::string>());
        list.erase(at);
      }
      return list;
    };
    const json mine = with_more("m");
    const json theirs = random.below(2) == 0 ? with_more("t") : with_less();
    const auto text = [](const json& list) { return json{{"v", list}}.dump(); };
    const auto got = json::parse(merged(text(base), text(mine), text(theirs), merge_policy::reject))["v"];
    ASSERT_EQ(std::set<std::string>(got.begin(), got.end()), expected) << base << mine << theirs << got;
    ASSERT_EQ(got.size(), expected.size()) << base << mine << theirs << got;
    const auto other_way = json::parse(merged(text(base), text(theirs), text(mine), merge_policy::reject))["v"];
    ASSERT_EQ(std::set<std::string>(other_way.begin(), other_way.end()), expected);
  }
}

TEST(merge, survives_large_and_hostile_arrays) {
  // Nothing in common in the middle, more different than a shortest edit may be: one side's own stretch remains whole.
  json base = json::array();
  json mine = json::array();
  for (int i = 0; i < 20'000; ++i) {
    base.push_back(i);
    mine.push_back(i % 3 == 0 ? -i - 1 : i);
  }
  json theirs = base;
  theirs.push_back("t");
  const auto got = json::parse(
      merged(json{{"v", base}}.dump(), json{{"v", mine}}.dump(), json{{"v", theirs}}.dump(), merge_policy::reject));
  mine.push_back("t");
  EXPECT_EQ(got["v"], mine);
  const std::string ones = "[" + std::string(200'000, '1') + "]";  // one number of many digits is not finite
  EXPECT_EQ(merged_member("1", ones, "2"), "ERR_NOT_SERIALISABLE");
}

}  // namespace
}  // namespace coatcheck
