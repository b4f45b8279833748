// HMAC through EVP_MAC. With SHA-256: what hmac_sha256_key uses in a build without the low-level calls, and what the
// tests compare it with in every other build.
//
// Thread safety: pure function, one OpenSSL context per thread. It aborts the process when OpenSSL has no HMAC
// or no memory, for a made-up digest would be a signature that anybody can make.
#pragma once

#include "crypto/hmac.hpp"

namespace coatcheck::crypto {

// HMAC with the digest that OpenSSL knows by this name; `out` has its size. Aborts as above.
void hmac_evp(const char* digest, std::string_view key, std::span<const std::string_view> parts,
              std::span<unsigned char> out) noexcept;

[[nodiscard]] sha256_digest hmac_sha256_evp(std::string_view key, std::span<const std::string_view> parts) noexcept;

}  // namespace coatcheck::crypto
