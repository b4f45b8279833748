// The algorithms of JOSE by name (RFC 7518, RFC 8037, RFC 8812, RFC 9864): what signs, what manages keys,
// what encrypts content. There is no `none` and no RSA1_5: neither can be expressed.
//
// Thread safety: constants and pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace coatcheck::jose {

// Identifier, registered name, family. A key is bound to exactly one of these.
#define COATCHECK_JOSE_ALGORITHMS(X)                    \
  X(HS256, "HS256", hmac)                               \
  X(HS384, "HS384", hmac)                               \
  X(HS512, "HS512", hmac)                               \
  X(RS256, "RS256", rsa_pkcs1)                          \
  X(RS384, "RS384", rsa_pkcs1)                          \
  X(RS512, "RS512", rsa_pkcs1)                          \
  X(PS256, "PS256", rsa_pss)                            \
  X(PS384, "PS384", rsa_pss)                            \
  X(PS512, "PS512", rsa_pss)                            \
  X(ES256, "ES256", ecdsa)                              \
  X(ES384, "ES384", ecdsa)                              \
  X(ES512, "ES512", ecdsa)                              \
  X(ES256K, "ES256K", ecdsa)                            \
  X(EdDSA, "EdDSA", eddsa)                              \
  X(Ed25519, "Ed25519", eddsa)                          \
  X(Ed448, "Ed448", eddsa)                              \
  X(dir, "dir", direct)                                 \
  X(A128KW, "A128KW", aes_wrap)                         \
  X(A192KW, "A192KW", aes_wrap)                         \
  X(A256KW, "A256KW", aes_wrap)                         \
  X(A128GCMKW, "A128GCMKW", gcm_wrap)                   \
  X(A192GCMKW, "A192GCMKW", gcm_wrap)                   \
  X(A256GCMKW, "A256GCMKW", gcm_wrap)                   \
  X(RSA_OAEP, "RSA-OAEP", rsa_oaep)                     \
  X(RSA_OAEP_256, "RSA-OAEP-256", rsa_oaep)             \
  X(ECDH_ES, "ECDH-ES", ecdh)                           \
  X(ECDH_ES_A128KW, "ECDH-ES+A128KW", ecdh)             \
  X(ECDH_ES_A192KW, "ECDH-ES+A192KW", ecdh)             \
  X(ECDH_ES_A256KW, "ECDH-ES+A256KW", ecdh)             \
  X(PBES2_HS256_A128KW, "PBES2-HS256+A128KW", password) \
  X(PBES2_HS384_A192KW, "PBES2-HS384+A192KW", password) \
  X(PBES2_HS512_A256KW, "PBES2-HS512+A256KW", password)

enum class algorithm : std::uint8_t {
#define COATCHECK_X(id, name, family) id,
  COATCHECK_JOSE_ALGORITHMS(COATCHECK_X)
#undef COATCHECK_X
};

enum class algorithm_family : std::uint8_t {
  hmac,
  rsa_pkcs1,
  rsa_pss,
  ecdsa,
  eddsa,
  direct,
  aes_wrap,
  gcm_wrap,
  rsa_oaep,
  ecdh,
  password,
};

[[nodiscard]] constexpr std::string_view name_of(algorithm alg) noexcept {
  switch (alg) {
#define COATCHECK_X(id, name, family) \
  case algorithm::id:                 \
    return name;
    COATCHECK_JOSE_ALGORITHMS(COATCHECK_X)
#undef COATCHECK_X
  }
  return {};
}

[[nodiscard]] constexpr algorithm_family family_of(algorithm alg) noexcept {
  switch (alg) {
#define COATCHECK_X(id, name, family) \
  case algorithm::id:                 \
    return algorithm_family::family;
    COATCHECK_JOSE_ALGORITHMS(COATCHECK_X)
#undef COATCHECK_X
  }
  return algorithm_family::hmac;
}

// Case counts: "hs256" is not an algorithm. Empty for anything that is not in the table.
[[nodiscard]] std::optional<algorithm> algorithm_from(std::string_view name) noexcept;

// Whether it signs (JWS); the others manage the keys of encryption (JWE).
[[nodiscard]] constexpr bool is_signature(algorithm alg) noexcept { return family_of(alg) <= algorithm_family::eddsa; }

// Content encryption (RFC 7518, 5): `enc` of a JWE.
#define COATCHECK_JOSE_ENCRYPTIONS(X)   \
  X(A128GCM, "A128GCM", 16)             \
  X(A192GCM, "A192GCM", 24)             \
  X(A256GCM, "A256GCM", 32)             \
  X(A128CBC_HS256, "A128CBC-HS256", 32) \
  X(A192CBC_HS384, "A192CBC-HS384", 48) \
  X(A256CBC_HS512, "A256CBC-HS512", 64)

enum class encryption : std::uint8_t {
#define COATCHECK_X(id, name, bytes) id,
  COATCHECK_JOSE_ENCRYPTIONS(COATCHECK_X)
#undef COATCHECK_X
};

[[nodiscard]] constexpr std::string_view name_of(encryption enc) noexcept {
  switch (enc) {
#define COATCHECK_X(id, name, bytes) \
  case encryption::id:               \
    return name;
    COATCHECK_JOSE_ENCRYPTIONS(COATCHECK_X)
#undef COATCHECK_X
  }
  return {};
}

// Size of the content encryption key, in bytes.
[[nodiscard]] constexpr std::size_t key_bytes(encryption enc) noexcept {
  switch (enc) {
#define COATCHECK_X(id, name, bytes) \
  case encryption::id:               \
    return bytes;
    COATCHECK_JOSE_ENCRYPTIONS(COATCHECK_X)
#undef COATCHECK_X
  }
  return 0;
}

[[nodiscard]] std::optional<encryption> encryption_from(std::string_view name) noexcept;

}  // namespace coatcheck::jose
