// zlib streams (RFC 1950) of bounded size, for the formats that pack their JSON.
//
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace coatcheck::peers {

// At zlib's own level, as Python's zlib.compress. Nothing when there is no memory.
[[nodiscard]] std::optional<std::string> pack(std::string_view text);

enum class unpacked { whole, damaged, too_large };
// A whole stream and nothing after it. `out` is at most `most` bytes; never more than that is made.
[[nodiscard]] unpacked unpack(std::string_view packed, std::size_t most, std::string& out);

}  // namespace coatcheck::peers
