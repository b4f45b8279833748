// HKDF-SHA-256 over hmac_sha256_key.
#include "crypto/hkdf.hpp"

#include <algorithm>
#include <cstring>

namespace coatcheck::crypto {
namespace {

hmac_sha256_key extract(std::string_view secret, std::string_view salt) noexcept {
  // HMAC fills a short key with zeros, so that the empty salt is the default one.
  sha256_digest prk = hmac_sha256_key(salt).sign(secret);
  hmac_sha256_key key(as_view(prk));
  wipe(prk.data(), prk.size());
  return key;
}

}  // namespace

hkdf_sha256::hkdf_sha256(std::string_view secret, std::string_view salt) noexcept : prk_(extract(secret, salt)) {}

bool hkdf_sha256::expand(std::span<unsigned char> out, std::string_view info_a,
                         std::string_view info_b) const noexcept {
  constexpr std::size_t max_blocks = 255;
  if (out.size() > max_blocks * std::tuple_size_v<sha256_digest>) return false;
  sha256_digest block{};
  std::string_view previous;  // T(0) is empty
  for (unsigned char counter = 1; !out.empty(); ++counter) {
    const std::string_view count{reinterpret_cast<const char*>(&counter), 1};
    const std::array parts{previous, info_a, info_b, count};
    block = prk_.sign_parts(parts);
    previous = as_view(block);
    const std::size_t size = std::min(out.size(), block.size());
    std::memcpy(out.data(), block.data(), size);
    out = out.subspan(size);
  }
  wipe(block.data(), block.size());
  return true;
}

}  // namespace coatcheck::crypto
