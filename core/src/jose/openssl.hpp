// OpenSSL 3 for src/jose: owning pointers, algorithms fetched once, errors kept out of the thread's queue.
#pragma once

#include <memory>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string>
#include <string_view>

#include "crypto/evp_cache.hpp"

namespace coatcheck::jose::ossl {

template <auto Free>
struct releaser {
  template <class T>
  void operator()(T* p) const noexcept {
    Free(p);
  }
};
using pkey = std::unique_ptr<EVP_PKEY, releaser<&EVP_PKEY_free>>;
using pkey_ctx = std::unique_ptr<EVP_PKEY_CTX, releaser<&EVP_PKEY_CTX_free>>;
using md_ctx = std::unique_ptr<EVP_MD_CTX, releaser<&EVP_MD_CTX_free>>;
using cipher_ctx = std::unique_ptr<EVP_CIPHER_CTX, releaser<&EVP_CIPHER_CTX_free>>;
using bn = std::unique_ptr<BIGNUM, releaser<&BN_clear_free>>;
using bn_ctx = std::unique_ptr<BN_CTX, releaser<&BN_CTX_free>>;
using bio = std::unique_ptr<BIO, releaser<&BIO_free_all>>;

// Leaves the thread's error queue as it was found: what failed here must not be reported by someone else's call.
using quiet = crypto::error_queue_guard;

// Text as OpenSSL takes it.
[[nodiscard]] inline const unsigned char* bytes(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}
[[nodiscard]] inline unsigned char* bytes(std::string& text) noexcept {
  return reinterpret_cast<unsigned char*>(text.data());
}

enum class hash : std::uint8_t { sha1, sha256, sha384, sha512 };
// Fetched once per process and never freed: a fetch takes locks, and exit order must not matter.
[[nodiscard]] const EVP_MD* md(hash which) noexcept;
[[nodiscard]] constexpr std::size_t digest_size(hash which) noexcept {
  return which == hash::sha1 ? 20 : which == hash::sha256 ? 32 : which == hash::sha384 ? 48 : 64;
}
enum class cipher : std::uint8_t { gcm128, gcm192, gcm256, cbc128, cbc192, cbc256, wrap128, wrap192, wrap256 };
[[nodiscard]] const EVP_CIPHER* get(cipher which) noexcept;

}  // namespace coatcheck::jose::ossl
