// Primitives of other people's formats, through OpenSSL's EVP.
#include "crypto/peer_crypto.hpp"

#include <cstdlib>
#include <limits>
#include <memory>

#include "crypto/evp_cache.hpp"
#include "crypto/hmac.hpp"
#include "crypto/hmac_evp.hpp"

namespace coatcheck::crypto {
namespace {

const unsigned char* bytes_of(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data() != nullptr ? text.data() : "");
}

const EVP_CIPHER* fetched_aes_256_cbc() noexcept {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  return cipher;
}

std::optional<std::string> aes_256_cbc(const derived_key& key, std::string_view iv, std::string_view from,
                                       int encrypting) {
  constexpr std::size_t block = 16;
  if (iv.size() != block || from.size() > std::numeric_limits<int>::max() - block) return std::nullopt;
  const error_queue_guard guard;
  const cipher_context context(EVP_CIPHER_CTX_new());
  if (!context || fetched_aes_256_cbc() == nullptr ||
      EVP_CipherInit_ex2(context.get(), fetched_aes_256_cbc(), key.data(), bytes_of(iv), encrypting, nullptr) != 1) {
    return std::nullopt;
  }
  std::string out(from.size() + block, '\0');
  auto* const at = reinterpret_cast<unsigned char*>(out.data());
  int written = 0;
  int last = 0;
  if (EVP_CipherUpdate(context.get(), at, &written, bytes_of(from), static_cast<int>(from.size())) != 1 ||
      EVP_CipherFinal_ex(context.get(), at + written, &last) != 1) {
    wipe(out.data(), out.size());
    return std::nullopt;
  }
  out.resize(static_cast<std::size_t>(written) + static_cast<std::size_t>(last));
  return out;
}

}  // namespace

std::array<unsigned char, 20> hmac_sha1(std::string_view key, std::string_view data) noexcept {
  std::array<unsigned char, 20> digest;
  hmac_evp("SHA1", key, std::array{data}, digest);
  return digest;
}

std::string digest_of(const char* digest, std::span<const std::string_view> parts) {
  const std::unique_ptr<EVP_MD, void (*)(EVP_MD*)> algorithm(EVP_MD_fetch(nullptr, digest, nullptr), EVP_MD_free);
  const digest_context context(EVP_MD_CTX_new());
  if (!algorithm || !context || EVP_DigestInit_ex2(context.get(), algorithm.get(), nullptr) != 1) std::abort();
  for (const std::string_view part : parts) {
    if (EVP_DigestUpdate(context.get(), bytes_of(part), part.size()) != 1) std::abort();
  }
  std::string out(static_cast<std::size_t>(EVP_MD_get_size(algorithm.get())), '\0');
  if (EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(out.data()), nullptr) != 1) std::abort();
  return out;
}

std::string hmac_of(const char* digest, std::string_view key, std::span<const std::string_view> parts) {
  const std::string_view name = digest;
  const std::size_t size = name == "SHA1"     ? 20
                           : name == "SHA224" ? 28
                           : name == "SHA256" ? 32
                           : name == "SHA384" ? 48
                                              : 64;
  std::string out(size, '\0');
  hmac_evp(digest, key, parts, {reinterpret_cast<unsigned char*>(out.data()), out.size()});
  return out;
}

std::optional<derived_key> pbkdf2_sha1_once(std::string_view password, std::string_view salt) {
  derived_key out;
  const error_queue_guard guard;
  const auto size_of = [](std::string_view text) { return static_cast<int>(text.size()); };
  if (password.size() > 1U << 20U || salt.size() > 1U << 20U ||
      PKCS5_PBKDF2_HMAC(reinterpret_cast<const char*>(bytes_of(password)), size_of(password), bytes_of(salt),
                        size_of(salt), 1, fetched_sha1(), static_cast<int>(out.size()), out.data()) != 1) {
    return std::nullopt;
  }
  return out;
}

std::optional<std::string> aes_256_cbc_encrypt(const derived_key& key, std::string_view iv,
                                               std::string_view plaintext) {
  return aes_256_cbc(key, iv, plaintext, 1);
}

std::optional<std::string> aes_256_cbc_decrypt(const derived_key& key, std::string_view iv,
                                               std::string_view ciphertext) {
  return aes_256_cbc(key, iv, ciphertext, 0);
}

}  // namespace coatcheck::crypto
