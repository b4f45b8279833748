// Keys: what goes out comes back in, every form of one key is the same key, and operations follow use and key_ops.
#include "jose_vectors.hpp"

namespace coatcheck::jose::test {
namespace {

constexpr algorithm signing[] = {algorithm::HS256,  algorithm::HS384, algorithm::HS512,   algorithm::RS256,
                                 algorithm::PS384,  algorithm::ES256, algorithm::ES384,   algorithm::ES512,
                                 algorithm::ES256K, algorithm::EdDSA, algorithm::Ed25519, algorithm::Ed448};

TEST(key, export_and_import_give_the_same_key) {
  for (const algorithm alg : signing) {
    const auto made = key::generate(alg, {.kid = "a kid"});
    ASSERT_TRUE(made) << name_of(alg) << made.error().message;
    const auto jwk = made->to_jwk(key_part::with_private);
    ASSERT_TRUE(jwk);
    const auto back = key::from_jwk(*jwk);
    ASSERT_TRUE(back) << *jwk << back.error().message;
    EXPECT_TRUE(back->same_key(*made));
    EXPECT_EQ("a kid", back->kid());
    EXPECT_EQ(alg, back->alg());
    EXPECT_EQ(made->thumbprint(), back->thumbprint());
    if (made->type() == key_type::oct) {
      EXPECT_EQ("ERR_KEY_UNSUITABLE", outcome(made->to_jwk(key_part::public_only)));
      EXPECT_EQ("ERR_KEY_UNSUITABLE", outcome(made->to_pem(key_part::with_private)));
      continue;
    }
    for (const key_part part : {key_part::public_only, key_part::with_private}) {
      const auto pem = made->to_pem(part);
      ASSERT_TRUE(pem);
      const auto from = key::from_pem(*pem, alg);
      ASSERT_TRUE(from) << name_of(alg) << from.error().message;
      EXPECT_TRUE(from->same_key(*made));
      EXPECT_EQ(part == key_part::with_private, from->is_private());
    }
    const auto open = made->public_key();
    ASSERT_TRUE(open);
    EXPECT_FALSE(open->is_private());
    EXPECT_FALSE(open->can_sign());
    EXPECT_TRUE(open->can_verify());
    EXPECT_EQ(made->thumbprint(), open->thumbprint());
    EXPECT_EQ("ERR_KEY_UNSUITABLE", outcome(open->to_jwk(key_part::with_private)));
    const auto text = made->to_jwk(key_part::public_only);
    ASSERT_TRUE(text);
    EXPECT_EQ(nullptr, vectors::parse(*text).value("d", vectors()));
  }
}

TEST(key, what_one_signs_the_public_half_verifies_and_another_does_not) {
  for (const algorithm alg : signing) {
    const auto mine = key::generate(alg), other = key::generate(alg);
    ASSERT_TRUE(mine && other);
    const std::string payload(1000, '\0');
    const auto token = jws_sign(*mine, payload);
    ASSERT_TRUE(token) << token.error().message;
    const key open = mine->type() == key_type::oct ? *mine : *mine->public_key();
    const auto back = jws_verify(*token, open);
    ASSERT_TRUE(back) << name_of(alg) << back.error().message;
    EXPECT_EQ(payload, back->payload);
    EXPECT_EQ("ERR_TOKEN_SIGNATURE", outcome(jws_verify(*token, *other)));
    EXPECT_EQ(mine->type() == key_type::oct ? "OK" : "ERR_KEY_UNSUITABLE", outcome(jws_sign(open, payload)));
  }
}

TEST(key, many_signatures_of_changing_length_survive_the_way_through_der) {
  // r and s lose their leading zeros in DER: one signature in 128 has one to lose.
  for (const algorithm alg : {algorithm::ES256, algorithm::ES256K}) {
    const auto made = key::generate(alg);
    for (int i = 0; i < 400; ++i) {
      const auto token = jws_sign(*made, std::to_string(i));
      ASSERT_TRUE(token);
      ASSERT_TRUE(jws_verify(*token, *made)) << *token;
    }
  }
}

TEST(key, eddsa_goes_by_its_old_and_its_new_name) {
  const auto made = key::generate(algorithm::Ed25519);
  const auto jwk = vectors::parse(*made->to_jwk(key_part::with_private));
  auto named = jwk;
  named["alg"] = "EdDSA";
  const auto old = key::from_jwk(named.dump());
  ASSERT_TRUE(old);
  EXPECT_EQ("OK", outcome(jws_verify(*jws_sign(*old, "x"), *made)));
  EXPECT_EQ("OK", outcome(jws_verify(*jws_sign(*made, "x"), *old)));
  EXPECT_NE(jws_sign(*old, "x")->substr(0, 20), jws_sign(*made, "x")->substr(0, 20));
}

TEST(key, a_short_secret_is_taken_with_a_warning_where_that_is_asked_for) {
  import_options options;
  options.secrets = secret_policy::allow_short;
  const auto weak = key::from_secret("short", algorithm::HS256, options);
  ASSERT_TRUE(weak);
  EXPECT_NE(std::string::npos, weak->warning().find("32"));
  EXPECT_EQ(std::string::npos, weak->warning().find("short"));
  const auto fine = key::from_secret(std::string(32, 'k'), algorithm::HS256, options);
  EXPECT_EQ("", fine->warning());
}

// Of 1,024 bits.
constexpr char small_rsa[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCzrsIpG/EaNqpKG0UrRKilgNhr\n"
    "fGMxKVzXl7qDm1FVBTPgqFmRY5lqYAblVcGeTwV6AMI1SA4bTA7Z40f9Keqc4dCT\n"
    "FvN5aLvzycE847DktMbjqPU9PwnOmZ4WrE6Nv2Fy9ziXK68omIryFQE10qnuYbpQ\n"
    "xPf16K4i5cuLnQsXOQIDAQAB\n"
    "-----END PUBLIC KEY-----\n";

TEST(key, a_small_rsa_key_is_taken_with_a_warning_where_that_is_asked_for) {
  EXPECT_EQ("ERR_KEY_WEAK", outcome(key::from_pem(small_rsa, algorithm::RS256)));
  const auto made = key::from_pem(small_rsa, algorithm::RS256, {.allow_small_rsa = true});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ("RSA key of 1024 bits; 2048 are the least", made->warning());
  const auto open = made->public_key();
  ASSERT_TRUE(open) << open.error().message;
  EXPECT_TRUE(open->can_verify());
  // Under 1,024 bits the word does not help.
  const std::string tiny = R"({"kty":"RSA","e":"AQAB","n":")"
                           "wAidox8vjrfGF17PW35XV_26FGvxxu42D3alfAfI_eIg0p-GEaUD6VFjOClgzign198xMHD1TNbE8nY1hyyV5BteC_"
                           "mQARWri8ZDWOKLjGzL7GiHzVzyeBIZUMR3KHdp"
                           R"("})";
  EXPECT_EQ("ERR_KEY_WEAK", outcome(key::from_jwk(tiny, {.alg = algorithm::RS256, .allow_small_rsa = true})));
}

TEST(key, errors_do_not_repeat_the_secret) {
  const std::string secret = "hunter2hunter2";
  const auto refused = key::from_secret(secret, algorithm::HS256);
  ASSERT_FALSE(refused);
  EXPECT_EQ(std::string::npos, refused.error().message.find("hunter2"));
  const auto jwk = key::from_jwk(R"({"kty":"oct","alg":"HS256","k":"hunter2hunter2"})");
  ASSERT_FALSE(jwk);
  EXPECT_EQ(std::string::npos, jwk.error().message.find("hunter2"));
}

TEST(key, a_jwk_is_no_secret_however_it_is_written) {
  const std::string jwk = R"({"\u006bty":"RSA","n":"0vx7agoebGcQ","e":"AQAB"})";
  EXPECT_TRUE(looks_like_key_material(jwk));
  EXPECT_TRUE(looks_like_key_material(R"({"keys":[)" + jwk + "]}"));
  std::string utf16 = "\xFF\xFE";
  for (const char c : jwk) utf16 += {c, '\0'};
  EXPECT_TRUE(looks_like_key_material(utf16));
  EXPECT_FALSE(looks_like_key_material(R"({"\u006bey":"no JWK, but a secret that someone chose"})"));
}

TEST(key, an_ordinary_secret_is_not_taken_for_a_key) {
  for (const char* text :
       {"correct horse battery staple correct", "0123456789abcdef0123456789abcdef", "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A",
        "ssh-rsa is the name of an algorithm!!", "{\"a\":\"json text that is not a key..\"}"}) {
    EXPECT_FALSE(looks_like_key_material(text)) << text;
  }
  std::string high(32, '\x30');
  EXPECT_FALSE(looks_like_key_material(high));
}

TEST(key, pem_wants_exactly_one_object) {
  const auto made = key::generate(algorithm::ES256);
  const std::string pem = *made->to_pem(key_part::public_only);
  EXPECT_EQ("OK", outcome(key::from_pem("\n  " + pem + "\n", algorithm::ES256)));
  EXPECT_EQ("OK", outcome(key::from_pem(pem.substr(0, pem.size() - 1), algorithm::ES256)));
  EXPECT_EQ("ERR_KEY_INVALID", outcome(key::from_pem(pem + pem, algorithm::ES256)));
  EXPECT_EQ("ERR_KEY_INVALID", outcome(key::from_pem("x" + pem, algorithm::ES256)));
  EXPECT_EQ("ERR_KEY_INVALID", outcome(key::from_pem(pem.substr(0, 60), algorithm::ES256)));
  EXPECT_EQ("ERR_KEY_INVALID", outcome(key::from_pem("", algorithm::ES256)));
  EXPECT_EQ("ERR_KEY_UNSUITABLE", outcome(key::from_pem(pem, algorithm::RS256)));
  EXPECT_EQ("ERR_KEY_UNSUITABLE", outcome(key::from_pem(pem, algorithm::HS256)));
  EXPECT_EQ("ERR_KEY_UNSUITABLE", outcome(key::from_pem(pem, algorithm::ES384)));
}

// Made with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass pass:tr0ub4dor`.
constexpr const char* encrypted_pem = R"(-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAi7z71GJ2KcMgICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEECi4b9dRKrQKCekH4qR2HPkEgZCE
fZeqYk2Ll3ttnbRNOKnCr5W4HYKaTi8aNS10cUmyk5iRjiWMvuGsPP7lOf0Ij9MS
ALCb2F5Lrxvpp4MyC7WdcRXQoZ2M8Mn39Y9vYjBbEoQZBRP6v4zunkx4FP9zvrDG
HunpxQd2FGfhMsiOi/nlColS36aHhrAzkm2NKSye6ricfGloIhhFJSpEoI886q4=
-----END ENCRYPTED PRIVATE KEY-----)";

TEST(key, der_wants_exactly_one_object) {
  const std::string pem = *key::generate(algorithm::ES256)->to_pem(key_part::public_only);
  const auto begin = pem.find('\n') + 1;
  std::string body;
  for (const char c : pem.substr(begin, pem.find("\n-----END") - begin)) {
    if (c != '\n' && c != '=') body.push_back(c == '+' ? '-' : c == '/' ? '_' : c);
  }
  const std::string der = *crypto::base64url_decode(body);
  ASSERT_TRUE(key::from_der(der, algorithm::ES256));
  for (const std::string& wrong :
       {der + '\0', der + der, der.substr(0, der.size() - 1), der.substr(1), der.substr(0, 1), std::string(),
        std::string("\x30\x80\x00\x00", 4), std::string("\x30\x84\xff\xff\xff\xff", 6), std::string("\x30\x82\x01", 3),
        std::string("\x30\x00", 2)}) {
    EXPECT_EQ("ERR_KEY_INVALID", outcome(key::from_der(wrong, algorithm::ES256))) << wrong.size();
  }
}

TEST(key, an_encrypted_pem_needs_its_passphrase) {
  import_options options;
  EXPECT_EQ("ERR_KEY_INVALID", outcome(key::from_pem(encrypted_pem, algorithm::ES256, options)));
  options.passphrase = "wrong";
  EXPECT_EQ("ERR_KEY_INVALID", outcome(key::from_pem(encrypted_pem, algorithm::ES256, options)));
  options.passphrase = "tr0ub4dor";
  const auto read = key::from_pem(encrypted_pem, algorithm::ES256, options);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(read->can_sign());
}

// Made with `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -days 1`: expired, which
// does not matter, for the key alone is taken.
constexpr const char* certificate_pem = R"(-----BEGIN CERTIFICATE-----
MIIBbjCCAROgAwIBAgIUFcstc1Mt6DeQcP/KosaARE0oX/AwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBeDAeFw0yNjExMjEwMzA2NDJaFw0yNjExMjIwMzA2NDJaMAwx
CjAIBgNVBAMMAXgwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASH5bBdOHLiNbwe
UDafGdGnYKS1e+0jhwumIao5ln1qXt0Dy3bAKIi64V6AHBaSQEWT0DaQrWVKZMu1
iUsEKcPDo1MwUTAdBgNVHQ4EFgQUTfZFMgpSS77xeS7DcS5jk3qu2dQwHwYDVR0j
BBgwFoAUTfZFMgpSS77xeS7DcS5jk3qu2dQwDwYDVR0TAQH/BAUwAwEB/zAKBggq
hkjOPQQDAgNJADBGAiEA/cneibYA4mGlxVcs70mrF8pFH04KnYJ8+c7nDePaJEMC
IQDCoYRyu+Seh3IyXhnxsTBbpu6xPtP48UnCwsjlFTNxgw==
-----END CERTIFICATE-----)";

TEST(key, a_certificate_gives_its_public_key) {
  const auto read = key::from_pem(certificate_pem, algorithm::ES256);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_FALSE(read->is_private());
  EXPECT_TRUE(looks_like_key_material(certificate_pem));
}

TEST(key_set, finds_by_kid_and_never_guesses) {
  const auto a = key::generate(algorithm::ES256, {.kid = "a"}), b = key::generate(algorithm::ES256, {.kid = "b"});
  const auto set = key_set::from_keys({*a, *b});
  ASSERT_TRUE(set);
  EXPECT_EQ("a", set->find("a", algorithm::ES256)->kid());
  EXPECT_EQ(nullptr, set->find("c", algorithm::ES256));
  EXPECT_EQ(nullptr, set->find("", algorithm::ES256));
  EXPECT_EQ("OK", outcome(jws_verify(*jws_sign(*b, "x"), *set)));
  EXPECT_EQ("OK", outcome(key_set::from_keys({*a, *a})));
  const auto c = key::generate(algorithm::ES256, {.kid = "a"});
  EXPECT_EQ("ERR_KEY_SET_INVALID", outcome(key_set::from_keys({*a, *c})));
  const auto text = set->to_json(key_part::public_only);
  ASSERT_TRUE(text);
  key_set_options options;
  options.public_only = true;
  EXPECT_EQ("OK", outcome(key_set::parse(*text, options)));
  EXPECT_EQ(0u, key_set::parse(*set->to_json(key_part::with_private), options)->keys().size());
}

TEST(key_set, members_without_alg_take_every_default_that_fits) {
  const auto rsa = key::generate(algorithm::RS256, {.kid = "r"});
  const auto ec = key::generate(algorithm::ES256, {.kid = "e"});
  auto set = vectors::parse(*key_set::from_keys({*rsa, *ec})->to_json(key_part::public_only));
  for (auto& jwk : set["keys"]) jwk.erase("alg");
  EXPECT_EQ(0u, key_set::parse(set.dump())->keys().size());
  key_set_options options;
  options.default_algs = {algorithm::RS256, algorithm::ES256, algorithm::RS512};
  const auto read = key_set::parse(set.dump(), options);
  ASSERT_TRUE(read);
  ASSERT_EQ(3u, read->keys().size());
  EXPECT_EQ(algorithm::RS256, read->keys()[0].alg());
  EXPECT_EQ(algorithm::RS512, read->keys()[1].alg());
  EXPECT_EQ(algorithm::ES256, read->keys()[2].alg());
}

}  // namespace
}  // namespace coatcheck::jose::test
