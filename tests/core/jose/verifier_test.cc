// Verifier, signer and cache: what is checked, in which order it is reported, and what a change of keys does.
#include <atomic>
#include <thread>

#include "jose_vectors.hpp"

namespace coatcheck::jose::test {
namespace {

constexpr epoch_ms now = 1'700'000'000'000;

key secret_key(std::string_view kid = "k1", char fill = 'a') {
  import_options options;
  options.kid = kid;
  return *key::from_secret(std::string(32, fill), algorithm::HS256, options);
}

verifier_options options_for(std::vector<key> keys) {
  verifier_options out;
  out.keys = *key_set::from_keys(std::move(keys));
  out.claims.types = {"JWT"};
  out.claims.audiences = {"api"};
  return out;
}

std::string sign(const key& with, const std::string& claims) {
  const auto by = signer::create(with);
  EXPECT_TRUE(by);
  const auto token = by->sign(claims);
  EXPECT_TRUE(token) << token.error().message;
  return *token;
}

TEST(verifier, a_check_can_only_be_left_out_in_words) {
  verifier_options options = options_for({secret_key()});
  options.claims.types.clear();
  EXPECT_EQ("ERR_INVALID_OPTION", outcome(verifier::create(options)));
  options.claims.any_type = true;
  EXPECT_EQ("OK", outcome(verifier::create(options)));
  options.claims.audiences.clear();
  EXPECT_EQ("ERR_INVALID_OPTION", outcome(verifier::create(options)));
  options.claims.audience = audience_rule::any;
  EXPECT_EQ("OK", outcome(verifier::create(options)));
  options.claims.audiences = {"api"};
  EXPECT_EQ("ERR_INVALID_OPTION", outcome(verifier::create(options)));
}

TEST(verifier, refuses_numbers_that_make_no_sense) {
  for (const duration_ms leeway : {duration_ms{-1}, duration_ms{86'400'001}}) {
    verifier_options options = options_for({secret_key()});
    options.claims.leeway = leeway;
    EXPECT_EQ("ERR_INVALID_OPTION", outcome(verifier::create(options))) << leeway;
  }
  verifier_options options = options_for({secret_key()});
  options.claims.max_age = -1;
  EXPECT_EQ("ERR_INVALID_OPTION", outcome(verifier::create(options)));
  options = options_for({*key::generate(algorithm::A256KW)});
  EXPECT_EQ("ERR_KEY_UNSUITABLE", outcome(verifier::create(options)));
}

TEST(verifier, gives_the_claims_as_they_were_signed) {
  const auto by = verifier::create(options_for({secret_key()}));
  const std::string claims = R"({"sub":"é","aud":["x","api"],"exp":1800000000.5,"iat":1600000000,"n":{"b":1,"a":2}})";
  const auto token = by->verify(sign(secret_key(), claims), now);
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_EQ(claims, token->payload());
  EXPECT_EQ(R"({"alg":"HS256","typ":"JWT","kid":"k1"})", token->header());
  EXPECT_EQ("k1", token->key_id());
  EXPECT_EQ(1800000000.5, token->expires_at());
  EXPECT_EQ(1600000000, token->issued_at());
  EXPECT_EQ(std::nullopt, token->not_before());
  EXPECT_EQ("é", token->string_claim("sub"));
  EXPECT_EQ(R"({"b":1,"a":2})", token->json_claim("n"));
  EXPECT_EQ(std::nullopt, token->string_claim("jti"));
  EXPECT_EQ((std::vector<std::string>{"x", "api"}), token->audiences());
}

TEST(verifier, says_which_claim_failed_and_why) {
  const auto by = verifier::create(options_for({secret_key()}));
  claim_failure failure;
  EXPECT_FALSE(by->verify(sign(secret_key(), R"({"aud":"api","exp":1600000000})"), now, &failure));
  EXPECT_EQ("exp", failure.claim);
  EXPECT_EQ(claim_failure::reason::expired, failure.why);
  EXPECT_EQ(1600000000, failure.value);
  EXPECT_FALSE(by->verify(sign(secret_key(), R"({"exp":1800000000})"), now, &failure));
  EXPECT_EQ("aud", failure.claim);
  EXPECT_EQ(claim_failure::reason::missing, failure.why);
  EXPECT_FALSE(by->verify(sign(secret_key(), R"({"aud":"other"})"), now, &failure));
  EXPECT_EQ(claim_failure::reason::mismatch, failure.why);
}

TEST(verifier, asks_the_host_last) {
  verifier_options options = options_for({secret_key()});
  int asked = 0;
  options.claims.custom = [&](std::string_view claims) {
    return ++asked, claims.find("yes") != std::string_view::npos;
  };
  const auto by = verifier::create(options);
  EXPECT_EQ("OK", outcome(by->verify(sign(secret_key(), R"({"aud":"api","x":"yes"})"), now)));
  EXPECT_EQ("ERR_TOKEN_CLAIM", outcome(by->verify(sign(secret_key(), R"({"aud":"api","x":"no"})"), now)));
  EXPECT_EQ(2, asked);
  EXPECT_EQ("ERR_TOKEN_EXPIRED", outcome(by->verify(sign(secret_key(), R"({"aud":"api","exp":1,"x":"yes"})"), now)));
  EXPECT_EQ(2, asked);
}

TEST(verifier, access_tokens_of_rfc_9068) {
  verifier_options options = options_for({secret_key()});
  options.claims = claims_policy::access_token("https://issuer.example", "api");
  const auto by = verifier::create(options);
  const auto make = [](std::string type, const std::string& claims) {
    return *signer::create(secret_key(), {.type = std::move(type)})->sign(claims);
  };
  const std::string full =
      R"({"iss":"https://issuer.example","aud":"api","exp":1800000000,"sub":"u","client_id":"c","iat":1600000000,"jti":"1"})";
  EXPECT_EQ("OK", outcome(by->verify(make("at+jwt", full), now)));
  EXPECT_EQ("OK", outcome(by->verify(make("application/at+jwt", full), now)));
  EXPECT_EQ("ERR_TOKEN_TYPE", outcome(by->verify(make("JWT", full), now)));
  for (const std::string name : {"iss", "aud", "exp", "sub", "client_id", "iat", "jti"}) {
    auto claims = vectors::parse(full);
    claims.erase(name);
    EXPECT_EQ("ERR_TOKEN_CLAIM", outcome(by->verify(make("at+jwt", claims.dump()), now))) << name;
  }
}

TEST(verifier, other_keys_take_effect_at_once) {
  const key first = secret_key("k1", 'a'), second = secret_key("k1", 'b');
  verifier_options options = options_for({first});
  options.cache = {.entries = 10, .symmetric = true};
  const auto by = verifier::create(options);
  const std::string old_token = sign(first, R"({"aud":"api"})"), new_token = sign(second, R"({"aud":"api"})");
  EXPECT_EQ("OK", outcome(by->verify(old_token, now)));
  EXPECT_EQ("OK", outcome(by->verify(old_token, now)));
  EXPECT_EQ("ERR_TOKEN_SIGNATURE", outcome(by->verify(new_token, now)));
  ASSERT_TRUE(by->replace_keys(*key_set::from_keys({second})));
  EXPECT_EQ("ERR_TOKEN_SIGNATURE", outcome(by->verify(old_token, now)));
  EXPECT_EQ("OK", outcome(by->verify(new_token, now)));
  EXPECT_TRUE(by->replace_keys(key_set()));
  EXPECT_EQ("ERR_TOKEN_KEY", outcome(by->verify(new_token, now)));
  EXPECT_EQ("ERR_KEY_UNSUITABLE", outcome(by->replace_keys(*key_set::from_keys({*key::generate(algorithm::A128KW)}))));
}

TEST(verifier, a_remembered_header_does_not_outlive_what_it_was_remembered_for) {
  const key mine = secret_key();
  const auto by = verifier::create(options_for({mine}));
  for (int i = 0; i < 40; ++i) {  // more kinds of header than are remembered
    const auto other = signer::create(mine, {.header = "{\"n\":" + std::to_string(i) + "}"});
    const std::string token = *other->sign(R"({"aud":"api"})");
    ASSERT_EQ("OK", outcome(by->verify(token, now)));
    ASSERT_EQ("OK", outcome(by->verify(token, now)));
    std::string forged = token;
    forged[forged.find('.') + 3] ^= 1;
    ASSERT_EQ("ERR_TOKEN_SIGNATURE", outcome(by->verify(forged, now)));
  }
}

TEST(verifier_cache, serves_what_was_verified_and_nothing_else) {
  const auto pair = key::generate(algorithm::ES256, {.kid = "e"});
  verifier_options options = options_for({*pair->public_key()});
  options.cache.entries = 100;
  const auto by = verifier::create(options);
  const std::string token = sign(*pair, R"({"aud":"api","exp":1700000010,"sub":"u"})");
  for (int i = 0; i < 3; ++i) ASSERT_EQ("OK", outcome(by->verify(token, now)));
  EXPECT_EQ(2u, by->cache_stats().hits);
  EXPECT_EQ(1u, by->cache_stats().entries);
  std::string forged = token;
  forged[token.size() - 20] = token[token.size() - 20] == 'A' ? 'B' : 'A';
  EXPECT_EQ("ERR_TOKEN_SIGNATURE", outcome(by->verify(forged, now)));
  EXPECT_EQ(1u, by->cache_stats().entries);  // what failed is not kept
  EXPECT_EQ("OK", outcome(by->verify(token, now + 9'999)));
  EXPECT_EQ("ERR_TOKEN_EXPIRED", outcome(by->verify(token, now + 10'000)));
  EXPECT_EQ(0u, by->cache_stats().entries);
  EXPECT_EQ("OK", outcome(by->verify(token, now)));
  by->clear_cache();
  EXPECT_EQ(0u, by->cache_stats().entries);
}

TEST(verifier_cache, checks_the_clock_on_each_hit) {
  const auto pair = key::generate(algorithm::Ed25519);
  verifier_options options = options_for({*pair});
  options.cache = {.entries = 10, .ttl = 3'600'000};
  options.claims.max_age = 60'000;
  const auto by = verifier::create(options);
  const std::string token = sign(*pair, R"({"aud":"api","iat":1700000000})");
  EXPECT_EQ("OK", outcome(by->verify(token, now)));
  EXPECT_EQ("OK", outcome(by->verify(token, now + 59'999)));
  EXPECT_EQ("ERR_TOKEN_EXPIRED", outcome(by->verify(token, now + 60'000)));
  EXPECT_EQ("ERR_TOKEN_NOT_ACTIVE", outcome(by->verify(token, now - 1'000)));
}

TEST(verifier_cache, is_bounded_and_off_for_secrets) {
  const auto pair = key::generate(algorithm::Ed25519);
  verifier_options options = options_for({*pair});
  options.cache.entries = 8;
  const auto by = verifier::create(options);
  for (int i = 0; i < 50; ++i)
    ASSERT_TRUE(by->verify(sign(*pair, R"({"aud":"api","jti":")" + std::to_string(i) + "\"}"), now));
  EXPECT_EQ(8u, by->cache_stats().entries);
  verifier_options with_secret = options_for({secret_key()});
  with_secret.cache.entries = 8;
  const auto plain = verifier::create(with_secret);
  const std::string token = sign(secret_key(), R"({"aud":"api"})");
  ASSERT_TRUE(plain->verify(token, now) && plain->verify(token, now));
  EXPECT_EQ(0u, plain->cache_stats().hits);
}

TEST(verifier, threads_and_changing_keys) {
  const auto a = key::generate(algorithm::ES256, {.kid = "a"}), b = key::generate(algorithm::ES256, {.kid = "b"});
  verifier_options options = options_for({*a, *b});
  options.cache.entries = 64;
  const auto by = verifier::create(options);
  const std::string token_a = sign(*a, R"({"aud":"api","sub":"a"})"), token_b = sign(*b, R"({"aud":"api","sub":"b"})");
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      while (!stop) {
        const auto got = by->verify(token_a, now);
        if (!got || got->payload() != R"({"aud":"api","sub":"a"})") ++wrong;
        const auto other = by->verify(token_b, now);  // there in one generation of keys, not in the other
        if (!other && other.error().code != errc::token_key) ++wrong;
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(by->replace_keys(*key_set::from_keys(i % 2 == 0 ? std::vector<key>{*a} : std::vector<key>{*a, *b})));
    std::this_thread::yield();
  }
  stop = true;
  for (auto& t : threads) t.join();
  EXPECT_EQ(0, wrong);
}

TEST(signer, refuses_claims_that_no_verifier_takes) {
  const auto by = signer::create(secret_key());
  for (const char* claims : {"", "[]", "x", R"({"a":1,"a":2})", R"({"exp":"1"})", R"({"exp":1e400})", R"({"iat":-1})",
                             R"({"sub":7})", R"({"aud":[1]})"}) {
    EXPECT_FALSE(by->sign(claims)) << claims;
  }
  EXPECT_EQ("ERR_KEY_UNSUITABLE", outcome(signer::create(*key::generate(algorithm::ES256)->public_key())));
  EXPECT_EQ("ERR_KEY_UNSUITABLE", outcome(signer::create(*key::generate(algorithm::A256KW))));
  for (const char* header : {R"({"alg":"none"})", R"({"alg":"HS512"})", R"({"crit":["exp"]})", R"({"b64":false})",
                             R"({"kid":1})", "[]", R"({"x":1,"x":2})"}) {
    EXPECT_EQ("ERR_INVALID_OPTION", outcome(signer::create(secret_key(), {.header = header}))) << header;
  }
}

TEST(claims, are_put_together_as_json) {
  claims made;
  made.issuer("i")
      .audience("a")
      .audience("b")
      .issued_at(1'700'000'000'999)
      .set("n", std::int64_t{7})
      .set("f", 1.5)
      .set("t", true)
      .set("s", "é\"")
      .set_json("o", R"({"x":[1]})");
  EXPECT_EQ(R"({"iss":"i","aud":["a","b"],"iat":1700000000,"n":7,"f":1.5,"t":true,"s":"é\"","o":{"x":[1]}})",
            *made.json());
  EXPECT_EQ("ERR_NOT_SERIALISABLE", outcome(claims().set("x", "\xff").json()));
  EXPECT_EQ("ERR_NOT_SERIALISABLE", outcome(claims().set("x", 1.0 / 0.0).json()));
  EXPECT_EQ("ERR_NOT_SERIALISABLE", outcome(claims().set_json("x", "{").json()));
}

TEST(raw_token, shows_what_a_token_says_without_trusting_it) {
  const auto raw = decode_unverified(sign(secret_key(), R"({"aud":"api"})"));
  ASSERT_TRUE(raw);
  EXPECT_EQ(R"({"aud":"api"})", raw->payload);
  EXPECT_EQ(32u, raw->signature.size());
  EXPECT_EQ("ERR_TOKEN_MALFORMED", outcome(decode_unverified("a.b")));
  EXPECT_EQ("ERR_TOKEN_TOO_LARGE", outcome(decode_unverified(std::string(65'536, 'A'))));
}

}  // namespace
}  // namespace coatcheck::jose::test
