// Signatures over bytes as they are, without a JOSE header around them: for bindings that offer the algorithm objects
// of the libraries they stand in for (PyJWT's `Algorithm.sign` and `verify`). Tokens are made and checked by jws.hpp
// and jwt.hpp alone.
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "coatcheck/error.hpp"
#include "coatcheck/jose/key.hpp"

namespace coatcheck::jose {

// Raw bytes: a MAC, RSA's signature, r || s of ECDSA, RFC 8032's. Errors: key_unsuitable, crypto_failed.
[[nodiscard]] result<std::string> sign_bytes(const key& signer, std::string_view bytes);
// Errors: key_unsuitable; token_signature when it does not hold.
[[nodiscard]] result<void> verify_bytes(const key& verifier, std::string_view bytes, std::string_view signature);

}  // namespace coatcheck::jose
