// One-shot digests over EVP, with one context per thread.
#include "crypto/digest.hpp"

#include <array>
#include <cstdlib>

#include "crypto/evp_cache.hpp"

namespace coatcheck::crypto {
namespace {

void digest(const EVP_MD* algorithm, std::string_view bytes, unsigned char* out) noexcept {
  thread_local const digest_context context{EVP_MD_CTX_new()};
  if (!context || algorithm == nullptr || EVP_DigestInit_ex2(context.get(), algorithm, nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), out, nullptr) != 1) {
    std::abort();
  }
}

}  // namespace

sha256_digest sha256(std::string_view bytes) noexcept {
  sha256_digest out;
  digest(fetched_sha256(), bytes, out.data());
  return out;
}

std::string sha1_hex(std::string_view bytes) {
  std::array<unsigned char, 20> raw;
  digest(fetched_sha1(), bytes, raw.data());
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out(raw.size() * 2, '\0');
  for (std::size_t i = 0; i < raw.size(); ++i) {
    out[2 * i] = digits[raw[i] >> 4];
    out[2 * i + 1] = digits[raw[i] & 15];
  }
  return out;
}

}  // namespace coatcheck::crypto
