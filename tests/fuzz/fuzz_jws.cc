// JWS, compact and JSON: whatever comes in, an answer comes out, and only what our key signed is accepted.
#include <cstdlib>

#include "coatcheck/jose/jws.hpp"
#include "coatcheck/jose/jwt.hpp"

using namespace coatcheck::jose;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const key_set keys = *key_set::from_keys({*key::from_secret(std::string(32, 'k'), algorithm::HS256)});
  static const key_set curves =
      *key_set::from_keys({*key::generate(algorithm::ES256), *key::generate(algorithm::Ed25519)});
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  jws_verify_options options;
  options.allow_unencoded = true;
  // The key is not in the corpus: an accepted token would be a forgery, save one that the fuzzer made of a seed.
  (void)jws_verify(input, keys, options);
  if (jws_verify(input, curves, options)) std::abort();
  (void)jws_verify_json(input, keys, signatures_needed::all, options);
  if (jws_verify_json(input, curves, signatures_needed::any, options)) std::abort();
  (void)jws_verify_detached(input, "payload", keys, options);
  (void)decode_unverified(input);
  return 0;
}
