// XAES-256-GCM: authenticated encryption with a random nonce of 24 bytes and no practical limit of messages per key.
//
// The source is the C2SP specification (c2sp.org/XAES-256-GCM): a key per message from AES-256-CMAC over the
// first half of the nonce (NIST SP 800-108r1), then AES-256-GCM (NIST SP 800-38D) with the second half.
//
// Thread safety: pure functions over contexts of the calling thread.
#pragma once

#include <array>
#include <span>
#include <string_view>

namespace coatcheck::crypto {

inline constexpr std::size_t xaes_key_bytes = 32;
inline constexpr std::size_t xaes_nonce_bytes = 24;
inline constexpr std::size_t xaes_tag_bytes = 16;

using xaes_key = std::span<const unsigned char, xaes_key_bytes>;
using xaes_nonce = std::span<const unsigned char, xaes_nonce_bytes>;
// Two pieces that count as one text, so that callers need not copy them together.
using two_parts = std::array<std::string_view, 2>;

// Writes the ciphertext, as long as the plaintext, and the tag behind it. False when OpenSSL fails or a part
// is longer than 1 GiB; `out` then holds nothing to be used.
[[nodiscard]] bool xaes_256_gcm_seal(xaes_key key, xaes_nonce nonce, const two_parts& aad, const two_parts& plaintext,
                                     unsigned char* out) noexcept;
// `sealed` is ciphertext and tag; `out` gets sealed.size() - 16 bytes and may be sealed.data() itself. False when
// the tag does not match; `out` is then wiped.
[[nodiscard]] bool xaes_256_gcm_open(xaes_key key, xaes_nonce nonce, const two_parts& aad,
                                     std::span<const unsigned char> sealed, unsigned char* out) noexcept;

}  // namespace coatcheck::crypto
