// A session cookie's signature, against what it cannot do without: one HMAC-SHA-256, as OpenSSL's one-shot call does
// it.
#include <array>
#include <benchmark/benchmark.h>
#include <cstdlib>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string>

#include "coatcheck/clock.hpp"
#include "coatcheck/key_ring.hpp"

namespace {

const std::string secret = "a benchmark secret of more than thirty-two bytes";
const std::string id = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

void unsign(benchmark::State& state) {
  const auto ring = coatcheck::key_ring::from_secret(secret);
  const auto now = coatcheck::system_clock().now();
  const auto signed_id = ring->sign_express(id, now);
  if (!signed_id) std::abort();
  for (auto _ : state) benchmark::DoNotOptimize(ring->unsign_express(*signed_id, now));
}

void bare_unsign(benchmark::State& state) {
  std::array<unsigned char, 32> mac{};
  for (auto _ : state) {
    benchmark::DoNotOptimize(HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
                                  reinterpret_cast<const unsigned char*>(id.data()), id.size(), mac.data(), nullptr));
  }
}

BENCHMARK(unsign);
BENCHMARK(bare_unsign);

}  // namespace

BENCHMARK_MAIN();
