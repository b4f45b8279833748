// HMAC through EVP_MAC.
#include "crypto/hmac_evp.hpp"

#include <cstdlib>
#include <openssl/core_names.h>
#include <string>

#include "crypto/evp_cache.hpp"

namespace coatcheck::crypto {

void hmac_evp(const char* digest, std::string_view key, std::span<const std::string_view> parts,
              std::span<unsigned char> out) noexcept {
  thread_local const mac_context context{fetched_hmac() != nullptr ? EVP_MAC_CTX_new(fetched_hmac()) : nullptr};
  // Naming the digest fetches it anew, which takes longer than a short message.
  thread_local std::string named;
  // OpenSSL reads the name, and takes it without const.
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>(digest), 0),
                               OSSL_PARAM_construct_end()};
  // EVP_MAC_init takes a null key for "the key of the last time".
  const auto* const key_bytes = reinterpret_cast<const unsigned char*>(key.data() != nullptr ? key.data() : "");
  const bool same = named == digest;
  if (!context || EVP_MAC_init(context.get(), key_bytes, key.size(), same ? nullptr : params) != 1) std::abort();
  if (!same) named = digest;
  for (const std::string_view part : parts) {
    const auto* const bytes = reinterpret_cast<const unsigned char*>(part.data());
    if (EVP_MAC_update(context.get(), bytes, part.size()) != 1) std::abort();
  }
  std::size_t written = 0;
  if (EVP_MAC_final(context.get(), out.data(), &written, out.size()) != 1 || written != out.size()) std::abort();
}

sha256_digest hmac_sha256_evp(std::string_view key, std::span<const std::string_view> parts) noexcept {
  sha256_digest digest;
  hmac_evp("SHA256", key, parts, digest);
  return digest;
}

}  // namespace coatcheck::crypto
