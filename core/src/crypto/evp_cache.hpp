// OpenSSL's algorithms, fetched once per process (a fetch takes locks and costs about a microsecond), and
// owners for its contexts. For core/src/crypto and core/src/jose alone.
//
// Thread safety: the fetched algorithms are shared by all threads and never freed, so that a context that is
// destroyed late, at the exit of a thread, still has them. A context belongs to one thread at a time.
#pragma once

#include <memory>
#include <openssl/err.h>
#include <openssl/evp.h>

namespace coatcheck::crypto {

// Each is nullptr when the loaded providers do not have the algorithm.
[[nodiscard]] const EVP_CIPHER* fetched_aes_256_ecb() noexcept;
[[nodiscard]] const EVP_CIPHER* fetched_aes_256_gcm() noexcept;
[[nodiscard]] const EVP_MD* fetched_sha1() noexcept;
[[nodiscard]] const EVP_MD* fetched_sha256() noexcept;
[[nodiscard]] EVP_MAC* fetched_hmac() noexcept;

struct evp_free {
  void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
  void operator()(EVP_MAC_CTX* context) const noexcept { EVP_MAC_CTX_free(context); }
};
using cipher_context = std::unique_ptr<EVP_CIPHER_CTX, evp_free>;
using digest_context = std::unique_ptr<EVP_MD_CTX, evp_free>;
using mac_context = std::unique_ptr<EVP_MAC_CTX, evp_free>;

// Takes away what OpenSSL queued meanwhile: a TLS connection on this thread would read our refusals as its own.
class error_queue_guard {
 public:
  error_queue_guard() noexcept { ERR_set_mark(); }
  ~error_queue_guard() { ERR_pop_to_mark(); }
  error_queue_guard(const error_queue_guard&) = delete;
  error_queue_guard& operator=(const error_queue_guard&) = delete;
};

}  // namespace coatcheck::crypto
