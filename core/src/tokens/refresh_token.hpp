// A refresh token as text, and the keys that make it.
//
//   "ccr1." family-id "." base64url(counter mac)
//   counter = 4 octets, big-endian; mac = HMAC-SHA-256(sub-key("refresh"), salt family-id counter)
//
// The counter stands in the token, under the MAC, so that a token that was used long ago is told from a made-up one:
// only the first is theft. The salt is in the store: making a token takes the ring and the store.
//
// Thread safety: immutable after construction.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/key_ring.hpp"

#include "crypto/hmac.hpp"
#include "tokens/family.hpp"

namespace coatcheck::tokens {

struct parsed_token {
  std::string_view family_id;
  std::uint32_t counter = 0;
  crypto::sha256_digest mac{};
};
// Only the form; whether the MAC holds takes the family's salt.
[[nodiscard]] std::optional<parsed_token> parse_token(std::string_view token) noexcept;

class token_maker {
 public:
  // False in `ok()` when the ring gives no sub-keys.
  explicit token_maker(key_ring keys);
  [[nodiscard]] bool ok() const noexcept { return ok_; }

  [[nodiscard]] std::optional<std::size_t> signing_key(epoch_ms now) const noexcept { return ring_.signing_key(now); }
  [[nodiscard]] std::string_view id(std::size_t key) const noexcept { return ring_.id(key); }
  // The family's newest token, if the key that made it may still verify.
  [[nodiscard]] std::optional<std::string> newest(const family& of, epoch_ms now) const;
  // Whether any live key made this MAC.
  [[nodiscard]] bool genuine(const family& of, std::uint32_t counter, const crypto::sha256_digest& mac,
                             epoch_ms now) const noexcept;

 private:
  [[nodiscard]] crypto::sha256_digest mac(const family& of, std::uint32_t counter, std::size_t key) const noexcept;

  key_ring ring_;
  std::vector<crypto::hmac_sha256_key> keys_;
  bool ok_ = true;
};

}  // namespace coatcheck::tokens
