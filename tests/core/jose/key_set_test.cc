// Key sets as identity providers publish them: one member that is of no use must not take the others along.
#include "coatcheck/jose/remote_key_set.hpp"

#include "jose_vectors.hpp"

namespace coatcheck::jose::test {
namespace {

const key& rsa() {
  static const key made = *key::generate(algorithm::RS256, {.kid = "good"});
  return made;
}

vectors jwk_of(const key& of, key_part part = key_part::public_only) { return vectors::parse(*of.to_jwk(part)); }

vectors without(vectors jwk, const char* name) {
  jwk.erase(name);
  return jwk;
}

vectors with(vectors jwk, const char* name, const vectors& value) {
  jwk[name] = value;
  return jwk;
}

std::string set_of(const std::vector<vectors>& members) { return vectors{{"keys", members}}.dump(); }

key_set read(const std::vector<vectors>& members, bool public_only = true) {
  key_set_options options;
  options.public_only = public_only;
  const auto set = key_set::parse(set_of(members), options);
  EXPECT_TRUE(set) << set.error().message;
  return set ? *set : key_set();
}

std::string verified(const key_set& keys, const key& signer, std::vector<algorithm> algorithms = {}) {
  verifier_options options;
  options.keys = keys;
  options.algorithms = std::move(algorithms);
  options.claims.any_type = true;
  options.claims.audience = audience_rule::any;
  const auto with = verifier::create(options);
  if (!with) return with.error().message;
  const auto maker = signer::create(signer);
  return outcome(with->verify(*maker->sign(R"({"sub":"alice"})"), 1));
}

TEST(key_set, one_bad_member_does_not_take_the_others_along) {
  const vectors good = jwk_of(rsa()), other = with(jwk_of(*key::generate(algorithm::RS256)), "kid", "bad");
  const std::string n = other["n"];
  const vectors bad[] = {
      with(other, "n", n + "="),
      with(other, "n", "AA" + n),
      with(other, "n", 17),
      with(other, "kid", 7),
      with(other, "kid", nullptr),
      with(other, "kid", std::string(300, 'k')),
      with(other, "alg", "RSA1_5"),
      with(other, "alg", nullptr),
      with(other, "use", "tls"),
      with(other, "use", 1),
      with(other, "key_ops", "verify"),
      without(other, "n"),
      without(other, "kty"),
      vectors::object(),
      vectors(nullptr),
      vectors("x"),
      vectors(1),
      vectors::array(),
      {{"kty", "oct"}, {"alg", "HS256"}, {"kid", "bad"}, {"k", std::string(64, 'A')}},
      {{"kty", "oct"}},
      {{"kty", "AKP"}, {"alg", "ML-DSA-44"}, {"pub", "AA"}},
      {{"kty", "EC"}, {"crv", "P-224"}, {"x", "AA"}, {"y", "AA"}},
      {{"kty", "EC"}, {"crv", "P-256"}, {"x", "AA"}, {"y", "AA"}, {"alg", "ES256"}},
      jwk_of(*key::generate(algorithm::ES256, {.kid = "bad"}), key_part::with_private),
  };
  for (const vectors& one : bad) {
    for (const auto& members : {std::vector<vectors>{one, good}, {good, one}}) {
      const key_set set = read(members);
      ASSERT_EQ(1u, set.keys().size()) << one;
      ASSERT_EQ(1u, set.skipped().size()) << one;
      EXPECT_EQ(members[0] == one ? 0u : std::string::npos, set.skipped()[0].find("keys[0]")) << set.skipped()[0];
      EXPECT_EQ("OK", verified(set, rsa())) << one;
    }
  }
}

TEST(key_set, says_which_and_why_without_what_a_log_should_not_hold) {
  const vectors bad = with(jwk_of(rsa()), "n", "AAAA");
  EXPECT_EQ("keys[0] (kid good): JWK member \"n\" has leading zeros", read({bad}).skipped()[0]);
  EXPECT_EQ("keys[0]: JWK member \"n\" has leading zeros", read({with(bad, "kid", "a\nb")}).skipped()[0]);
}

TEST(key_set, equal_kids_are_told_apart_by_algorithm_and_use) {
  const vectors base = without(jwk_of(rsa()), "alg");
  const key one = *key::from_jwk(*rsa().to_jwk(key_part::with_private), {});
  const auto signer_for = [&](algorithm alg) {
    return *key::from_jwk(without(jwk_of(one, key_part::with_private), "alg").dump(), {.alg = alg});
  };
  // One RSA key for three algorithms.
  const key_set three = read({with(base, "alg", "RS256"), with(base, "alg", "RS384"), with(base, "alg", "RS512")});
  EXPECT_EQ(3u, three.keys().size());
  for (const algorithm alg : {algorithm::RS256, algorithm::RS384, algorithm::RS512}) {
    EXPECT_EQ("OK", verified(three, signer_for(alg)));
    EXPECT_EQ(alg, three.find("good", alg)->alg());
  }
  EXPECT_EQ("ERR_TOKEN_ALGORITHM", verified(three, signer_for(algorithm::PS256)));
  // For encryption and for signatures; an RSA and an EC key (RFC 7517, 4.5).
  const key ec = *key::generate(algorithm::ES256, {.kid = "good"});
  const vectors enc = with(with(base, "alg", "RSA-OAEP"), "use", "enc"),
                sig = with(with(base, "alg", "RS256"), "use", "sig");
  for (const auto& members : {std::vector<vectors>{enc, sig, jwk_of(ec)}, {jwk_of(ec), sig, enc}}) {
    const key_set set = read(members);
    EXPECT_EQ(3u, set.keys().size());
    EXPECT_EQ("OK", verified(set, rsa()));
    EXPECT_EQ("OK", verified(set, ec));
  }
  // Without alg only `use` tells them apart.
  EXPECT_EQ("OK", verified(read({with(with(base, "use", "enc"), "kid", "good"), with(base, "use", "sig")}), rsa(),
                           {algorithm::RS256}));
  EXPECT_EQ("no key is for RS256", verified(read({with(base, "use", "enc")}), rsa(), {algorithm::RS256}));
  // By nothing: the signature tells.
  const key twin = *key::generate(algorithm::RS256, {.kid = "good"});
  const key_set both = read({jwk_of(rsa()), jwk_of(twin)});
  EXPECT_EQ("OK", verified(both, rsa()));
  EXPECT_EQ("OK", verified(both, twin));
  EXPECT_EQ("ERR_TOKEN_SIGNATURE", verified(both, *key::generate(algorithm::RS256, {.kid = "good"})));
  EXPECT_EQ(nullptr, both.find("good", algorithm::RS256));
}

TEST(key_set, members_without_alg_get_it_from_the_verifier) {
  const key_set set = read({without(jwk_of(rsa()), "alg"), {{"kty", "RSA"}, {"n", "AA"}, {"e", "AQAB"}}});
  EXPECT_TRUE(set.keys().empty());
  EXPECT_TRUE(set.has_kid("good"));
  EXPECT_EQ(2u, set.skipped().size());
  EXPECT_EQ("the keys name no alg: say which algorithms tokens have (option algorithms)", verified(set, rsa()));
  EXPECT_EQ("OK", verified(set, rsa(), {algorithm::RS256}));
  EXPECT_EQ("OK", verified(set, rsa(), {algorithm::ES256, algorithm::RS256}));
  EXPECT_EQ("ERR_TOKEN_ALGORITHM", verified(set, rsa(), {algorithm::RS512}));
  EXPECT_EQ("no key is for ES256", verified(set, rsa(), {algorithm::ES256}));
  const std::vector<algorithm> one = {algorithm::RS256};
  const key_set chosen = set.for_algorithms(one);
  ASSERT_EQ(1u, chosen.skipped().size());
  EXPECT_EQ("keys[1]: JWK member \"n\" has leading zeros", chosen.skipped()[0]);
  // A key that names its algorithm has no other.
  EXPECT_EQ("no key is for RS512", verified(read({jwk_of(rsa())}), rsa(), {algorithm::RS512}));
}

TEST(key_set, a_private_key_takes_its_public_half_along) {
  const key other = *key::generate(algorithm::ES256, {.kid = "other"});
  for (const bool first : {true, false}) {
    const vectors leaked = without(without(jwk_of(rsa(), key_part::with_private), "kid"), "alg"), half = jwk_of(rsa());
    const key_set set = read({first ? leaked : half, first ? half : leaked, jwk_of(other)});
    EXPECT_TRUE(set.leaked());
    ASSERT_EQ(1u, set.keys().size());
    EXPECT_EQ("other", set.keys()[0].kid());
    EXPECT_EQ(2u, set.skipped().size());
  }
}

TEST(key_set, a_set_of_ones_own_is_not_mixed) {
  const vectors secret = jwk_of(*key::generate(algorithm::HS256), key_part::with_private);
  EXPECT_EQ("ERR_KEY_SET_INVALID", outcome(key_set::parse(set_of({secret, jwk_of(rsa())}))));
  EXPECT_EQ(1u, read({secret}, false).keys().size());
  EXPECT_EQ(0u, read({secret}, true).keys().size());
}

// The answer of a server, at a time.
result<void> load(const remote_key_set& into, const std::string& body, epoch_ms now) {
  const key_plan plan = into.prepare("?", now);
  return into.finish(plan.fetch.value().ticket, {200, body, "", "", ""}, now);
}

TEST(remote_key_set, goes_on_with_the_keys_it_has_when_none_is_usable_unless_they_are_given_away) {
  const auto set = *remote_key_set::create({.url = "https://login.example/jwks"});
  ASSERT_TRUE(load(set, set_of({jwk_of(rsa())}), 0));
  const auto refused = load(set, set_of({vectors::object(), vectors(nullptr)}), 40'000);
  ASSERT_FALSE(refused);
  EXPECT_EQ("the key set has no usable key: keys[0]: JWK member \"kty\" is missing or not a string",
            refused.error().message);
  EXPECT_EQ(1u, set.prepare("good", 40'000).keys.keys().size());
  EXPECT_FALSE(load(set, set_of({jwk_of(rsa(), key_part::with_private)}), 80'000));
  const key_plan after = set.prepare("good", 80'000);
  EXPECT_EQ(key_advice::unavailable, after.advice);
  EXPECT_NE(std::string::npos, after.why.message.find("treat it as leaked"));
  ASSERT_TRUE(load(set, set_of({jwk_of(*key::generate(algorithm::ES256, {.kid = "new"}))}), 120'000));
  EXPECT_EQ(key_advice::use, set.prepare("new", 120'000).advice);
}

TEST(remote_key_set, tells_of_each_line_once_and_names_the_host) {
  const auto set = *remote_key_set::create({.url = "https://login.example:8443/jwks?tenant=1"});
  const remote_key_set copy = set;
  const std::vector<std::string> first = {"keys[0]: a", "keys[1]: b"}, second = {"keys[1]: b", "keys[2]: c"};
  const auto told = set.report(first);
  EXPECT_EQ(first, told.lines);
  EXPECT_EQ(errc::key_set_invalid, told.why.code);
  EXPECT_EQ("key set of login.example:8443: passed over keys[0]: a; keys[1]: b", told.why.message);
  EXPECT_EQ((std::vector<std::string>{"keys[2]: c"}), copy.report(second).lines);
  EXPECT_TRUE(set.report(second).lines.empty());
}

TEST(remote_key_set, a_kid_that_waits_for_its_algorithm_causes_no_fetch) {
  const auto set = *remote_key_set::create({.url = "https://login.example/jwks"});
  ASSERT_TRUE(load(set, set_of({without(jwk_of(rsa()), "alg")}), 0));
  EXPECT_FALSE(set.prepare("good", 40'000).fetch);
  EXPECT_TRUE(set.prepare("other", 40'000).fetch);
}

}  // namespace
}  // namespace coatcheck::jose::test
