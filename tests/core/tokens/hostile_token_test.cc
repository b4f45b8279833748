// Cookies that an engine in a token mode must refuse: altered, of another kind, mode or ring; and the known answers.
#include <gtest/gtest.h>
#include <string>

#include "coatcheck/jose/jwe.hpp"
#include "coatcheck/jose/jwt.hpp"

#include "core/tokens/fixture.hpp"
#include "crypto/base64url.hpp"
#include "support/vectors.hpp"
#include "tokens/session_token.hpp"

namespace coatcheck {
namespace {

class hostile_token_test : public testing::token_session_test {};

TEST_P(hostile_token_test, hostile_cookies_are_refused) {
  const auto cookie = stored();
  const auto value = cookie.substr(cookie.find('=') + 1);
  const auto reason = [&](const std::string& text) { return open("session=" + text).reason; };
  // Every character turned into another.
  for (std::size_t i = 0; i < value.size(); ++i) {
    std::string altered = value;
    altered[i] = altered[i] == 'A' ? 'B' : 'A';
    ASSERT_EQ(reason(altered), fresh_reason::bad_signature) << i;
  }
  for (std::size_t cut = 0; cut < value.size(); cut += 13) {
    ASSERT_NE(open("session=" + value.substr(0, cut)).status, open_status::found);
  }
  const auto first_dot = value.find('.');
  const auto rest = value.substr(first_dot);
  const auto with_header = [&](std::string_view header) { return crypto::base64url_encode(header) + rest; };
  EXPECT_EQ(reason(with_header(R"({"alg":"none","typ":"cc-session+jwt"})")), fresh_reason::bad_signature);
  EXPECT_EQ(reason(with_header(R"({"typ":"cc-session+jwt"})")), fresh_reason::bad_signature);
  EXPECT_EQ(reason(value + "."), fresh_reason::bad_signature);
  EXPECT_EQ(reason(std::string(4000, '.')), fresh_reason::bad_signature);

  // The other mode, another ring.
  token_session_options swapped;
  swapped.mode = GetParam() == session_mode::jwt_signed ? session_mode::jwt_sealed : session_mode::jwt_signed;
  on = make(swapped);
  EXPECT_EQ(open(cookie).reason, fresh_reason::bad_signature);
  on = make({}, {"a stranger's secret of more than 32 bytes"});
  EXPECT_EQ(open(cookie).reason, fresh_reason::bad_signature);
}

// A key that other tokens are made with, too: only typ tells them apart, and it does, both ways.
TEST_P(hostile_token_test, tokens_of_another_kind_under_the_same_key_never_pass) {
  const bool sealed = GetParam() == session_mode::jwt_sealed;
  const auto key = *jose::key::generate(sealed ? jose::algorithm::dir : jose::algorithm::ES256);
  token_session_options tokens;
  tokens.keys = {key};
  on = make(tokens);
  const auto cookie = stored();
  ASSERT_EQ(open(cookie).status, open_status::found);
  const auto value = cookie.substr(cookie.find('=') + 1);
  if (sealed) {
    const auto claims = jose::jwe_decrypt(value, key);
    ASSERT_TRUE(claims);
    const auto plain = jose::jwe_encrypt(key, claims->plaintext);
    const auto access = jose::jwe_encrypt(key, claims->plaintext, {.header = R"({"typ":"at+jwt"})"});
    EXPECT_EQ(open("session=" + *plain).reason, fresh_reason::bad_signature);
    EXPECT_EQ(open("session=" + *access).reason, fresh_reason::bad_signature);
    return;
  }
  const auto claims = jose::decode_unverified(value);
  ASSERT_TRUE(claims);
  for (const char* type : {"", "JWT", "at+jwt", "cc-session"}) {
    jose::signer_options header;
    header.type = type;
    const auto other = jose::signer::create(key, header)->sign(claims->payload);
    ASSERT_TRUE(other);
    EXPECT_EQ(open("session=" + *other).reason, fresh_reason::bad_signature) << type;
  }
  jose::claims_policy policy;
  policy.types = {"JWT", "at+jwt"};
  policy.audience = jose::audience_rule::any;
  jose::verifier_options as_access{.keys = *jose::key_set::from_keys({*key.public_key()}), .claims = policy};
  const auto verified = jose::verifier::create(as_access)->verify(value, time.now());
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().code, errc::token_type);
  // The right type with claims of another shape.
  jose::signer_options right;
  right.type = tokens::session_token_type;
  for (const char* shape :
       {"{}", R"({"exp":1999999999,"sub":"ann"})", R"({"size":2,"data":{}})",
        R"({"size":999999,"sid":"AAECAwQFBgcICQoLDA0ODw","data":{}})",
        R"({"size":2,"sid":"AAECAwQFBgcICQoLDA0ODw","rot":0,"exp":1999999999,"until":1999999999000,"data":{}})",
        R"({"size":2,"sid":"short","rot":1,"exp":1999999999,"until":1999999999000,"data":{}})",
        R"({"size":2,"sid":"AAECAwQFBgcICQoLDA0ODw","rot":-1,"exp":1999999999,"until":1999999999000,"data":{}})"}) {
    const auto other = jose::signer::create(key, right)->sign(shape);
    ASSERT_TRUE(other) << shape;
    EXPECT_EQ(open("session=" + *other).reason, fresh_reason::bad_signature) << shape;
  }
}

INSTANTIATE_TEST_SUITE_P(modes, hostile_token_test,
                         ::testing::Values(session_mode::jwt_signed, session_mode::jwt_sealed), testing::mode_name);

// Computed with Python's hmac and hashlib from docs/formats.md.
TEST(session_token_vectors, signed_tokens_are_made_as_documented) {
  for (const auto& one : coatcheck_test::vector_cases("session_tokens")) {
    const auto ring = *key_ring::from_secret(one["secret"].get<std::string>());
    token_session_options options;
    options.mode = session_mode::jwt_signed;
    const auto codec = tokens::session_codec::create(ring, options);
    ASSERT_TRUE(codec);
    const epoch_ms now = one["now"];
    const auto claims = codec->decode(one["token"].get<std::string>(), now);
    ASSERT_TRUE(claims) << claims.error().message;
    EXPECT_EQ(claims->payload, one["payload"].get<std::string>());
    EXPECT_EQ(claims->family, one["family"].get<std::string>());
    EXPECT_EQ(claims->counter, one["counter"].get<std::uint32_t>());
    EXPECT_EQ(claims->owner, one["owner"].get<std::string>());
    EXPECT_EQ(claims->cookie, one["cookie"].get<std::string>());
    const auto again = codec->encode(*claims, now);
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, one["token"].get<std::string>());
  }
}

}  // namespace
}  // namespace coatcheck
