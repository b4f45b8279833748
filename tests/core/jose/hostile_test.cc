// Every hostile token and key of the catalogue, and every one at the edge of what is valid, gives the code that it
// names; every control passes.
#include "jose_vectors.hpp"

namespace coatcheck::jose::test {
namespace {

key_set keys_of(const vectors& from) {
  if (from.contains("set")) {
    auto set = key_set::parse(from["set"].dump());
    EXPECT_TRUE(set) << set.error().message;
    return *set;
  }
  auto one = key_of(from);
  EXPECT_TRUE(one) << from["name"] << one.error().message;
  return *key_set::from_keys({*one});
}

std::string run(const vectors& c) {
  const std::string op = c["op"];
  if (op == "import") return outcome(key_of(c));
  if (op == "set") {
    key_set_options options;
    options.public_only = c["options"].value("public_only", false);
    const auto set = key_set::parse(c.contains("set") ? c["set"].dump() : c["set_text"].get<std::string>(), options);
    if (set) {
      EXPECT_EQ(c["keys"], set->keys().size()) << c["name"];
      EXPECT_EQ(c["skipped"], set->skipped().size()) << c["name"];
    }
    return outcome(set);
  }
  const std::string token = token_of(c);
  if (op == "jws") return outcome(jws_verify(token, keys_of(c)));
  if (op == "jws_json") return outcome(jws_verify_json(token, keys_of(c), signatures_needed::all));
  if (op == "jwe") {
    jwe_decrypt_options options;
    options.allow_password = c.contains("options") && c["options"].value("allow_password", false);
    return outcome(jwe_decrypt(token, keys_of(c), options));
  }
  if (op != "verify") return "unknown op";
  verifier_options options;
  options.keys = keys_of(c);
  options.claims = policy_of(c["options"]);
  const auto with = verifier::create(options);
  if (!with) return "verifier: " + with.error().message;
  const std::string first = outcome(with->verify(token, c["now"].get<epoch_ms>()));
  // What the first call learnt must not change what the second one says.
  EXPECT_EQ(first, outcome(with->verify(token, c["now"].get<epoch_ms>())));
  return first;
}

void expect_codes(const char* file, std::size_t least) {
  const vectors all = load(file);
  std::size_t hostile = 0;
  for (const vectors& c : all["cases"]) {
    EXPECT_EQ(c["expect"].get<std::string>(), run(c)) << c["name"];
    hostile += c["expect"] != "OK" ? 1 : 0;
  }
  EXPECT_GE(hostile, least);
}

TEST(hostile, every_case_gives_its_code) { expect_codes("jose_hostile.json", 500); }

// What is rare and right passes, what nearly is does not.
TEST(hostile, every_edge_gives_its_code) {
  expect_codes("jose_edges_keys.json", 100);
  expect_codes("jose_edges_jws.json", 200);
  expect_codes("jose_edges_jwe.json", 300);
}

// The same tokens against a verifier that has seen, remembered and cached good ones.
TEST(hostile, a_warm_verifier_refuses_the_same_tokens) {
  const vectors all = load("jose_hostile.json");
  const auto control = std::find_if(all["cases"].begin(), all["cases"].end(),
                                    [](const vectors& c) { return c["name"] == "control HS256"; });
  ASSERT_NE(control, all["cases"].end());
  verifier_options options;
  options.keys = keys_of(*control);
  options.claims = policy_of(vectors::object());
  options.cache = {.entries = 100, .symmetric = true};
  const auto warm = verifier::create(options);
  ASSERT_TRUE(warm) << warm.error().message;
  const epoch_ms now = (*control)["now"];
  std::size_t seen = 0;
  for (const vectors& c : all["cases"]) {
    if (c["op"] != "verify" || !c["options"].empty() || !c.contains("key") || c["key"] != (*control)["key"]) continue;
    ASSERT_TRUE(warm->verify((*control)["token"].get<std::string>(), now));
    EXPECT_EQ(c["expect"].get<std::string>(), outcome(warm->verify(token_of(c), now))) << c["name"];
    ++seen;
  }
  EXPECT_GE(seen, 150u);
}

}  // namespace
}  // namespace coatcheck::jose::test
