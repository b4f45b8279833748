// Primitives that other people's formats are made of, and ours are not: for core/src/peers alone.
//
// Sources: FIPS 198-1 and FIPS 180-4 (HMAC-SHA-1), RFC 8018 (PBKDF2, PKCS #7 padding), NIST SP 800-38A (CBC).
// Thread safety: pure functions over contexts of the calling thread.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace coatcheck::crypto {

// Aborts the process when OpenSSL has no such algorithm or no memory, as HMAC-SHA-256 does here.
[[nodiscard]] std::array<unsigned char, 20> hmac_sha1(std::string_view key, std::string_view data) noexcept;

// A digest of the parts, one after the other, and an HMAC, by OpenSSL's name of the digest (SHA1, SHA256 …). Abort as
// above.
[[nodiscard]] std::string digest_of(const char* digest, std::span<const std::string_view> parts);
[[nodiscard]] std::string hmac_of(const char* digest, std::string_view key, std::span<const std::string_view> parts);

using derived_key = std::array<unsigned char, 32>;
// PBKDF2 with HMAC-SHA-1 and one iteration. Nothing when OpenSSL refuses.
[[nodiscard]] std::optional<derived_key> pbkdf2_sha1_once(std::string_view password, std::string_view salt);

// AES-256-CBC with PKCS #7 padding; `iv` has 16 bytes. Nothing when OpenSSL refuses, or the padding is wrong.
[[nodiscard]] std::optional<std::string> aes_256_cbc_encrypt(const derived_key& key, std::string_view iv,
                                                             std::string_view plaintext);
[[nodiscard]] std::optional<std::string> aes_256_cbc_decrypt(const derived_key& key, std::string_view iv,
                                                             std::string_view ciphertext);

}  // namespace coatcheck::crypto
