// JWE: arbitrary tokens, and tokens whose header is arbitrary while the rest is of the right shape.
#include <cstdlib>

#include "coatcheck/jose/jwe.hpp"

#include "crypto/base64url.hpp"

using namespace coatcheck;
using namespace coatcheck::jose;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<key> keys = {*key::generate(algorithm::dir), *key::generate(algorithm::A128KW),
                                        *key::generate(algorithm::A256GCMKW), *key::generate(algorithm::ECDH_ES),
                                        *key::from_secret("password", algorithm::PBES2_HS256_A128KW)};
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  jwe_decrypt_options options;
  options.allow_password = true;
  options.max_count = 1000;
  const std::string shaped = crypto::base64url_encode(input.substr(0, 4096)) +
                             ".AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAA.AA.AAAAAAAAAAAAAAAAAAAAAA";
  for (const key& with : keys) {
    if (jwe_decrypt(input, with, options) || jwe_decrypt(shaped, with, options)) std::abort();
  }
  return 0;
}
