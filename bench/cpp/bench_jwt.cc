// JWT verification, signing and JWE against the bare OpenSSL operation: what the library adds.
#include <benchmark/benchmark.h>
#include <openssl/evp.h>

#include "coatcheck/jose/jwe.hpp"
#include "coatcheck/jose/jwt.hpp"

#include "jose/key_impl.hpp"
#include "jose/signature.hpp"

namespace {

using namespace coatcheck;
using namespace coatcheck::jose;

constexpr epoch_ms now = 1'700'000'000'000;
constexpr std::string_view payload =
    R"({"iss":"https://issuer.example","sub":"user-1234567890","aud":"api","name":"John Doe","admin":true,"iat":1516239022,"exp":1999999999})";

verifier make_verifier(const key& with, std::size_t cache) {
  verifier_options options;
  options.keys = *key_set::from_keys({with.type() == key_type::oct ? with : *with.public_key()});
  options.claims.types = {"JWT"};
  options.claims.audiences = {"api"};
  options.cache = {.entries = cache, .ttl = 600'000, .symmetric = true};
  return *verifier::create(options);
}

void verify(benchmark::State& state, algorithm alg, std::size_t cache) {
  const key with = *key::generate(alg, {.kid = "bench"});
  const verifier by = make_verifier(with, cache);
  const std::string token = *signer::create(with)->sign(payload);
  for (auto _ : state) {
    auto got = by.verify(token, now);
    if (!got) state.SkipWithError("not verified");
    benchmark::DoNotOptimize(got);
  }
}

void sign(benchmark::State& state, algorithm alg) {
  const signer by = *signer::create(*key::generate(alg, {.kid = "bench"}));
  for (auto _ : state) benchmark::DoNotOptimize(by.sign(payload));
}

// The bare operation: a context that is set up once, where OpenSSL allows it; hashing and verifying alone.
void openssl_verify(benchmark::State& state, algorithm alg) {
  const key with = *key::generate(alg);
  const std::string message(240, 'm');
  const std::string_view pieces[] = {message};
  signature_bytes raw;
  if (!make_signature(with.impl(), pieces, raw)) return state.SkipWithError("not signed");
  EVP_PKEY* const pkey = with.impl().pkey.get();
  const auto* const text = reinterpret_cast<const unsigned char*>(message.data());
  if (family_of(alg) == algorithm_family::eddsa) {
    for (auto _ : state) {
      EVP_MD_CTX* const ctx = EVP_MD_CTX_new();
      EVP_DigestVerifyInit(ctx, nullptr, nullptr, nullptr, pkey);
      if (EVP_DigestVerify(ctx, raw.data.data(), raw.size, text, message.size()) != 1)
        state.SkipWithError("not verified");
      EVP_MD_CTX_free(ctx);
    }
    return;
  }
  EVP_PKEY_CTX* const ctx = EVP_PKEY_CTX_new(pkey, nullptr);
  EVP_PKEY_verify_init(ctx);
  EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256());
  unsigned char der[160], digest[32];
  std::size_t der_size = sizeof der;
  if (with.type() == key_type::ec) {
    EVP_PKEY_CTX* const signing = EVP_PKEY_CTX_new(pkey, nullptr);
    EVP_PKEY_sign_init(signing);
    EVP_Digest(text, message.size(), digest, nullptr, EVP_sha256(), nullptr);
    EVP_PKEY_sign(signing, der, &der_size, digest, sizeof digest);
    EVP_PKEY_CTX_free(signing);
  }
  for (auto _ : state) {
    EVP_Digest(text, message.size(), digest, nullptr, EVP_sha256(), nullptr);
    const int done = with.type() == key_type::ec
                         ? EVP_PKEY_verify(ctx, der, der_size, digest, sizeof digest)
                         : EVP_PKEY_verify(ctx, raw.data.data(), raw.size, digest, sizeof digest);
    if (done != 1) state.SkipWithError("not verified");
  }
  EVP_PKEY_CTX_free(ctx);
}

void encrypt(benchmark::State& state, algorithm alg) {
  const key with = *key::generate(alg);
  for (auto _ : state) benchmark::DoNotOptimize(jwe_encrypt(with, payload));
}

void decrypt(benchmark::State& state, algorithm alg) {
  const key with = *key::generate(alg);
  const std::string token = *jwe_encrypt(with, payload);
  for (auto _ : state) {
    auto got = jwe_decrypt(token, with);
    if (!got) state.SkipWithError("not decrypted");
    benchmark::DoNotOptimize(got);
  }
}

BENCHMARK_CAPTURE(verify, HS256, algorithm::HS256, 0)->Name("cpp/jwt/verify@HS256");
BENCHMARK_CAPTURE(verify, HS512, algorithm::HS512, 0)->Name("cpp/jwt/verify@HS512");
BENCHMARK_CAPTURE(verify, RS256, algorithm::RS256, 0)->Name("cpp/jwt/verify@RS256");
BENCHMARK_CAPTURE(openssl_verify, RS256, algorithm::RS256)->Name("openssl/verify@RS256");
BENCHMARK_CAPTURE(verify, ES256, algorithm::ES256, 0)->Name("cpp/jwt/verify@ES256");
BENCHMARK_CAPTURE(openssl_verify, ES256, algorithm::ES256)->Name("openssl/verify@ES256");
BENCHMARK_CAPTURE(verify, EdDSA, algorithm::EdDSA, 0)->Name("cpp/jwt/verify@EdDSA");
BENCHMARK_CAPTURE(openssl_verify, EdDSA, algorithm::EdDSA)->Name("openssl/verify@EdDSA");
BENCHMARK_CAPTURE(verify, cached, algorithm::ES256, 1000)->Name("cpp/jwt/verify_cached@ES256");
BENCHMARK_CAPTURE(sign, HS256, algorithm::HS256)->Name("cpp/jwt/sign@HS256");
BENCHMARK_CAPTURE(sign, RS256, algorithm::RS256)->Name("cpp/jwt/sign@RS256");
BENCHMARK_CAPTURE(sign, ES256, algorithm::ES256)->Name("cpp/jwt/sign@ES256");
BENCHMARK_CAPTURE(sign, EdDSA, algorithm::EdDSA)->Name("cpp/jwt/sign@EdDSA");
BENCHMARK_CAPTURE(encrypt, dir, algorithm::dir)->Name("cpp/jwe/encrypt@dir+A256GCM");
BENCHMARK_CAPTURE(decrypt, dir, algorithm::dir)->Name("cpp/jwe/decrypt@dir+A256GCM");
BENCHMARK_CAPTURE(decrypt, ecdh, algorithm::ECDH_ES)->Name("cpp/jwe/decrypt@ECDH-ES+A256GCM");

}  // namespace

BENCHMARK_MAIN();
