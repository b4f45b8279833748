// base64url without padding (RFC 4648, 5) and standard base64 without padding: strict both ways.
//
// Thread safety: pure functions.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace coatcheck::crypto {

[[nodiscard]] constexpr std::size_t base64_encoded_size(std::size_t bytes) noexcept {
  return bytes / 3 * 4 + (bytes % 3 * 4 + 2) / 3;
}
[[nodiscard]] constexpr std::size_t base64url_decoded_size(std::size_t chars) noexcept {
  return chars / 4 * 3 + chars % 4 * 3 / 4;
}

[[nodiscard]] std::string base64url_encode(std::string_view bytes);
// Writes base64_encoded_size(bytes.size()) characters to `out`. The input may lie at the end of the output's
// memory, so that a value is encoded where it was made: no triple is read after it was written over.
void base64url_encode_to(std::span<const unsigned char> bytes, char* out) noexcept;
// Refuses padding, white space, bytes outside the alphabet and non-canonical trailing bits.
[[nodiscard]] std::optional<std::string> base64url_decode(std::string_view text);
// Without allocation: writes exactly base64url_decoded_size(text.size()) bytes to `out`, or returns false.
[[nodiscard]] bool base64url_decode_to(std::string_view text, unsigned char* out);

// Standard alphabet (+ /), no padding: what cookie-signature writes. `out` has base64_encoded_size bytes.
void base64_encode_to(std::span<const unsigned char> bytes, char* out) noexcept;
// As base64url_decode_to, over the standard alphabet.
[[nodiscard]] bool base64_decode_to(std::string_view text, unsigned char* out) noexcept;

}  // namespace coatcheck::crypto
