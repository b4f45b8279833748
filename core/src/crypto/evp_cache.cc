// The fetches behind evp_cache.hpp.
#include "crypto/evp_cache.hpp"

namespace coatcheck::crypto {

const EVP_CIPHER* fetched_aes_256_ecb() noexcept {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-ECB", nullptr);
  return cipher;
}

const EVP_CIPHER* fetched_aes_256_gcm() noexcept {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return cipher;
}

const EVP_MD* fetched_sha1() noexcept {
  static const EVP_MD* const digest = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  return digest;
}

const EVP_MD* fetched_sha256() noexcept {
  static const EVP_MD* const digest = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return digest;
}

EVP_MAC* fetched_hmac() noexcept {
  static EVP_MAC* const mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  return mac;
}

}  // namespace coatcheck::crypto
