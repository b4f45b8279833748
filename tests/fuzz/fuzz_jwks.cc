// JWKs, JWK Sets, PEM, DER and secrets: what is taken can be written out and read back as the same key.
#include <cstdlib>
#include <iterator>

#include "coatcheck/jose/key.hpp"

using namespace coatcheck::jose;

namespace {
void check(const key& read) {
  const auto text = read.to_jwk(read.is_private() ? key_part::with_private : key_part::public_only);
  if (!text) std::abort();
  const auto back = key::from_jwk(*text);
  if (!back || !back->same_key(read) || back->thumbprint() != read.thumbprint()) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  (void)looks_like_key_material(input);
  if (const auto one = key::from_jwk(input)) check(*one);
  key_set_options options;
  options.default_algs = {algorithm::ES256, algorithm::EdDSA, algorithm::HS256};
  if (const auto set = key_set::parse(input, options)) {
    for (const key& one : set->keys()) check(one);
  }
  // The algorithm is the caller's, not the parser's: one per input is enough, and saves OpenSSL's slow decoders a run.
  constexpr algorithm algs[] = {algorithm::ES256, algorithm::EdDSA, algorithm::RS256, algorithm::ECDH_ES};
  const algorithm alg = algs[size % std::size(algs)];
  if (const auto one = key::from_pem(input, alg)) check(*one);
  if (const auto one = key::from_der(input, alg)) check(*one);
  if (const auto one = key::from_secret(input, algorithm::HS256)) check(*one);
  return 0;
}
