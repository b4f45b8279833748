// What jws_sign and jws_sign_json write: detached, unencoded and JSON forms, and what is refused on the way out.
#include "jose_vectors.hpp"

namespace coatcheck::jose::test {
namespace {

key hmac(std::string kid = {}) { return *key::generate(algorithm::HS256, {.kid = std::move(kid)}); }
key_set only(const key& one) { return *key_set::from_keys({one}); }

// An entry of "signatures", over `payload` as it stands in the text.
std::string entry(const key& with, std::string_view payload, bool unencoded) {
  jws_sign_options options;
  options.detached = options.unencoded = unencoded;
  const std::string token = *jws_sign(with, payload, options);
  const auto dot = token.find('.'), last = token.rfind('.');
  return R"({"protected":")" + token.substr(0, dot) + R"(","signature":")" + token.substr(last + 1) + "\"}";
}

TEST(jws, a_detached_payload_comes_from_elsewhere) {
  const key with = hmac();
  const std::string token = *jws_sign(with, "a.b", {.detached = true});
  EXPECT_NE(std::string::npos, token.find(".."));
  const auto got = jws_verify_detached(token, "a.b", only(with));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ("a.b", got->payload);
  EXPECT_EQ("ERR_TOKEN_SIGNATURE", outcome(jws_verify_detached(token, "a.c", only(with))));
  EXPECT_EQ("ERR_TOKEN_SIGNATURE", outcome(jws_verify(token, with)));
  EXPECT_EQ("ERR_TOKEN_MALFORMED", outcome(jws_verify_detached(*jws_sign(with, "a.b"), "a.b", only(with))));
}

TEST(jws, an_unencoded_payload_is_taken_where_it_is_allowed) {
  const key with = hmac();
  const std::string token = *jws_sign(with, "$02", {.unencoded = true});
  EXPECT_NE(std::string::npos, token.find(".$02."));
  EXPECT_EQ("ERR_TOKEN_CRITICAL", outcome(jws_verify(token, with)));
  const auto got = jws_verify(token, with, {.allow_unencoded = true});
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ("$02", got->payload);
  // A dot inside would make four parts of three.
  EXPECT_EQ("ERR_INVALID_OPTION", outcome(jws_sign(with, "$.02", {.unencoded = true})));
  EXPECT_EQ("OK", outcome(jws_verify_detached(*jws_sign(with, "$.02", {.detached = true, .unencoded = true}), "$.02",
                                              only(with), {.allow_unencoded = true})));
}

TEST(jws, the_json_forms_come_back) {
  const key one = hmac("one"), two = hmac("two");
  const key_set both = *key_set::from_keys({one, two});
  const json_signer signers[] = {{one, R"({"typ":"JOSE"})", R"({"note":1})"}, {two, {}, {}}};
  const auto general = jws_sign_json(signers, "edge", json_form::general);
  ASSERT_TRUE(general) << general.error().message;
  const auto got = jws_verify_json(*general, both, signatures_needed::all);
  ASSERT_TRUE(got) << got.error().message;
  ASSERT_EQ(2u, got->size());
  EXPECT_EQ("edge", got->at(1).payload);
  EXPECT_EQ(R"({"note":1})", got->at(0).unprotected);
  EXPECT_EQ("two", got->at(1).signer.kid());
  EXPECT_EQ("ERR_TOKEN_KEY", outcome(jws_verify_json(*general, only(one), signatures_needed::all)));
  EXPECT_EQ(1u, jws_verify_json(*general, only(one), signatures_needed::any)->size());

  const auto flat = jws_sign_json(std::span(signers, 1), "edge", json_form::flattened);
  ASSERT_TRUE(flat) << flat.error().message;
  EXPECT_EQ("OK", outcome(jws_verify_json(*flat, both, signatures_needed::all)));
  EXPECT_EQ("ERR_INVALID_OPTION", outcome(jws_sign_json(signers, "edge", json_form::flattened)));
  EXPECT_EQ("ERR_INVALID_OPTION", outcome(jws_sign_json({}, "edge", json_form::general)));
}

TEST(jws, headers_that_no_reader_takes_are_not_written) {
  const key with = hmac("one");
  for (const char* header :
       {"[]", "{", R"({"alg":"HS512"})", R"({"alg":"none"})", R"({"crit":["x"],"x":1})", R"({"b64":false})",
        R"({"kid":1})", R"({"typ":1})", R"({"x":1,"x":2})", R"({"kid":"a\nb"})"}) {
    EXPECT_EQ("ERR_INVALID_OPTION", outcome(jws_sign(with, "x", {.header = header}))) << header;
  }
  for (const char* outside : {"[]", R"({"alg":"HS256"})", R"({"crit":["b64"]})", R"({"kid":"two"})", "{"}) {
    const json_signer signer[] = {{with, {}, outside}};
    EXPECT_EQ("ERR_INVALID_OPTION", outcome(jws_sign_json(signer, "x", json_form::flattened))) << outside;
  }
  EXPECT_EQ("OK", outcome(jws_sign(with, "x", {.header = R"({"alg":"HS256","kid":"two"})"})));
}

// RFC 7797, 3: or one text would be two payloads.
TEST(jws, signatures_of_one_payload_agree_on_b64) {
  const key with = hmac();
  const std::string encoded = crypto::base64url_encode("edge");
  const std::string same = R"({"payload":")" + encoded + R"(","signatures":[)" + entry(with, "edge", false) + "," +
                           entry(with, "edge", false) + "]}";
  const std::string mixed = R"({"payload":")" + encoded + R"(","signatures":[)" + entry(with, "edge", false) + "," +
                            entry(with, encoded, true) + "]}";
  constexpr jws_verify_options allow = {.allow_unencoded = true};
  EXPECT_EQ("OK", outcome(jws_verify_json(same, only(with), signatures_needed::all, allow)));
  EXPECT_EQ("ERR_TOKEN_CRITICAL", outcome(jws_verify_json(mixed, only(with), signatures_needed::all, allow)));
  const auto any = jws_verify_json(mixed, only(with), signatures_needed::any, allow);
  ASSERT_TRUE(any) << any.error().message;
  ASSERT_EQ(1u, any->size());
  EXPECT_EQ("edge", any->at(0).payload);
}

}  // namespace
}  // namespace coatcheck::jose::test
