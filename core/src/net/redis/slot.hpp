// Where a key lives in a Redis cluster: CRC16 of the key, or of its part in braces, in 16,384 slots.
// Format: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/ ("Key distribution model")
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace coatcheck::net {

inline constexpr unsigned slot_count = 16'384;

// CRC-16/XMODEM: polynomial 0x1021, beginning with 0.
[[nodiscard]] std::uint16_t crc16(std::string_view bytes) noexcept;
[[nodiscard]] unsigned slot_of_key(std::string_view key) noexcept;
// The slot of an encoded command's first key: the argument after the name; of EVAL and EVALSHA the one after the number
// of keys. None: the command has no key (PING), or is none. `command` and `rest` are one after the other, and no
// argument is in both.
[[nodiscard]] std::optional<unsigned> slot_of_command(std::string_view command, std::string_view rest = {}) noexcept;

}  // namespace coatcheck::net
