// The envelope against its known answers, and the checks on keys.
#include "store/envelope.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <set>

namespace coatcheck {
namespace {

nlohmann::json vectors() {
  std::ifstream in(COATCHECK_VECTORS "/envelope.json");
  return nlohmann::json::parse(in);
}

TEST(Envelope, KnownAnswersBothWays) {
  const auto all = vectors()["good"];
  ASSERT_FALSE(all.empty());
  for (const auto& v : all) {
    const auto tag = v["tag"].get<std::string>();
    const auto bytes = v["bytes"].get<std::string>();
    const auto expected = v["envelope"].get<std::string>();
    std::string written(envelope::header_size, '?');
    envelope::write_header(v["expires_at"].get<epoch_ms>(), tag, written.data());
    EXPECT_EQ(written + bytes, expected);
    const auto read = envelope::decode(expected);
    ASSERT_TRUE(read) << expected;
    EXPECT_EQ(read->expires_at, v["expires_at"].get<epoch_ms>());
    EXPECT_EQ(read->tag, tag);
    EXPECT_EQ(read->bytes, bytes);
  }
}

TEST(Envelope, WhatIsNoneIsRefused) {
  const auto all = vectors()["bad"];
  ASSERT_FALSE(all.empty());
  for (const auto& text : all) EXPECT_FALSE(envelope::decode(text.get<std::string>())) << text;
}

TEST(Envelope, ADateOutsideThirteenDigitsIsWrittenAsTheNearest) {
  std::string out(envelope::expiry_size, '?');
  envelope::write_expiry(-1, out.data());
  EXPECT_EQ(out, "0000000000000");
  envelope::write_expiry(envelope::max_expiry + 1, out.data());
  EXPECT_EQ(out, "9999999999999");
}

TEST(Envelope, ATouchRewritesTheFirstDigitsAlone) {
  std::string text = "1700000000000 0123456789abcdef {\"a\":1}";
  envelope::write_expiry(1'700'000'000'123, text.data());
  EXPECT_EQ(text, "1700000000123 0123456789abcdef {\"a\":1}");
}

TEST(Envelope, TagsAreSixteenHexDigitsAndDiffer) {
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) {
    const auto tag = make_etag();
    ASSERT_EQ(tag.view().size(), envelope::tag_size);
    ASSERT_EQ(tag.view().find_first_not_of("0123456789abcdef"), std::string_view::npos);
    seen.emplace(tag.view());
  }
  EXPECT_EQ(seen.size(), 10'000U);
}

}  // namespace
}  // namespace coatcheck
