// The key ring: the secrets of a service, newest first, and what is derived from them.
//
// The first active key signs and seals; every key that is not revoked verifies and opens. Each purpose
// works with a key of its own, derived by HKDF-SHA-256 (RFC 5869) from the secret, so that a value made
// for one purpose never passes for another. The one exception is Express' signed form, which is defined
// over the raw secret (cookie-signature 1.x).
//
// A secret should be 32 random bytes or more: a shorter one is accepted with a warning, an empty one is
// refused. Memory of keys is wiped when the last copy of a ring goes.
//
// Thread safety: immutable after construction; copies share the keys; use from any thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/clock.hpp"
#include "coatcheck/error.hpp"

namespace coatcheck {

inline constexpr std::size_t recommended_secret_bytes = 32;
inline constexpr std::size_t max_signed_value = 256;              // bytes that sign_express takes
inline constexpr std::size_t max_sealed_plaintext = 1024 * 1024;  // bytes that seal takes

enum class key_state : std::uint8_t {
  active,       // signs and verifies
  verify_only,  // verifies alone: retired, or announced but not yet in use
  revoked,      // neither; stays listed so that its id is never used again
};

struct key_spec {
  std::string id;      // 1–64 bytes of [A-Za-z0-9_-], unique in a ring; empty: derived from the secret
  std::string secret;  // raw bytes
  key_state state = key_state::active;
  epoch_ms not_before = 0;  // does not sign or seal before; 0: no bound. Verifies all the same
  epoch_ms not_after = 0;   // neither signs nor verifies from then on; 0: no bound
};

class key_ring {
 public:
  // `option` is the option's name in messages and warnings ("secret", "SECRET_KEY", …).
  [[nodiscard]] static result<key_ring> from_secret(std::string_view secret, std::string_view option = "secret");
  // Newest first: the first signs, all verify.
  [[nodiscard]] static result<key_ring> from_secrets(std::span<const std::string> secrets,
                                                     std::string_view option = "secret");
  [[nodiscard]] static result<key_ring> from_keys(std::span<const key_spec> keys, std::string_view option = "keys");

  // What a careful operator should be told, once, at start-up (a short secret). Names the option, never the secret.
  [[nodiscard]] const std::vector<std::string>& warnings() const noexcept;
  // Number of keys, revoked ones included. Keys are named by their index below.
  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] std::string_view id(std::size_t index) const noexcept;
  [[nodiscard]] key_state state(std::size_t index) const noexcept;

  // The key that signs now: the first active one within its dates. Unset when no key may sign.
  [[nodiscard]] std::optional<std::size_t> signing_key(epoch_ms now) const noexcept;
  // Whether key `index` may verify now.
  [[nodiscard]] bool verifies(std::size_t index, epoch_ms now) const noexcept;

  // Express' signed form of a value: `s:` value `.` base64(HMAC-SHA-256(secret, value)) without `=`
  // (cookie-signature 1.0.7; express-session 1.19.0 index.js). Not percent-encoded. Fails when no key may sign now.
  [[nodiscard]] result<std::string> sign_express(std::string_view value, epoch_ms now) const;
  struct verified {
    std::string_view value;  // a view into the argument
    std::size_t key;         // index of the key that verified it
  };
  // Verifies `s:` value `.` signature; splits at the last dot; constant time in the signature.
  [[nodiscard]] std::optional<verified> unsign_express(std::string_view signed_value, epoch_ms now) const;

  // The store key of a session id under key `index`: base64url(HMAC-SHA-256(HKDF(secret, "hash-ids"), id)),
  // 43 characters. The store never sees an id.
  [[nodiscard]] std::string store_key(std::string_view session_id, std::size_t index) const;

  // What a store that encrypts is told in an owner's place: base64url(HMAC-SHA-256(HKDF(secret, "hash-owners"),
  // owner)), 43 characters. Of a revoked key too: what it sealed can't be read any more, but can be found and removed.
  [[nodiscard]] std::string owner_digest(std::string_view owner, std::size_t index) const;

  // The sub-key of key `index` for a purpose of the core's own (docs/formats.md, "Keys"): fills `out`, up to 8,160
  // bytes, or returns false. `key-id`, `hash-ids`, `hash-owners`, `record` and `seal:…` are refused: they have
  // functions of their own here.
  [[nodiscard]] bool derive(std::size_t index, std::string_view purpose, std::span<unsigned char> out) const noexcept;

  // Our sealed form (docs/formats.md): `cc1.` key id `.` base64url(XAES-256-GCM). The purpose and `context`
  // (for a cookie: its name) are authenticated, not contained. `expires_at`: 0 for never; it is inside the seal.
  [[nodiscard]] result<std::string> seal(std::string_view purpose, std::string_view context, std::string_view plaintext,
                                         epoch_ms expires_at, epoch_ms now) const;
  struct unsealed {
    std::string plaintext;
    epoch_ms sealed_at;
    epoch_ms expires_at;
    std::size_t key;
  };
  // Refuses, with one error for all causes but expiry: tampered, truncated, another purpose or context, an
  // unknown or revoked key, sealed more than 60 s in the future.
  [[nodiscard]] result<unsealed> unseal(std::string_view purpose, std::string_view context, std::string_view sealed,
                                        epoch_ms now) const;

  // A record as a store that encrypts keeps it (docs/formats.md, "Sealed record"): `ccs1.` key id `.` XAES-256-GCM in
  // bytes, under the key that signs now and bound to the store key that it will have. Errors: key_unsuitable,
  // random_failed, crypto_failed.
  [[nodiscard]] result<std::string> seal_record(std::string_view store_key, std::string_view record,
                                                epoch_ms now) const;
  // Opens it in its own memory: `sealed` is the record then. Errors: record_damaged (not sealed, under a key that is
  // not here or may not open any more, altered, or of another store key); `sealed` then holds nothing to be used.
  [[nodiscard]] result<void> open_record(std::string_view store_key, std::string& sealed, epoch_ms now) const;

 private:
  struct impl;
  explicit key_ring(std::shared_ptr<const impl> keys) noexcept : impl_(std::move(keys)) {}
  std::shared_ptr<const impl> impl_;
};

// Whether bytes of a store claim to be a sealed record.
[[nodiscard]] bool is_sealed_record(std::string_view bytes) noexcept;
// The store key of a session id where there is no secret: base64url(SHA-256(id)), 43 characters.
[[nodiscard]] std::string unkeyed_store_key(std::string_view session_id);
// Whether a key that a store lists has the form of a session's; those of refresh tokens and of marks have not.
[[nodiscard]] bool is_session_key(std::string_view store_key) noexcept;

// A new session id: `bytes` of the operating system's randomness (16–64; default 32), base64url, unpadded.
// Safe after fork. Fails, never falls back, when the system gives no randomness.
[[nodiscard]] result<std::string> new_session_id(std::size_t bytes = 32);

}  // namespace coatcheck
