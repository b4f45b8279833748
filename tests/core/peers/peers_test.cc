// Other packages' cookies: the known answers of their own suites, and every bit of a seal.
#include "coatcheck/peers.hpp"

#include <gtest/gtest.h>

#include "support/vectors.hpp"

namespace coatcheck {
namespace {

TEST(Keygrip, HasKnownAnswers) {
  for (const auto& one : coatcheck_test::vector_cases("keygrip")) {
    const auto keys = one["keys"].get<std::vector<std::string>>();
    const auto data = one["data"].get<std::string>();
    const auto signature = one["signature"].get<std::string>();
    const int wanted = one["index"];
    const auto index = keygrip_index(keys, data, signature);
    EXPECT_EQ(index ? static_cast<int>(*index) : -1, wanted) << signature;
    if (wanted < 0) continue;
    EXPECT_EQ(keygrip_sign(keys[static_cast<std::size_t>(wanted)], data), signature);
  }
}

TEST(Iron, HasKnownAnswers) {
  for (const auto& one : coatcheck_test::vector_cases("iron")) {
    const std::vector<iron_password> passwords{{one["id"].get<std::string>(), one["password"].get<std::string>()}};
    const auto opened = iron_unseal(passwords, one["sealed"].get<std::string>(), 0);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(*opened, one["plaintext"].get<std::string>());
  }
}

const std::vector<iron_password> ring{{"1", std::string(32, 'a')}, {"2", std::string(40, 'b')}};

std::string why(std::string_view sealed, epoch_ms now = 0) {
  const auto opened = iron_unseal(ring, sealed, now);
  return opened ? "opened" : opened.error().message;
}

TEST(Iron, OpensWhatItSealsUntilItsEnd) {
  for (const auto& password : ring) {
    for (const std::string plaintext : {"", "{}", "sixteen bytes...", "{\"a\":\"\xC3\xA9\"}"}) {
      const auto sealed = iron_seal(password, plaintext, 1'000'000);
      ASSERT_TRUE(sealed);
      const auto opened = iron_unseal(ring, *sealed, 999'999);
      ASSERT_TRUE(opened) << opened.error().message;
      EXPECT_EQ(*opened, plaintext);
      EXPECT_EQ(why(*sealed, 1'000'000 + iron_clock_skew - 1), "opened") << "a clock may be wrong by a minute";
      EXPECT_EQ(why(*sealed, 1'000'000 + iron_clock_skew), "Expired seal");
    }
  }
  EXPECT_EQ(why(*iron_seal(ring[0], "{}", 0), 1'000'000'000'000'000), "opened") << "0: never";
}

TEST(Iron, SaysWhatIsWrongInItsPeersWords) {
  const auto sealed = *iron_seal(ring[0], "{\"a\":1}", 0);
  EXPECT_EQ(why(""), "Incorrect number of sealed components");
  EXPECT_EQ(why(sealed + "*"), "Incorrect number of sealed components");
  EXPECT_EQ(why("Fe26.1" + sealed.substr(6)), "Wrong mac prefix");
  EXPECT_EQ(why("Fe26.2*9" + sealed.substr(8)), "Cannot find password: 9");
  EXPECT_EQ(why("Fe26.2*2" + sealed.substr(8)), "Bad hmac value");
  EXPECT_EQ(why("Fe26.2*1*a*b*c*-1*d*e"), "Invalid expiration");
  EXPECT_EQ(why("Fe26.2*1*a*b*c*1x*d*e"), "Invalid expiration");
  EXPECT_EQ(iron_seal({"1", "short"}, "{}", 0).error().message,
            "Password string too short (min 32 characters required)");
  EXPECT_FALSE(iron_seal({"a*b", std::string(32, 'a')}, "{}", 0));
}

TEST(Iron, NoByteMayBeChanged) {
  const auto sealed = *iron_seal(ring[0], "{\"a\":1}", 5'000'000);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    for (const char other : {'*', 'A', '0', '_', '\0', '\xFF'}) {
      if (sealed[i] == other) continue;
      auto changed = sealed;
      changed[i] = other;
      EXPECT_NE(why(changed), "opened") << i;
    }
    EXPECT_NE(why(sealed.substr(0, i)), "opened") << i;
  }
}

}  // namespace
}  // namespace coatcheck
