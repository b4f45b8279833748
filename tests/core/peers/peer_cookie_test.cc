// Cookies of Flask, Starlette and Django: what those made themselves, and what is no such cookie.
#include <gtest/gtest.h>

#include "coatcheck/peers.hpp"

#include "support/vectors.hpp"

namespace coatcheck {
namespace {

constexpr epoch_ms signed_at = 1'700'000'000'000;
constexpr duration_ms second = 1000;
const std::vector<std::string> key{"dev-secret-key"};

peer_cookie codec(peer_cookie_format format, const std::vector<std::string>& keys = key) {
  return *peer_cookie::create(format, keys);
}

peer_cookie_format format_of(const nlohmann::json& one) {
  for (const auto format : {peer_cookie_format::flask, peer_cookie_format::starlette, peer_cookie_format::django}) {
    if (name_of(format) == one["format"].get<std::string>()) return format;
  }
  ADD_FAILURE() << one;
  return peer_cookie_format::flask;
}

std::string why(const result<peer_cookie::decoded>& read) {
  return read ? "" : std::string(name_of(read.error().code));
}

TEST(PeerCookie, HasKnownAnswers) {
  for (const auto& one : coatcheck_test::vector_cases("peer_cookies")) {
    const auto cookie = one["cookie"].get<std::string>();
    const auto payload = one["payload"].get<std::string>();
    const auto peer = codec(format_of(one));
    const auto read = peer.decode(cookie, signed_at, 0);
    ASSERT_TRUE(read) << read.error().message << cookie;
    EXPECT_EQ(read->payload, payload);
    EXPECT_EQ(read->signed_at, signed_at);
    EXPECT_EQ(peer.encode(payload, signed_at + 999), cookie);
  }
}

TEST(PeerCookie, RefusesEachChangedCharacter) {
  for (const auto& one : coatcheck_test::vector_cases("peer_cookies")) {
    const auto cookie = one["cookie"].get<std::string>();
    const auto peer = codec(format_of(one));
    for (std::size_t at = 0; at < cookie.size(); ++at) {
      auto changed = cookie;
      changed[at] = changed[at] == 'A' ? 'B' : 'A';
      EXPECT_EQ(why(peer.decode(changed, signed_at, std::nullopt)), "ERR_TOKEN_SIGNATURE") << changed;
      EXPECT_FALSE(peer.decode(std::string_view(cookie).substr(0, at), signed_at, std::nullopt));
    }
    EXPECT_FALSE(peer.decode(cookie + "=", signed_at, std::nullopt)) << "one cookie, one form";
    for (const auto other : {peer_cookie_format::flask, peer_cookie_format::starlette, peer_cookie_format::django}) {
      if (other == peer.format()) continue;
      EXPECT_FALSE(codec(other).decode(cookie, signed_at, std::nullopt));
    }
  }
}

TEST(PeerCookie, CountsAgeInWholeSecondsAndForgivesAClock) {
  for (const auto format : {peer_cookie_format::flask, peer_cookie_format::starlette, peer_cookie_format::django}) {
    const auto peer = codec(format);
    const auto cookie = peer.encode("{}", signed_at);
    EXPECT_TRUE(peer.decode(cookie, signed_at + 10 * second + 999, 10 * second));
    EXPECT_EQ(why(peer.decode(cookie, signed_at + 11 * second, 10 * second)), "ERR_TOKEN_EXPIRED");
    EXPECT_TRUE(peer.decode(cookie, signed_at - peer_clock_skew, 10 * second));
    EXPECT_EQ(why(peer.decode(cookie, signed_at - peer_clock_skew - second, 10 * second)), "ERR_TOKEN_EXPIRED");
    EXPECT_EQ(why(peer.decode(cookie, signed_at, -second)), "ERR_TOKEN_EXPIRED") << "Starlette's max_age=-1";
    EXPECT_TRUE(peer.decode(cookie, signed_at * 2, std::nullopt));
  }
}

TEST(PeerCookie, ReadsWhatOlderKeysSigned) {
  const auto old = codec(peer_cookie_format::flask).encode("{}", signed_at);
  EXPECT_TRUE(codec(peer_cookie_format::flask, {"newer", "dev-secret-key"}).decode(old, signed_at, 0));
  EXPECT_FALSE(codec(peer_cookie_format::flask, {"newer"}).decode(old, signed_at, 0));
  EXPECT_FALSE(peer_cookie::create(peer_cookie_format::flask, {}));
}

TEST(PeerCookie, UnpacksNoMoreThanItMay) {
  const auto peer = codec(peer_cookie_format::flask);
  const auto bomb = peer.encode("{\"a\":\"" + std::string(3'000'000, 'a') + "\"}", signed_at);
  ASSERT_LT(bomb.size(), 4096U);
  EXPECT_EQ(why(peer.decode(bomb, signed_at, 0)), "ERR_TOKEN_TOO_LARGE");
  const std::string most = "{\"a\":\"" + std::string(1000, 'a') + "\"}";
  EXPECT_TRUE(peer.decode(peer.encode(most, signed_at), signed_at, 0, most.size()));
  EXPECT_EQ(why(peer.decode(peer.encode(most, signed_at), signed_at, 0, most.size() - 1)), "ERR_TOKEN_TOO_LARGE");
}

// Signed by somebody who has the key, and yet no cookie of this format.
TEST(PeerCookie, RefusesWhatIsSignedAndMalformed) {
  const auto signer =
      *itsdangerous_signer::create(key, {"cookie-session", ".", key_derivation::hmac, peer_digest::sha1});
  const auto peer = codec(peer_cookie_format::flask);
  for (const std::string text : {"", "e30", ".ZVPxAA", "e30.", "e30.!", "e30.ZVPxAB", "e30.ZVPxAAAAAAAAAAAA",
                                 "e3.ZVPxAA", "..ZVPxAA", ".e30.ZVPxAA", "e30=.ZVPxAA"}) {
    const auto read = peer.decode(signer.sign(text), signed_at, std::nullopt);
    if (text == ".ZVPxAA" || text == "e30.") {
      EXPECT_TRUE(read) << "an empty text, the second 0";  // what itsdangerous makes of nothing
      continue;
    }
    EXPECT_EQ(why(read), "ERR_TOKEN_MALFORMED") << text;
  }
}

TEST(Itsdangerous, RefusesASeparatorThatASignatureMayHold) {
  for (const std::string separator : {"", "-", "_", "=", "a", "Z", "0", ".x"}) {
    EXPECT_FALSE(itsdangerous_signer::create(key, {"salt", separator, key_derivation::hmac, peer_digest::sha1}));
  }
}

}  // namespace
}  // namespace coatcheck
