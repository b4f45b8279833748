// The strict JSON reader: it and the reference tokeniser agree on every text, and both are stricter than RFC 8259.
#include "jose/json.hpp"

#include <gtest/gtest.h>
#include <random>

#include "support/json_reference.hpp"

namespace coatcheck::jose::json {
namespace {

// Writes down what it is told.
class recorder final : public visitor {
 public:
  std::string heard;
  bool on_key(std::string_view name, std::size_t depth) override { return add("k", name, depth); }
  bool on_string(std::string_view value, std::size_t depth) override { return add("s", value, depth); }
  bool on_number(const number& v, std::size_t depth) override { return add("n", std::to_string(v.real), depth); }
  bool on_bool(bool v, std::size_t depth) override { return add("b", v ? "1" : "0", depth); }
  bool on_null(std::size_t depth) override { return add("0", "", depth); }
  bool on_start(bool object, std::size_t depth) override { return add(object ? "{" : "[", "", depth); }
  bool on_end(bool object, std::size_t depth) override { return add(object ? "}" : "]", "", depth); }

 private:
  bool add(std::string_view what, std::string_view value, std::size_t depth) {
    heard.append(what).append(std::to_string(depth)).append(value).append("|");
    return true;
  }
};

void expect_agreement(const std::string& text) {
  recorder a, b;
  const verdict fast = read(text, a), model = coatcheck_test::read_reference(text, b);
  if (fast == verdict::overflow) return;  // it may be stricter there: see json.hpp
  ASSERT_EQ(fast == verdict::ok, model == verdict::ok) << text << ": " << describe(fast) << " / " << describe(model);
  if (fast == verdict::ok) {
    ASSERT_EQ(a.heard, b.heard) << text;
  }
}

TEST(json_reader, agrees_with_the_reference_on_texts_that_differ_by_a_byte) {
  const std::string seeds[] = {
      R"({"iss":"https://a.example","n":-1.5e3,"b":[true,false,null,{}],"u":"\u00e9\ud83d\ude00\n"})",
      R"([{"a":{"a":{"b":[[[]]]}}},0,-0,1E+2,18446744073709551616,"é€😀"])", R"({"":0," ":"\/\\\"\b\f\r\t"})"};
  const std::string bytes = std::string("{}[]\",:\\u0d8aeE+-.tfn \n\t\x7f\x80\xc3\xed\xa0\xf0\xff") + '\0';
  std::mt19937 random(1);  // the same texts in every run
  for (const std::string& seed : seeds) {
    for (std::size_t i = 0; i < seed.size(); ++i) {
      for (const char byte : bytes) {
        std::string changed = seed;
        changed[i] = byte;
        expect_agreement(changed);
        changed.insert(i, 1, seed[random() % seed.size()]);
        expect_agreement(changed);
      }
      expect_agreement(seed.substr(0, i));
      expect_agreement(seed.substr(i));
    }
  }
}

TEST(json_reader, says_what_is_wrong) {
  const std::pair<std::string, verdict> cases[] = {{"{}", verdict::ok},
                                                   {" [1] ", verdict::ok},
                                                   {"", verdict::malformed},
                                                   {"{} {}", verdict::malformed},
                                                   {"\xEF\xBB\xBF{}", verdict::malformed},
                                                   {R"({"a":1,"a":1})", verdict::duplicate},
                                                   {R"({"a":1,"\u0061":1})", verdict::duplicate},
                                                   {R"([{"a":{},"a":[]}])", verdict::duplicate},
                                                   {R"({"a":{"a":{"a":1}}})", verdict::ok},
                                                   {"1e400", verdict::overflow},
                                                   {"-1e400", verdict::overflow},
                                                   {"1e-400", verdict::overflow},
                                                   {"[0e-400,0.0,-0,5e-324,1E5]", verdict::ok},
                                                   {"[123456789012345678901234567890]", verdict::ok},
                                                   {R"(["\ud800"])", verdict::malformed},
                                                   {R"(["\udc00"])", verdict::malformed},
                                                   {R"(["\ud800\ud800"])", verdict::malformed},
                                                   {R"({"\udc00":1})", verdict::malformed},
                                                   {std::string(32, '[') + std::string(32, ']'), verdict::ok},
                                                   {std::string(33, '[') + std::string(33, ']'), verdict::too_deep},
                                                   {std::string(100'000, '['), verdict::too_deep},
                                                   {std::string("{}\0", 3), verdict::malformed},
                                                   {"[01]", verdict::malformed},
                                                   {"[1.]", verdict::malformed},
                                                   {"[NaN]", verdict::malformed}};
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(expected, parse(text).what) << text.substr(0, 60);
    recorder heard;
    EXPECT_EQ(expected, coatcheck_test::read_reference(text, heard)) << text.substr(0, 60);
  }
}

TEST(json_reader, finds_a_duplicate_among_many_members) {
  std::string text = "{";
  for (int i = 0; i < 5000; ++i) text += "\"m" + std::to_string(i) + "\":0,";
  EXPECT_EQ(verdict::ok, parse(text + "\"x\":0}").what);
  EXPECT_EQ(verdict::duplicate, parse(text + "\"m17\":0}").what);
}

TEST(json_reader, keeps_values_and_their_order) {
  const std::string text = R"({"z":[1,-2,18446744073709551615,1.5],"a":{"é":"\u0001"},"m":null})";
  const parsed got = parse(text);
  ASSERT_EQ(verdict::ok, got.what);
  EXPECT_EQ(text, print(got.value));
}

TEST(json_reader, a_visitor_may_itself_parse) {
  class nested final : public visitor {
   public:
    bool inner = false;
    bool on_key(std::string_view, std::size_t) override { return true; }
    bool on_string(std::string_view value, std::size_t) override {
      inner = parse(R"({"other":"text that is longer than the outer one"})").what == verdict::ok && value == "outer";
      return true;
    }
    bool on_number(const number&, std::size_t) override { return true; }
    bool on_bool(bool, std::size_t) override { return true; }
    bool on_null(std::size_t) override { return true; }
    bool on_start(bool, std::size_t) override { return true; }
    bool on_end(bool, std::size_t) override { return true; }
  } to;
  EXPECT_EQ(verdict::ok, read(R"({"a":"outer"})", to));
  EXPECT_TRUE(to.inner);
}

}  // namespace
}  // namespace coatcheck::jose::json
