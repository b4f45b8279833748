// Encryption: every algorithm both ways, one error for every failure, and signed-then-encrypted tokens.
#include "jose_vectors.hpp"

namespace coatcheck::jose::test {
namespace {

constexpr encryption every_enc[] = {encryption::A128GCM,       encryption::A192GCM,       encryption::A256GCM,
                                    encryption::A128CBC_HS256, encryption::A192CBC_HS384, encryption::A256CBC_HS512};
constexpr epoch_ms now = 1'700'000'000'000;

std::vector<key> every_key() {
  std::vector<key> out;
  for (const algorithm alg :
       {algorithm::A128KW, algorithm::A192KW, algorithm::A256KW, algorithm::A128GCMKW, algorithm::A192GCMKW,
        algorithm::A256GCMKW, algorithm::RSA_OAEP, algorithm::RSA_OAEP_256}) {
    out.push_back(*key::generate(alg, {.kid = "k"}));
  }
  for (const algorithm alg :
       {algorithm::ECDH_ES, algorithm::ECDH_ES_A128KW, algorithm::ECDH_ES_A192KW, algorithm::ECDH_ES_A256KW}) {
    for (const curve crv : {curve::p256, curve::p384, curve::p521, curve::x25519}) {
      generate_options options;
      options.crv = crv;
      out.push_back(*key::generate(alg, options));
    }
  }
  for (const algorithm alg :
       {algorithm::PBES2_HS256_A128KW, algorithm::PBES2_HS384_A192KW, algorithm::PBES2_HS512_A256KW}) {
    out.push_back(*key::from_secret("a password of some length", alg));
  }
  return out;
}

jwe_decrypt_options with_passwords() {
  jwe_decrypt_options out;
  out.allow_password = true;
  return out;
}

TEST(jwe, every_algorithm_both_ways) {
  for (const key& with : every_key()) {
    for (const encryption enc : every_enc) {
      for (const std::string& plain :
           {std::string(), std::string("x"), std::string(16, '\0'), std::string(1000, 'p')}) {
        jwe_encrypt_options options;
        options.enc = enc;
        options.password_count = 1000;
        const key to = with.type() == key_type::oct ? with : *with.public_key();
        const auto token = jwe_encrypt(to, plain, options);
        ASSERT_TRUE(token) << name_of(with.alg()) << name_of(enc) << token.error().message;
        const auto back = jwe_decrypt(*token, with, with_passwords());
        ASSERT_TRUE(back) << name_of(with.alg()) << name_of(enc) << back.error().message;
        EXPECT_EQ(plain, back->plaintext);
        EXPECT_EQ(with.kid(), back->key_id);
        if (to.type() != key_type::oct) {
          EXPECT_EQ("ERR_TOKEN_KEY", outcome(jwe_decrypt(*token, to)));
        }
      }
    }
  }
  for (const encryption enc : every_enc) {
    generate_options options;
    options.enc = enc;
    const auto with = key::generate(algorithm::dir, options);
    const auto token = jwe_encrypt(*with, "direct");
    ASSERT_TRUE(token);
    EXPECT_EQ("direct", jwe_decrypt(*token, *with)->plaintext);
  }
}

TEST(jwe, every_byte_counts_and_every_failure_says_the_same) {
  std::string message;
  for (const key& with : every_key()) {
    if (family_of(with.alg()) == algorithm_family::password) continue;
    const auto token = jwe_encrypt(with, "secret text");
    ASSERT_TRUE(token);
    const std::size_t header = token->find('.');
    for (std::size_t i = header + 1; i < token->size(); i += 1 + token->size() / 40) {
      if ((*token)[i] == '.' || i + 1 == token->size() || (*token)[i + 1] == '.')
        continue;  // a last character may lose bits
      std::string changed = *token;
      changed[i] = changed[i] == 'A' ? 'B' : 'A';
      const auto refused = jwe_decrypt(changed, with);
      ASSERT_EQ("ERR_TOKEN_DECRYPTION", outcome(refused)) << name_of(with.alg()) << " at " << i;
      if (message.empty()) message = refused.error().message;
      ASSERT_EQ(message, refused.error().message);
    }
  }
}

TEST(jwe, ivs_and_keys_do_not_repeat) {
  const auto with = key::generate(algorithm::A256KW);
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    const auto token = jwe_encrypt(*with, "same");
    ASSERT_TRUE(seen.insert(token->substr(token->find('.'))).second);
  }
}

TEST(jwe, takes_only_the_encryptions_it_was_told) {
  const auto with = key::generate(algorithm::A256KW);
  jwe_encrypt_options cbc;
  cbc.enc = encryption::A128CBC_HS256;
  jwe_decrypt_options options;
  options.encs = {encryption::A256GCM};
  EXPECT_EQ("OK", outcome(jwe_decrypt(*jwe_encrypt(*with, "x"), *with, options)));
  EXPECT_EQ("ERR_TOKEN_ALGORITHM", outcome(jwe_decrypt(*jwe_encrypt(*with, "x", cbc), *with, options)));
}

TEST(jwe, options_that_are_refused) {
  const auto with = key::generate(algorithm::A256KW);
  for (const char* header : {R"({"alg":"dir"})", R"({"enc":"A128GCM"})", R"({"zip":"DEF"})", R"({"crit":["x"],"x":1})",
                             R"({"epk":{}})", "[]", R"({"kid":1})"}) {
    jwe_encrypt_options options;
    options.header = header;
    EXPECT_EQ("ERR_INVALID_OPTION", outcome(jwe_encrypt(*with, "x", options))) << header;
  }
  jwe_encrypt_options options;
  options.password_count = 999;
  EXPECT_EQ("ERR_INVALID_OPTION",
            outcome(jwe_encrypt(*key::from_secret("password", algorithm::PBES2_HS256_A128KW), "x", options)));
  EXPECT_EQ("ERR_KEY_UNSUITABLE", outcome(jwe_encrypt(*key::generate(algorithm::HS256), "x")));
  jws_verify_options none;
  EXPECT_EQ("ERR_TOKEN_MALFORMED",
            outcome(jws_verify(*jwe_encrypt(*with, "x"), *key::generate(algorithm::HS256), none)));
}

TEST(jwe, kid_chooses_among_keys) {
  const auto a = key::generate(algorithm::A256KW, {.kid = "a"}), b = key::generate(algorithm::A256KW, {.kid = "b"});
  const auto keys = key_set::from_keys({*a, *b});
  EXPECT_EQ("b", jwe_decrypt(*jwe_encrypt(*b, "x"), *keys)->key_id);
  const auto c = key::generate(algorithm::A256KW, {.kid = "c"});
  EXPECT_EQ("ERR_TOKEN_KEY", outcome(jwe_decrypt(*jwe_encrypt(*c, "x"), *keys)));
}

TEST(nested, what_is_inside_is_verified_too) {
  const auto signing = key::generate(algorithm::ES256), foreign = key::generate(algorithm::ES256),
             sealing = key::generate(algorithm::ECDH_ES);
  verifier_options options;
  options.keys = *key_set::from_keys({*signing->public_key()});
  options.claims.types = {"JWT"};
  options.claims.audiences = {"api"};
  const auto by = verifier::create(options);
  const auto keys = key_set::from_keys({*sealing});
  const std::string claims = R"({"aud":"api","sub":"u"})";
  const auto token = nested_sign_encrypt(claims, *signer::create(*signing), *sealing->public_key());
  ASSERT_TRUE(token) << token.error().message;
  const auto opened = nested_decrypt_verify(*token, *keys, *by, now);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(claims, opened->payload());
  // Whoever has the public key can encrypt: that alone must not be enough (CVE-2023-51774).
  jwe_encrypt_options plain;
  plain.header = R"({"cty":"JWT"})";
  EXPECT_EQ("ERR_TOKEN_MALFORMED",
            outcome(nested_decrypt_verify(*jwe_encrypt(*sealing, claims, plain), *keys, *by, now)));
  EXPECT_EQ("ERR_TOKEN_TYPE", outcome(nested_decrypt_verify(
                                  *jwe_encrypt(*sealing, *signer::create(*signing)->sign(claims)), *keys, *by, now)));
  EXPECT_EQ("ERR_TOKEN_SIGNATURE",
            outcome(nested_decrypt_verify(*nested_sign_encrypt(claims, *signer::create(*foreign), *sealing), *keys, *by,
                                          now)));
  EXPECT_EQ("ERR_TOKEN_CLAIM",
            outcome(nested_decrypt_verify(*nested_sign_encrypt(R"({"aud":"x"})", *signer::create(*signing), *sealing),
                                          *keys, *by, now)));
}

}  // namespace
}  // namespace coatcheck::jose::test
