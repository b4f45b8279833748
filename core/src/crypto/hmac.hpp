// HMAC-SHA-256 with the two pad midstates kept per key: two compressions less and no EVP fetch per message.
//
// The source is FIPS 198-1. Built with COATCHECK_OPENSSL_EVP_ONLY, the same class goes through EVP_MAC.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace coatcheck::crypto {

using sha256_digest = std::array<unsigned char, 32>;

// The digest as text, for functions that take bytes so.
[[nodiscard]] inline std::string_view as_view(const sha256_digest& digest) noexcept {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// Immutable after construction; wiped on destruction; use from any thread.
class hmac_sha256_key {
 public:
  explicit hmac_sha256_key(std::string_view key) noexcept;
  hmac_sha256_key(const hmac_sha256_key&) = default;
  hmac_sha256_key& operator=(const hmac_sha256_key&) = default;
  ~hmac_sha256_key();
  // HMAC(key, a || b).
  [[nodiscard]] sha256_digest sign(std::string_view a, std::string_view b = {}) const noexcept;
  // HMAC over the parts, one after the other.
  [[nodiscard]] sha256_digest sign_parts(std::span<const std::string_view> parts) const noexcept;

 private:
  // Two SHA256_CTX; opaque here so that OpenSSL stays in one translation unit.
  alignas(8) std::array<unsigned char, 112> inner_;
  alignas(8) std::array<unsigned char, 112> outer_;
};

// Constant time in the contents; false at once when the sizes differ.
[[nodiscard]] bool equal_constant_time(std::string_view a, std::string_view b) noexcept;
void wipe(void* memory, std::size_t size) noexcept;

}  // namespace coatcheck::crypto
