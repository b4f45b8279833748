// An owner's digest: see owner_digest.hpp.
#include "store/owner_digest.hpp"

#include "crypto/digest.hpp"

namespace coatcheck {

std::string owner_digest(std::string_view owner) {
  static constexpr char digits[] = "0123456789abcdef";
  constexpr std::size_t used = 16;
  const crypto::sha256_digest full = crypto::sha256(owner);
  std::string out;
  for (std::size_t i = 0; i < used; ++i) {
    out += digits[full[i] >> 4];
    out += digits[full[i] & 15];
  }
  return out;
}

}  // namespace coatcheck
