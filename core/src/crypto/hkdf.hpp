// HKDF-SHA-256 (RFC 5869): extract once per secret, expand per purpose.
//
// Thread safety: immutable after construction; wiped on destruction; use from any thread.
#pragma once

#include <span>
#include <string_view>

#include "crypto/hmac.hpp"

namespace coatcheck::crypto {

class hkdf_sha256 {
 public:
  // An empty salt is RFC 5869's default of 32 zero bytes.
  explicit hkdf_sha256(std::string_view secret, std::string_view salt = {}) noexcept;
  // Fills `out` (255 × 32 bytes at most, else false) with the key for `info_a || info_b`.
  [[nodiscard]] bool expand(std::span<unsigned char> out, std::string_view info_a,
                            std::string_view info_b = {}) const noexcept;

 private:
  hmac_sha256_key prk_;
};

}  // namespace coatcheck::crypto
