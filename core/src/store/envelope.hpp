// The envelope: how a store that keeps one byte string per key (LMDB, Redis) writes an entry.
//
//   <13 decimal digits: expires_at, ms since the epoch> SP <16 lower-case hex digits: etag> SP <bytes>
//
// Text with fixed offsets, so that `mdb_dump -p` and `redis-cli get` show it, a touch rewrites the first 13 bytes
// alone, and a script in the server compares the etag without parsing. docs/formats.md, "Envelope".
//
// Thread safety: free functions on values.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "coatcheck/clock.hpp"
#include "coatcheck/error.hpp"
#include "coatcheck/store.hpp"

namespace coatcheck {

namespace envelope {

inline constexpr std::size_t expiry_size = 13;
inline constexpr std::size_t tag_offset = 14;
inline constexpr std::size_t tag_size = 16;
inline constexpr std::size_t header_size = 31;       // where the bytes begin
inline constexpr epoch_ms max_expiry = latest_time;  // a later date is written as this one

// Views into the text that was decoded.
struct view {
  epoch_ms expires_at = 0;
  std::string_view tag;  // tag_size bytes
  std::string_view bytes;
};

// None when the text is no envelope: then the outcome of a read is unknown (record_damaged), never absent.
[[nodiscard]] std::optional<view> decode(std::string_view text) noexcept;

// Writes exactly expiry_size digits; negative is written as 0, later than max_expiry as max_expiry.
void write_expiry(epoch_ms expires_at, char* out) noexcept;
// Writes exactly header_size bytes. `tag` has tag_size bytes.
void write_header(epoch_ms expires_at, std::string_view tag, char* out) noexcept;

[[nodiscard]] stored_value to_value(const view& entry);

}  // namespace envelope

// A new version's tag: 64 random bits as 16 hex digits. Empty when the system gives no randomness.
[[nodiscard]] etag make_etag() noexcept;

// What every store answers alike to arguments outside the contract. No message holds the key or the owner.
inline constexpr std::size_t max_key_size = 128;
inline constexpr std::size_t max_owner_size = 256;
// 1 to 128 bytes of [A-Za-z0-9_-].
[[nodiscard]] bool valid_key(std::string_view key) noexcept;
[[nodiscard]] error bad_key_error();     // invalid_option
[[nodiscard]] error bad_owner_error();   // invalid_option
[[nodiscard]] error bad_cursor_error();  // invalid_option
[[nodiscard]] error closed_error();      // store_closed
[[nodiscard]] error no_random_error();   // random_failed: make_etag gave none

}  // namespace coatcheck
