// The steps of a JWS verification that the compact and JSON forms and JWTs share.
#pragma once

#include "coatcheck/jose/jws.hpp"

#include "jose/header.hpp"
#include "jose/key_impl.hpp"

namespace coatcheck::jose {

// Chooses the key by header and verifies. `signing_input`: the pieces that were signed. `encoded`: base64url.
// Codes: token_algorithm, token_key, token_malformed, token_signature.
[[nodiscard]] result<const key*> verify_with(std::span<const key> keys, bool by_kid, algorithm alg,
                                             std::string_view kid, std::span<const std::string_view> signing_input,
                                             std::string_view encoded);

// The protected header of a new token, as JSON text: alg, then the caller's members, then kid.
[[nodiscard]] result<std::string> make_header(const key& signer, std::string_view members, bool key_id, bool unencoded);

}  // namespace coatcheck::jose
