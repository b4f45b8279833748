// What other packages' cookies are made of, so that an application can move here without logging anybody out. Nothing
// of coatcheck's own stands on these: they are as safe as their authors made them.
//
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "coatcheck/clock.hpp"
#include "coatcheck/error.hpp"

namespace coatcheck {

// keygrip 1.1 (cookie-session, koa): base64url(HMAC-SHA-1(key, data)) without padding.
[[nodiscard]] std::string keygrip_sign(std::string_view key, std::string_view data);
// Which of the keys made the signature; nothing when none did. Constant time in each signature's bytes.
[[nodiscard]] std::optional<std::size_t> keygrip_index(std::span<const std::string> keys, std::string_view data,
                                                       std::string_view signature);

// @hapi/iron 7.0.1 with its defaults (iron-session): AES-256-CBC and HMAC-SHA-256 under keys that PBKDF2 makes of a
// password, `Fe26.2*id*salt*iv*ciphertext*expiry*salt*mac`.
struct iron_password {
  std::string id;      // letters, digits and _, or empty
  std::string secret;  // 32 characters or more
};
inline constexpr std::size_t iron_password_length = 32;
inline constexpr duration_ms iron_clock_skew = 60'000;
// `expires_at`: 0 for never. Errors: invalid_option (the password), crypto_failed.
[[nodiscard]] result<std::string> iron_seal(const iron_password& password, std::string_view plaintext,
                                            epoch_ms expires_at);
// Errors: token_decryption, with iron's messages: `Incorrect number of sealed components`, `Wrong mac prefix`,
// `Invalid expiration`, `Expired seal`, `Cannot find password: ID`, `Bad hmac value`.
[[nodiscard]] result<std::string> iron_unseal(std::span<const iron_password> passwords, std::string_view sealed,
                                              epoch_ms now);

}  // namespace coatcheck
