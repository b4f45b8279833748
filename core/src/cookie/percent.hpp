// Percent-encoding of cookie values, as JavaScript's encodeURIComponent and decodeURIComponent (ECMA-262, 19.2.6).
//
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace coatcheck {

// The length of percent_encode(value).
[[nodiscard]] std::size_t percent_encoded_size(std::string_view value) noexcept;
void percent_encode_append(std::string_view value, std::string& out);
// Nothing when a `%` is not followed by two hexadecimal digits, or what is encoded is not well-formed UTF-8.
// Bytes that are not encoded stay as they are.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);

}  // namespace coatcheck
