// JWKs as parsed JSON: shared by the import of one key, of a set, and of an ephemeral key in a JWE header.
#pragma once

#include "coatcheck/jose/key.hpp"

#include "jose/json.hpp"

namespace coatcheck::jose {

[[nodiscard]] result<key> key_from_document(const json::document& jwk, const import_options& options);
// The JWK of a key as JSON. Errors as key::to_jwk.
[[nodiscard]] result<json::document> key_to_document(const key& from, key_part part);
// Overwrites every string in place: a parsed private key must not stay behind in freed memory.
void wipe_strings(json::document& value) noexcept;

}  // namespace coatcheck::jose
