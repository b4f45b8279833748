// HMAC-SHA-384 and HMAC-SHA-512 with the pad midstates kept per key, as crypto/hmac.hpp has it for SHA-256.
//
// Thread safety: immutable after construction; wiped on destruction; use from any thread.
#pragma once

#include <array>
#include <span>
#include <string_view>

namespace coatcheck::jose {

class hmac_sha512_key {
 public:
  enum class kind : std::uint8_t { sha384, sha512 };
  hmac_sha512_key(kind which, std::string_view key) noexcept;
  hmac_sha512_key(const hmac_sha512_key&) = default;
  hmac_sha512_key& operator=(const hmac_sha512_key&) = default;
  ~hmac_sha512_key();
  // Writes 48 or 64 bytes to `out` and returns how many.
  std::size_t sign_parts(std::span<const std::string_view> parts, unsigned char* out) const noexcept;

 private:
  // Two SHA512_CTX; opaque here so that the deprecated calls stay in one translation unit.
  alignas(16) std::array<unsigned char, 224> inner_;
  alignas(16) std::array<unsigned char, 224> outer_;
  kind which_;
};

}  // namespace coatcheck::jose
