// Key management of JWE (RFC 7518, 4): how the content encryption key travels.
#pragma once

#include <string>

#include "coatcheck/jose/jwe.hpp"

#include "jose/header.hpp"
#include "jose/key_impl.hpp"

namespace coatcheck::jose {

struct managed_key {
  secret_bytes cek;
  std::string encrypted;  // the second part of the token; empty for dir and ECDH-ES
};

// Makes the content encryption key for a new token, and adds what the receiver needs to `header` (epk, iv, …).
[[nodiscard]] result<managed_key> wrap_key(const key& to, encryption enc, const jwe_encrypt_options& options,
                                           json::document& header);

// The header's parameters for this algorithm, decoded and checked before any private key is used.
struct management_parameters {
  std::optional<key> epk;
  std::string apu, apv;
  std::string iv, tag;      // A*GCMKW
  std::string salt;         // PBES2
  std::uint32_t count = 0;  // PBES2
};
// Codes: token_header_invalid, token_algorithm (PBES2 not allowed).
[[nodiscard]] result<management_parameters> read_parameters(const token_header& header, const key& with,
                                                            const jwe_decrypt_options& options);
// The content encryption key, of exactly key_bytes(enc); false: `out` is then filled with randomness.
[[nodiscard]] bool unwrap_key(const key& with, encryption enc, const management_parameters& parameters,
                              std::string_view encrypted, secret_bytes& out);

}  // namespace coatcheck::jose
