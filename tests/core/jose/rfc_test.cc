// The examples printed in the RFCs: their tokens verify and decrypt, and nothing that was changed in them does.
#include "jose/content_encryption.hpp"
#include "jose/key_management.hpp"
#include "jose_vectors.hpp"

namespace coatcheck::jose::test {
namespace {

result<key_set> keys_of(const vectors& v) {
  if (v.contains("set")) return key_set::parse(v["set"].dump());
  const auto one = key_of(v);
  if (!one) return one.error();
  return key_set::from_keys({*one});
}

std::string verify(const vectors& v, const std::string& token, std::string& payload) {
  const auto keys = keys_of(v);
  if (!keys) return keys.error().message;
  jws_verify_options options;
  options.allow_unencoded = v.value("unencoded", false);
  if (v["form"] == "json") {
    const auto done = jws_verify_json(
        token, *keys, v.value("needed", "") == "any" ? signatures_needed::any : signatures_needed::all, options);
    if (done) payload = done->at(0).payload;
    return outcome(done);
  }
  const auto done = v["form"] == "detached" ? jws_verify_detached(token, bytes_of(v["payload"]), *keys, options)
                                            : jws_verify(token, *keys, options);
  if (done) payload = done->payload;
  return outcome(done);
}

TEST(rfc, signatures) {
  const vectors all = load("jose_rfc.json");
  for (const vectors& v : all["signatures"]) {
    std::string payload;
    EXPECT_EQ(v.value("expect", "OK"), verify(v, v["token"], payload)) << v["name"];
    if (!v.contains("expect")) {
      EXPECT_EQ(bytes_of(v["payload"]), payload) << v["name"];
    }
  }
}

TEST(rfc, no_character_of_a_signed_token_can_be_exchanged) {
  const vectors all = load("jose_rfc.json");
  for (const vectors& v : all["signatures"]) {
    const std::string token = v["token"];
    if (v["form"] != "compact" || v.contains("expect")) continue;
    const std::size_t step = token.size() / 60 + 1;  // RSA and ECDSA take their time
    for (std::size_t i = 0; i < token.size(); i += step) {
      std::string changed = token, payload;
      changed[i] = changed[i] == 'A' ? 'B' : 'A';
      EXPECT_NE("OK", verify(v, changed, payload)) << v["name"] << " at " << i;
    }
  }
}

TEST(rfc, encryptions) {
  const vectors all = load("jose_rfc.json");
  for (const vectors& v : all["encryptions"]) {
    const auto with = key_of(v);
    ASSERT_TRUE(with) << v["name"] << with.error().message;
    jwe_decrypt_options options;
    options.allow_password = v.value("passwords", false);
    const auto opened = jwe_decrypt(v["token"].get<std::string>(), *with, options);
    EXPECT_EQ(v.value("expect", "OK"), outcome(opened)) << v["name"];
    if (opened) {
      EXPECT_EQ(bytes_of(v["plaintext"]), opened->plaintext) << v["name"];
    }
  }
}

// RFC 7518, appendix C, prints the key that Alice and Bob agree on.
TEST(rfc, key_agreement) {
  const vectors all = load("jose_rfc.json");
  std::size_t seen = 0;
  for (const vectors& v : all["encryptions"]) {
    if (!v.contains("derived")) continue;
    const auto bob = key_of(v);
    ASSERT_TRUE(bob) << bob.error().message;
    const std::string token = v["token"];
    const auto header = decode_header(token.substr(0, token.find('.')), {.encrypted = true, .allow_unencoded = false});
    ASSERT_TRUE(header) << header.error().message;
    const auto parameters = read_parameters(*header, *bob, {});
    ASSERT_TRUE(parameters) << parameters.error().message;
    secret_bytes derived;
    EXPECT_TRUE(unwrap_key(*bob, encryption::A128GCM, *parameters, {}, derived));
    EXPECT_EQ(bytes_of(v["derived"]), derived.view());
    ++seen;
  }
  EXPECT_EQ(1u, seen);
}

// RFC 7518, appendix B, whose associated data is not a JWE header: below the level of a token.
TEST(rfc, content_encryptions) {
  const vectors all = load("jose_rfc.json");
  ASSERT_EQ(3u, all["content_encryptions"].size());
  for (const vectors& v : all["content_encryptions"]) {
    const encryption enc = *encryption_from(v["enc"].get<std::string>());
    const std::string with = bytes_of(v["key"]), iv = bytes_of(v["iv"]), aad = bytes_of(v["aad"]);
    std::string out;
    content_tag tag;
    ASSERT_TRUE(encrypt_content(enc, with, iv, aad, bytes_of(v["plaintext"]), out, tag)) << v["name"];
    EXPECT_EQ(bytes_of(v["ciphertext"]), out) << v["name"];
    EXPECT_EQ(bytes_of(v["tag"]), std::string(reinterpret_cast<const char*>(tag.data.data()), tag_bytes(enc)))
        << v["name"];
    ASSERT_TRUE(decrypt_content(enc, with, iv, aad, bytes_of(v["ciphertext"]), bytes_of(v["tag"]), out)) << v["name"];
    EXPECT_EQ(bytes_of(v["plaintext"]), out) << v["name"];
  }
}

TEST(rfc, nested) {
  const vectors all = load("jose_rfc.json");
  for (const vectors& v : all["nested"]) {
    const auto opener = key_of(v);
    ASSERT_TRUE(opener) << opener.error().message;
    import_options import;
    import.alg = algorithm_from(v["signer_alg"].get<std::string>());
    const auto maker = key::from_jwk(v["signer"].dump(), import);
    ASSERT_TRUE(maker) << maker.error().message;
    verifier_options options;
    options.keys = *key_set::from_keys({*maker});
    options.claims = policy_of(vectors::object());
    const auto inner = verifier::create(options);
    ASSERT_TRUE(inner) << inner.error().message;
    const auto got = nested_decrypt_verify(v["token"].get<std::string>(), *key_set::from_keys({*opener}), *inner,
                                           v["now"].get<epoch_ms>());
    ASSERT_TRUE(got) << v["name"] << got.error().message;
    EXPECT_EQ(bytes_of(v["payload"]), got->payload());
  }
}

TEST(rfc, thumbprints) {
  const vectors all = load("jose_rfc.json");
  for (const vectors& v : all["thumbprints"]) {
    const auto of = key_of(v);
    ASSERT_TRUE(of) << of.error().message;
    EXPECT_EQ(v["thumbprint"].get<std::string>(), of->thumbprint());
  }
}

TEST(rfc, key_sets) {
  const vectors all = load("jose_rfc.json");
  for (const vectors& v : all["key_sets"]) {
    const auto set = key_set::parse(v["set"].dump());
    ASSERT_TRUE(set) << v["name"] << set.error().message;
    EXPECT_EQ(v["keys"].get<std::size_t>(), set->keys().size()) << v["name"];
    EXPECT_EQ(v["skipped"].get<std::size_t>(), set->skipped().size()) << v["name"];
  }
}

}  // namespace
}  // namespace coatcheck::jose::test
