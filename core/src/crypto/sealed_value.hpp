// The sealed form, byte for byte (docs/formats.md, "Sealed cookie"). The key ring chooses the key and the nonce;
// here is what they make.
//
// Thread safety: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "coatcheck/clock.hpp"
#include "coatcheck/error.hpp"

#include "crypto/aead.hpp"
#include "crypto/hkdf.hpp"

namespace coatcheck::crypto {

// What goes in front of the purpose in HKDF's info: every purpose of a secret has a key of its own.
inline constexpr std::string_view seal_info = "coatcheck v1 seal:";

// `keys` is the extracted secret, `key_id` its id in the ring. The same nonce must not be used twice.
// Errors: crypto_failed.
[[nodiscard]] result<std::string> seal_value(const hkdf_sha256& keys, std::string_view key_id, std::string_view purpose,
                                             std::string_view context, std::string_view plaintext, epoch_ms sealed_at,
                                             epoch_ms expires_at, xaes_nonce nonce);

// The key id that a sealed value names, or nothing when it is not of the sealed form.
[[nodiscard]] std::optional<std::string_view> sealed_key_id(std::string_view sealed) noexcept;

struct opened_value {
  std::string plaintext;
  epoch_ms sealed_at;
  epoch_ms expires_at;
};
// Nothing when any bit of the value, the purpose or the context is not what was sealed. Dates are the caller's.
[[nodiscard]] std::optional<opened_value> open_value(const hkdf_sha256& keys, std::string_view purpose,
                                                     std::string_view context, std::string_view sealed);

}  // namespace coatcheck::crypto
