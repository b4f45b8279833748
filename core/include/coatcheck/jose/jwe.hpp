// JSON Web Encryption (RFC 7516), compact form: bytes that only the holder of a key reads.
//
// Decrypting says nothing about who made the token: whoever has a public key can encrypt to it (CVE-2023-51774). For
// that, sign first: `nested_sign_encrypt` and `nested_decrypt_verify`.
//
// There is no RSA1_5. `zip` is refused: decompression would need a bound while inflating, and no token of ours is
// compressed (RFC 8725, 3.6). PBES2 is refused unless allowed, and its count is bounded both ways.
//
// Codes: token_too_large, token_malformed, token_header_invalid, token_critical, token_algorithm, token_key as in
// jws.hpp; token_decryption for every other failure: wrong key, tampered, truncated, wrong sizes. One code and one
// message, and no branch on what a private key operation gave (an unwrapped key of the wrong form is replaced by a
// random one, so that the tag fails).
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/jose/jwt.hpp"
#include "coatcheck/jose/key.hpp"

namespace coatcheck::jose {

inline constexpr std::size_t default_max_encrypted = 16 * 1024;  // bytes of a whole JWE
inline constexpr std::uint32_t min_password_count = 1000;        // p2c, RFC 7518, 4.8.1.2
inline constexpr std::uint32_t max_password_count = 1'200'000;   // RFC 8725bis, 3.13

struct jwe_encrypt_options {
  encryption enc = encryption::A256GCM;    // a `dir` key that is bound to another takes that one
  std::string_view header = {};            // further members of the header, JSON object text, e.g. {"cty":"JWT"}
  bool key_id = true;                      // put the key's kid into the header
  std::string_view apu = {}, apv = {};     // ECDH-ES party information, raw bytes; up to 512
  std::uint32_t password_count = 600'000;  // p2c of PBES2
};

struct jwe_decrypt_options {
  std::size_t max_token = default_max_encrypted;
  std::vector<encryption> encs = {};  // content encryptions that are taken; empty: all six
  bool allow_password = false;        // take PBES2: each token then costs up to `max_count` rounds
  std::uint32_t max_count = max_password_count;
};

// What was encrypted. Nothing in it is signed: a different type than verified_payload, on purpose.
struct decrypted_payload {
  std::string plaintext;
  std::string header;  // JSON text
  std::string key_id;  // of the key that opened it; empty: it has none
};

// A key of `dir`, A*GCMKW: random 96-bit nonces, so make a new key before 2^32 tokens.
[[nodiscard]] result<std::string> jwe_encrypt(const key& to, std::string_view plaintext,
                                              const jwe_encrypt_options& options = {});
[[nodiscard]] result<decrypted_payload> jwe_decrypt(std::string_view token, const key_set& keys,
                                                    const jwe_decrypt_options& options = {});
[[nodiscard]] result<decrypted_payload> jwe_decrypt(std::string_view token, const key& with,
                                                    const jwe_decrypt_options& options = {});

// Signed, then encrypted (RFC 7519, 11.2): the JWE's cty is "JWT".
[[nodiscard]] result<std::string> nested_sign_encrypt(std::string_view claims, const signer& with, const key& to,
                                                      const jwe_encrypt_options& options = {});
// Opens, demands cty "JWT", and verifies what was inside.
[[nodiscard]] result<verified_token> nested_decrypt_verify(std::string_view token, const key_set& keys,
                                                           const verifier& inner, epoch_ms now,
                                                           const jwe_decrypt_options& options = {},
                                                           claim_failure* failure = nullptr);

}  // namespace coatcheck::jose
