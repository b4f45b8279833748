// ECDSA signatures between JOSE's form, r || s at fixed width (RFC 7518, 3.4), and the DER that OpenSSL takes. On
// the stack, without BIGNUM; r and s are checked to lie in [1, n-1] (CVE-2022-21449).
#pragma once

#include <array>
#include <string_view>

#include "coatcheck/jose/key.hpp"

namespace coatcheck::jose {

struct ecdsa_der {
  std::array<unsigned char, 160> data;  // P-521: 3 + 2 * (2 + 67) = 141
  std::size_t size = 0;
};
// False unless `raw` has the curve's exact size and both numbers are in range.
[[nodiscard]] bool ecdsa_to_der(curve crv, std::string_view raw, ecdsa_der& out) noexcept;
// Writes 2 * width bytes. `der` is OpenSSL's own output, but is read with bounds all the same.
[[nodiscard]] bool ecdsa_from_der(curve crv, std::string_view der, unsigned char* out) noexcept;

}  // namespace coatcheck::jose
