// What 64 KiB of hostile input cost each JOSE parser, with the limits on tokens raised so that all of it is read.
// The aim is 5 ms. Not a test: a busy machine would fail it.
#include <benchmark/benchmark.h>

#include "coatcheck/jose/jwe.hpp"
#include "coatcheck/jose/jwt.hpp"

#include "crypto/base64url.hpp"

namespace {

using namespace coatcheck;
using namespace coatcheck::jose;

constexpr std::size_t size = 64 * 1024;

std::string repeat(std::string_view text, std::size_t bytes = size) {
  std::string out;
  while (out.size() + text.size() <= bytes) out += text;
  return out;
}

std::string encoded(std::string_view text) { return crypto::base64url_encode(text); }
std::string token(std::string_view header, std::string_view payload) {
  return encoded(header) + "." + encoded(payload) + "." + encoded(std::string(32, 's'));
}

// JSON that is expensive to read: many members, deep, long strings, long numbers, escapes, duplicates at the end.
std::vector<std::pair<std::string, std::string>> texts() {
  std::string members = "{\"alg\":\"HS256\"", empty_names = members;
  for (int i = 0; members.size() < size - 32; ++i) members += ",\"m" + std::to_string(i) + "\":1";
  for (int i = 0; empty_names.size() < size - 32; ++i) empty_names += ",\"\\u00" + std::to_string(10 + i % 90) + "\":0";
  std::string keys = R"({"keys":[)";
  while (keys.size() < size - 64) keys += R"({"kty":"oct"},)";
  std::string own_keys = R"({"keys":[)";
  for (int i = 0; i < 100; ++i) {
    own_keys += *key::generate(algorithm::ES256, {.kid = "k" + std::to_string(i)})->to_jwk(key_part::public_only);
    own_keys += i < 99 ? "," : "]}";
  }
  return {{"dots", repeat(".")},
          {"open_braces", repeat("{\"a\":")},
          {"open_brackets", repeat("[")},
          {"quotes", repeat("\"")},
          {"backslashes", "{\"a\":\"" + repeat("\\\\")},
          {"escapes", "{\"a\":\"" + repeat("\\u20ac") + "\"}"},
          {"digits", "{\"a\":" + repeat("9") + "}"},
          {"fraction", "{\"a\":0." + repeat("9") + "}"},
          {"members", members + "}"},
          {"members_twice", members + ",\"m1\":1}"},
          {"escaped_names", empty_names + "}"},
          {"long_kid", "{\"alg\":\"HS256\",\"kid\":\"" + repeat("k") + "\"}"},
          {"many_bad_keys", keys + "{}]}"},
          {"100_public_keys", own_keys},
          {"nul", std::string(size, '\0')},
          {"high_bytes", std::string(size, '\xff')},
          {"pem_begins", repeat("-----BEGIN PRIVATE KEY-----")},
          {"der", "\x30\x82\xff\xfc" + std::string(size - 4, '\x30')},
          {"base64_of_der", "MII" + repeat("MIIB")},
          {"ssh", repeat("ssh-rsa ")}};
}

const key& hmac() {
  static const key with = *key::generate(algorithm::HS256);
  return with;
}
const key_set& keys() {
  static const key_set set = *key_set::from_keys({hmac()});
  return set;
}
constexpr jws_verify_options wide = {.max_token = 1 << 20, .allow_unencoded = true};

void jws(const std::string& text) { benchmark::DoNotOptimize(jws_verify(text, keys(), wide)); }
void jws_header(const std::string& text) { jws(token(text, "{}")); }
void jws_json(const std::string& text) {
  benchmark::DoNotOptimize(jws_verify_json(text, keys(), signatures_needed::all, wide));
}
void decode(const std::string& text) { benchmark::DoNotOptimize(decode_unverified(text, 1 << 20)); }
void claims_of(const std::string& text) {
  claims_policy policy;
  policy.any_type = true;
  policy.audience = audience_rule::any;
  benchmark::DoNotOptimize(check_claims(text, std::nullopt, policy, 0));
}
void jwe(const std::string& text) {
  static const key with = *key::generate(algorithm::dir);
  jwe_decrypt_options options;
  options.max_token = 1 << 20;
  benchmark::DoNotOptimize(jwe_decrypt(encoded(text.substr(0, 8000)) + ".." + text, with, options));
  benchmark::DoNotOptimize(jwe_decrypt(text, with, options));
}
void jwk(const std::string& text) {
  import_options options;
  options.alg = algorithm::RS256;
  benchmark::DoNotOptimize(key::from_jwk(text, options));
}
void jwks(const std::string& text) {
  key_set_options options;
  options.default_algs = {algorithm::ES256, algorithm::RS256, algorithm::HS256};
  benchmark::DoNotOptimize(key_set::parse(text, options));
}
void pem(const std::string& text) { benchmark::DoNotOptimize(key::from_pem(text, algorithm::RS256)); }
void der(const std::string& text) { benchmark::DoNotOptimize(key::from_der(text, algorithm::RS256)); }
void secret(const std::string& text) { benchmark::DoNotOptimize(key::from_secret(text, algorithm::HS256)); }

}  // namespace

int main(int argc, char** argv) {
  constexpr std::pair<const char*, void (*)(const std::string&)> parsers[] = {
      {"jws", jws},           {"jws_header", jws_header},
      {"jws_json", jws_json}, {"decode", decode},
      {"claims", claims_of},  {"jwe", jwe},
      {"jwk", jwk},           {"jwks", jwks},
      {"pem", pem},           {"der", der},
      {"secret", secret}};
  for (const auto& [shape, text] : texts()) {
    for (const auto& [name, parser] : parsers) {
      benchmark::RegisterBenchmark(("garbage/" + std::string(name) + "/" + shape).c_str(),
                                   [parser = parser, text = text](benchmark::State& state) {
                                     for (auto _ : state) parser(text);
                                   });
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
