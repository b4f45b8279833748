// A record sealed for a store, byte for byte (docs/formats.md, "Sealed record"). The key ring chooses the key and the
// nonce; here is what they make.
//
//   ccs1.<key id>.<nonce><ciphertext><tag>
//
// The head is text, so that the store's own tool shows under which key a record is; the rest is bytes, for nobody reads
// a ciphertext and text would make it a third longer.
//
// Thread safety: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "crypto/aead.hpp"

namespace coatcheck::crypto {

// The purpose of the sub-key: 32 bytes by HKDF.
inline constexpr std::string_view record_purpose = "record";

// Whether the bytes claim to be of this form. A record of ours that is not sealed never does: it begins with `cc1 `,
// `cc1>`, `cf1 `, `ce1 ` or, express-session's, with a brace.
[[nodiscard]] bool is_sealed_record(std::string_view bytes) noexcept;
// The key id that a sealed record names, or nothing when it is not of this form.
[[nodiscard]] std::optional<std::string_view> sealed_record_key_id(std::string_view bytes) noexcept;

// One buffer, of the exact size. The same nonce must not be used twice. Empty when OpenSSL fails.
[[nodiscard]] std::string seal_record(xaes_key key, std::string_view key_id, std::string_view store_key,
                                      std::string_view record, xaes_nonce nonce);
// Opens `bytes` in their own memory: then they are the record. False when any bit of them or of the store key is not
// what was sealed; `bytes` then hold nothing to be used.
[[nodiscard]] bool open_record(xaes_key key, std::string_view store_key, std::string& bytes) noexcept;

}  // namespace coatcheck::crypto
