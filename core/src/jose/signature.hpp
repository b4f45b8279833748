// Signing and verifying over pieces of bytes, by a typed key. What JWS, JWT and nothing else stands on.
//
// RSA and ECDSA keep one OpenSSL context per thread and key: setting one up costs several microseconds.
// Thread safety: any thread.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "coatcheck/error.hpp"

#include "jose/key_impl.hpp"

namespace coatcheck::jose {

inline constexpr std::size_t max_signature_bytes = 1024;  // RSA of 8,192 bits

// Whether `signature` (raw bytes: r || s for ECDSA) is `with`'s over the pieces, one after the other.
// Constant time in a MAC's contents.
[[nodiscard]] bool verify_signature(const key_impl& with, std::span<const std::string_view> pieces,
                                    std::string_view signature) noexcept;

struct signature_bytes {
  std::array<unsigned char, max_signature_bytes> data;
  std::size_t size = 0;
};
[[nodiscard]] bool make_signature(const key_impl& with, std::span<const std::string_view> pieces,
                                  signature_bytes& out) noexcept;

}  // namespace coatcheck::jose
