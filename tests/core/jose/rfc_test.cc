// The examples printed in the RFCs: their tokens verify and decrypt, and nothing that was changed in them does.
#include "jose_vectors.hpp"

namespace coatcheck::jose::test {
namespace {

std::string verify(const vectors& v, const std::string& token, std::string& payload) {
  const auto one = key_of(v);
  if (!one) return one.error().message;
  const auto keys = key_set::from_keys({*one});
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
