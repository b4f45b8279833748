// Content encryption of JWE: AES-GCM and AES-CBC with HMAC (RFC 7518, 5).
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "coatcheck/jose/algorithm.hpp"

namespace coatcheck::jose {

[[nodiscard]] constexpr bool is_gcm(encryption enc) noexcept { return enc <= encryption::A256GCM; }
[[nodiscard]] constexpr std::size_t iv_bytes(encryption enc) noexcept { return is_gcm(enc) ? 12 : 16; }
[[nodiscard]] constexpr std::size_t tag_bytes(encryption enc) noexcept { return is_gcm(enc) ? 16 : key_bytes(enc) / 2; }
inline constexpr std::size_t max_content_key = 64;

struct content_tag {
  std::array<unsigned char, 32> data;
};

// `key` has key_bytes(enc), `iv` iv_bytes(enc). `out` gets the ciphertext.
[[nodiscard]] bool encrypt_content(encryption enc, std::string_view key, std::string_view iv, std::string_view aad,
                                   std::string_view plaintext, std::string& out, content_tag& tag);
// False for whatever is wrong: a size, the tag, the padding. For CBC the tag is checked before anything is decrypted.
[[nodiscard]] bool decrypt_content(encryption enc, std::string_view key, std::string_view iv, std::string_view aad,
                                   std::string_view ciphertext, std::string_view tag, std::string& out);

// AES-GCM over a few bytes with an explicit key size: A*GCMKW.
[[nodiscard]] bool gcm_seal(std::string_view key, std::string_view iv, std::string_view aad, std::string_view plaintext,
                            unsigned char* out, unsigned char* tag);
[[nodiscard]] bool gcm_open(std::string_view key, std::string_view iv, std::string_view aad,
                            std::string_view ciphertext, std::string_view tag, unsigned char* out);

}  // namespace coatcheck::jose
