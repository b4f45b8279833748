// The record of one family in the store, and its rules: what a presented counter means, and when.
//
//   cf1 {JSON object}\n payload        (docs/formats.md, "Refresh tokens")
//
// Thread safety: plain values and pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "coatcheck/refresh_tokens.hpp"

namespace coatcheck::tokens {

inline constexpr std::size_t family_id_chars = 22;  // 128 random bits
inline constexpr std::size_t salt_bytes = 16;

enum class family_state : std::uint8_t { live, revoked, reused };

struct family {
  token_family facts;
  family_state state = family_state::live;
  std::uint32_t counter = 1;  // of the newest token
  std::string key;            // id of the ring's key that the newest token was made with; session: empty
  std::string salt;           // raw bytes; session: empty
  duration_ms idle = 0;
};

// `rf_` and the id. An id is 22 characters of base64url, which 43-character session keys and `re_` never are.
[[nodiscard]] std::string family_key(std::string_view family_id);
[[nodiscard]] bool is_family_key(std::string_view store_key) noexcept;
[[nodiscard]] bool valid_family_id(std::string_view id) noexcept;
// Where the owner's epoch is: `re_` and base64url(SHA-256(owner)).
[[nodiscard]] std::string epoch_key(std::string_view owner);

[[nodiscard]] std::string encode_family(const family& what);
// `expires_at` is the store's. Errors: record_damaged, record_mismatch (names another family than asked for).
[[nodiscard]] result<family> decode_family(std::string_view bytes, std::string_view family_id, epoch_ms expires_at);

[[nodiscard]] std::string encode_epoch(epoch_ms epoch);
[[nodiscard]] result<epoch_ms> decode_epoch(std::string_view bytes);

// What a genuine counter that is presented now means.
enum class verdict : std::uint8_t { rotate, repeat, theft, revoked, expired };
[[nodiscard]] verdict judge(const family& current, std::uint32_t presented, duration_ms grace, epoch_ms now) noexcept;
// The successor of `presented`, in place.
void rotate(family& what, std::uint32_t presented, epoch_ms now) noexcept;
// What is left of a family that ended: no payload, device, or owner.
[[nodiscard]] family tombstone(const family& ended, family_state state);

}  // namespace coatcheck::tokens
