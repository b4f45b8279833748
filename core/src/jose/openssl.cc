// Algorithms fetched once.
#include "jose/openssl.hpp"

#include <array>

namespace coatcheck::jose::ossl {

const EVP_MD* md(hash which) noexcept {
  static const std::array<EVP_MD*, 4> all = {
      EVP_MD_fetch(nullptr, "SHA1", nullptr), EVP_MD_fetch(nullptr, "SHA2-256", nullptr),
      EVP_MD_fetch(nullptr, "SHA2-384", nullptr), EVP_MD_fetch(nullptr, "SHA2-512", nullptr)};
  return all[static_cast<std::size_t>(which)];
}

const EVP_CIPHER* get(cipher which) noexcept {
  static const std::array<EVP_CIPHER*, 9> all = {
      EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr),  EVP_CIPHER_fetch(nullptr, "AES-192-GCM", nullptr),
      EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr),  EVP_CIPHER_fetch(nullptr, "AES-128-CBC", nullptr),
      EVP_CIPHER_fetch(nullptr, "AES-192-CBC", nullptr),  EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr),
      EVP_CIPHER_fetch(nullptr, "AES-128-WRAP", nullptr), EVP_CIPHER_fetch(nullptr, "AES-192-WRAP", nullptr),
      EVP_CIPHER_fetch(nullptr, "AES-256-WRAP", nullptr)};
  return all[static_cast<std::size_t>(which)];
}

}  // namespace coatcheck::jose::ossl
