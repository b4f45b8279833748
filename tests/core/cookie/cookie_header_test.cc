// The Cookie header as browsers send it, and as attackers do.
#include <gtest/gtest.h>

#include "coatcheck/cookie.hpp"

#include "cookie/percent.hpp"
#include "support/vectors.hpp"

namespace coatcheck {
namespace {

TEST(cookie_header, known_answers) {
  for (const auto& c : coatcheck_test::vector_cases("cookie_header")) {
    const auto found = find_cookie(c["header"].get<std::string>(), c["cookie"].get<std::string>());
    EXPECT_EQ(found.values, c["values"].get<std::vector<std::string>>()) << c["name"];
    EXPECT_EQ(found.refused, c["refused"].get<bool>()) << c["name"];
  }
}

// Bytes that are not text in any encoding: JSON can't hold them.
TEST(cookie_header, raw_bytes_are_kept_and_never_match_a_name) {
  EXPECT_EQ(find_cookie("id=a\xff\xfe"
                        "b",
                        "id")
                .values,
            std::vector<std::string>{"a\xff\xfe"
                                     "b"});
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool white_space = c == ' ' || c == '\t', separator = c == ';';
    const std::string before = std::string(1, c) + "id=x", after = std::string("id") + c + "=x";
    EXPECT_EQ(find_cookie(before, "id").values.size(), white_space || separator ? 1u : 0u) << byte;
    // `id==x`: the first equals sign ends the name.
    EXPECT_EQ(find_cookie(after, "id").values.size(), white_space || c == '=' ? 1u : 0u) << byte;
  }
}

TEST(cookie_header, a_name_that_no_cookie_can_have_matches_nothing) {
  for (const char* name : {"", " ", " id", "id ", "id=x", "a;id", ";", "="}) {
    EXPECT_TRUE(find_cookie("id=x=y; a;id=z; =w", name).values.empty()) << '"' << name << '"';
  }
}

TEST(cookie_header, limits_are_exact) {
  const std::string padding(max_cookie_header - std::string("id=abc; a=").size(), 'v');
  EXPECT_EQ(find_cookie("id=abc; a=" + padding, "id").values.size(), 1u);
  const auto refused = find_cookie("id=abc; a=" + padding + "v", "id");
  EXPECT_TRUE(refused.refused);
  EXPECT_TRUE(refused.values.empty());
}

TEST(percent_encoding, encodes_every_byte_as_encode_uri_component_does) {
  const std::string plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()";
  for (int byte = 0; byte < 256; ++byte) {
    const std::string one(1, static_cast<char>(byte));
    char hex[4];
    std::snprintf(hex, sizeof hex, "%%%02X", byte);
    EXPECT_EQ(percent_encode(one), plain.find(one) != std::string::npos ? one : hex) << byte;
  }
  EXPECT_EQ(percent_encode(""), "");
}

TEST(percent_encoding, decodes_each_character_of_unicode_and_nothing_else) {
  // Every sequence of up to three encoded bytes from the edges of UTF-8's ranges, and some of four.
  const std::vector<int> edges{0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2,
                               0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff};
  // nlohmann/json is the judge: it refuses to print what is not UTF-8.
  const auto valid = [](const std::string& bytes) {
    try {
      static_cast<void>(nlohmann::json(bytes).dump());
      return true;
    } catch (const nlohmann::json::type_error&) {
      return false;
    }
  };
  const auto check = [&](const std::string& bytes) {
    std::string encoded;
    for (const char c : bytes) {
      char hex[4];
      std::snprintf(hex, sizeof hex, "%%%02x", static_cast<unsigned char>(c));
      encoded += hex;
    }
    const auto decoded = percent_decode(encoded);
    ASSERT_EQ(decoded.has_value(), valid(bytes)) << encoded;
    if (decoded) {
      ASSERT_EQ(*decoded, bytes);
    }
  };
  for (const int a : edges) {
    check({static_cast<char>(a)});
    for (const int b : edges) {
      check({static_cast<char>(a), static_cast<char>(b)});
      for (const int c : edges) {
        check({static_cast<char>(a), static_cast<char>(b), static_cast<char>(c)});
        if (a >= 0xf0) check({static_cast<char>(a), static_cast<char>(b), static_cast<char>(c), '\x80'});
      }
    }
  }
}

TEST(JoinedCookies, AreSplitWhereOursBeginsOrEnds) {
  const auto split = [](std::string_view header, std::string_view name = "session") {
    return split_joined_cookies(header, name);
  };
  EXPECT_EQ(split("a=1,session=x"), "a=1;session=x");
  EXPECT_EQ(split("a=1, session=x"), "a=1; session=x");
  EXPECT_EQ(split("session=x,a=1; b=2"), "session=x;a=1; b=2");
  EXPECT_EQ(split("session=x,session=y,a=1"), "session=x;session=y;a=1");
  EXPECT_EQ(split("a=1,2; b=3,c"), "a=1,2; b=3,c") << "commas of others are theirs";
  EXPECT_EQ(split("a=1,sessions=x,session.x=1,session"), "a=1,sessions=x,session.x=1,session");
  EXPECT_EQ(split(",,,"), ",,,");
  EXPECT_EQ(split(""), "");
}

TEST(JoinedCookies, ANameWithAPrefixIsNotPlantedInAValue) {
  EXPECT_EQ(split_joined_cookies("a=1,__Host-session=x", "__Host-session"), "a=1,__Host-session=x");
  EXPECT_EQ(split_joined_cookies("a=1,__Secure-session=x", "__Secure-session"), "a=1,__Secure-session=x");
  EXPECT_EQ(split_joined_cookies("__Host-session=x,a=1", "__Host-session"), "__Host-session=x;a=1");
}

}  // namespace
}  // namespace coatcheck
