// The JWT that carries a session in its cookie, signed or sealed (docs/formats.md, "Session token").
//
// Here a token is only made and taken apart. Its `exp` is not looked at: an expired one is what a refresh starts from.
//
// Thread safety: immutable after construction; use from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/cookie.hpp"
#include "coatcheck/jose/jwe.hpp"
#include "coatcheck/jose/jwt.hpp"
#include "coatcheck/key_ring.hpp"
#include "coatcheck/token_sessions.hpp"

namespace coatcheck::tokens {

inline constexpr std::string_view session_token_type = "cc-session+jwt";

struct session_claims {
  std::string family;            // sid
  std::uint32_t counter = 0;     // rot
  std::int64_t fresh_until = 0;  // exp, in seconds
  epoch_ms created = 0;
  epoch_ms expires_at = 0;   // idle deadline, as of the last refresh
  epoch_ms absolute_at = 0;  // 0: unbounded
  duration_ms idle = 0;
  epoch_ms epoch = 0;
  std::string owner;
  std::string cookie;   // the cookie's own settings, JSON object text, or empty
  std::string payload;  // JSON object text
};

class session_codec {
 public:
  // Errors: invalid_option, key_unsuitable (a key that is not for this mode), crypto_failed.
  [[nodiscard]] static result<session_codec> create(const key_ring& ring, const token_session_options& options);

  // Errors: key_unsuitable (no key may sign now), not_serialisable (a payload that JWTs cannot hold).
  [[nodiscard]] result<std::string> encode(const session_claims& claims, epoch_ms now) const;
  // One answer to everything that is wrong: token_signature, or the code of a claim.
  [[nodiscard]] result<session_claims> decode(std::string_view token, epoch_ms now) const;

 private:
  session_codec(key_ring ring, bool sealed, bool own_keys)
      : ring_(std::move(ring)), sealed_(sealed), own_keys_(own_keys) {}
  [[nodiscard]] result<void> add_keys(std::vector<jose::key> keys);
  // The index of the key to sign or seal with.
  [[nodiscard]] std::optional<std::size_t> key_for(epoch_ms now) const noexcept;
  // Whether the key that opened a token may still do so: the ring's dates and states.
  [[nodiscard]] bool trusted(std::string_view key_id, epoch_ms now) const noexcept;

  key_ring ring_;
  bool sealed_;
  bool own_keys_;
  jose::key_set keys_;
  jose::claims_policy policy_;
  std::vector<jose::signer> signers_;       // signed; as many as may sign
  std::optional<jose::verifier> verifier_;  // signed
};

}  // namespace coatcheck::tokens
