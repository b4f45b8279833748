// Signatures without a token around them.
#include "coatcheck/jose/bare_signature.hpp"

#include "jose/signature.hpp"

namespace coatcheck::jose {

result<std::string> sign_bytes(const key& signer, std::string_view bytes) {
  if (!is_signature(signer.alg()) || !signer.can_sign()) {
    return coatcheck::error{errc::key_unsuitable,
                            "the key cannot sign: no private part, or its use or key_ops forbids it"};
  }
  const std::string_view pieces[] = {bytes};
  signature_bytes made;
  if (!make_signature(signer.impl(), pieces, made)) return coatcheck::error{errc::crypto_failed, "signing failed"};
  return std::string(reinterpret_cast<const char*>(made.data.data()), made.size);
}

result<void> verify_bytes(const key& verifier, std::string_view bytes, std::string_view signature) {
  if (!is_signature(verifier.alg()) || !verifier.can_verify()) {
    return coatcheck::error{errc::key_unsuitable, "the key cannot verify: its use or key_ops forbids it"};
  }
  const std::string_view pieces[] = {bytes};
  if (!verify_signature(verifier.impl(), pieces, signature)) {
    return coatcheck::error{errc::token_signature, "the signature does not hold"};
  }
  return {};
}

}  // namespace coatcheck::jose
