// AES-GCM and AES-CBC-HMAC.
#include "jose/content_encryption.hpp"

#include <algorithm>
#include <limits>

#include "crypto/hmac.hpp"
#include "jose/hmac_sha512.hpp"
#include "jose/openssl.hpp"

namespace coatcheck::jose {
namespace {

// One context per thread: it is keyed anew for each message, and wiped after it.
EVP_CIPHER_CTX* context() noexcept {
  thread_local const ossl::cipher_ctx made(EVP_CIPHER_CTX_new());
  return made.get();
}
class wipe_context {
 public:
  explicit wipe_context(EVP_CIPHER_CTX* which) noexcept : which_(which) {}
  ~wipe_context() { EVP_CIPHER_CTX_reset(which_); }
  wipe_context(const wipe_context&) = delete;
  wipe_context& operator=(const wipe_context&) = delete;

 private:
  EVP_CIPHER_CTX* which_;
};

const EVP_CIPHER* gcm_of(std::size_t key_size) noexcept {
  return ossl::get(key_size == 16   ? ossl::cipher::gcm128
                   : key_size == 24 ? ossl::cipher::gcm192
                                    : ossl::cipher::gcm256);
}
const EVP_CIPHER* cbc_of(encryption enc) noexcept {
  return ossl::get(enc == encryption::A128CBC_HS256   ? ossl::cipher::cbc128
                   : enc == encryption::A192CBC_HS384 ? ossl::cipher::cbc192
                                                      : ossl::cipher::cbc256);
}

// HMAC(MAC_KEY, A || IV || E || AL), its first half (RFC 7518, 5.2.2.1).
void cbc_tag(encryption enc, std::string_view key, std::string_view iv, std::string_view aad,
             std::string_view ciphertext, unsigned char* out) noexcept {
  std::uint64_t bits = static_cast<std::uint64_t>(aad.size()) * 8;
  char length[8];
  for (int i = 7; i >= 0; --i, bits >>= 8) length[i] = static_cast<char>(bits & 0xFF);
  const std::string_view parts[] = {aad, iv, ciphertext, {length, sizeof length}};
  const std::string_view mac_key = key.substr(0, key.size() / 2);
  std::array<unsigned char, 64> full;
  if (enc == encryption::A128CBC_HS256) {
    const crypto::sha256_digest made = crypto::hmac_sha256_key(mac_key).sign_parts(parts);
    std::copy(made.begin(), made.end(), full.begin());
  } else {
    const auto kind = enc == encryption::A192CBC_HS384 ? hmac_sha512_key::kind::sha384 : hmac_sha512_key::kind::sha512;
    hmac_sha512_key(kind, mac_key).sign_parts(parts, full.data());
  }
  std::copy_n(full.begin(), tag_bytes(enc), out);
}

constexpr std::size_t max_content = static_cast<std::size_t>(std::numeric_limits<int>::max()) - 64;

}  // namespace

bool gcm_seal(std::string_view key, std::string_view iv, std::string_view aad, std::string_view plaintext,
              unsigned char* out, unsigned char* tag) {
  const ossl::quiet guard;
  EVP_CIPHER_CTX* const ctx = context();
  if (ctx == nullptr || plaintext.size() > max_content || aad.size() > max_content) return false;
  const wipe_context wiped(ctx);
  int size = 0;
  return EVP_EncryptInit_ex2(ctx, gcm_of(key.size()), ossl::bytes(key), ossl::bytes(iv), nullptr) == 1 &&
         (aad.empty() || EVP_EncryptUpdate(ctx, nullptr, &size, ossl::bytes(aad), static_cast<int>(aad.size())) == 1) &&
         EVP_EncryptUpdate(ctx, out, &size, ossl::bytes(plaintext), static_cast<int>(plaintext.size())) == 1 &&
         EVP_EncryptFinal_ex(ctx, out + size, &size) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag) == 1;
}

bool gcm_open(std::string_view key, std::string_view iv, std::string_view aad, std::string_view ciphertext,
              std::string_view tag, unsigned char* out) {
  const ossl::quiet guard;
  EVP_CIPHER_CTX* const ctx = context();
  if (ctx == nullptr || iv.size() != 12 || tag.size() != 16 || ciphertext.size() > max_content ||
      aad.size() > max_content) {
    return false;
  }
  const wipe_context wiped(ctx);
  int size = 0;
  return EVP_DecryptInit_ex2(ctx, gcm_of(key.size()), ossl::bytes(key), ossl::bytes(iv), nullptr) == 1 &&
         (aad.empty() || EVP_DecryptUpdate(ctx, nullptr, &size, ossl::bytes(aad), static_cast<int>(aad.size())) == 1) &&
         EVP_DecryptUpdate(ctx, out, &size, ossl::bytes(ciphertext), static_cast<int>(ciphertext.size())) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, const_cast<char*>(tag.data())) == 1 &&
         EVP_DecryptFinal_ex(ctx, out + size, &size) == 1;
}

bool encrypt_content(encryption enc, std::string_view key, std::string_view iv, std::string_view aad,
                     std::string_view plaintext, std::string& out, content_tag& tag) {
  if (key.size() != key_bytes(enc) || iv.size() != iv_bytes(enc)) return false;
  if (is_gcm(enc)) {
    out.resize(plaintext.size());
    return gcm_seal(key, iv, aad, plaintext, ossl::bytes(out), tag.data.data());
  }
  const ossl::quiet guard;
  EVP_CIPHER_CTX* const ctx = context();
  if (ctx == nullptr || plaintext.size() > max_content) return false;
  const wipe_context wiped(ctx);
  out.resize(plaintext.size() / 16 * 16 + 16);
  int size = 0, last = 0;
  if (EVP_EncryptInit_ex2(ctx, cbc_of(enc), ossl::bytes(key.substr(key.size() / 2)), ossl::bytes(iv), nullptr) != 1 ||
      EVP_EncryptUpdate(ctx, ossl::bytes(out), &size, ossl::bytes(plaintext), static_cast<int>(plaintext.size())) !=
          1 ||
      EVP_EncryptFinal_ex(ctx, ossl::bytes(out) + size, &last) != 1) {
    return false;
  }
  out.resize(static_cast<std::size_t>(size) + static_cast<std::size_t>(last));
  cbc_tag(enc, key, iv, aad, out, tag.data.data());
  return true;
}

bool decrypt_content(encryption enc, std::string_view key, std::string_view iv, std::string_view aad,
                     std::string_view ciphertext, std::string_view tag, std::string& out) {
  if (key.size() != key_bytes(enc) || iv.size() != iv_bytes(enc) || tag.size() != tag_bytes(enc)) return false;
  if (is_gcm(enc)) {
    out.resize(ciphertext.size());
    if (gcm_open(key, iv, aad, ciphertext, tag, ossl::bytes(out))) return true;
    crypto::wipe(out.data(), out.size());  // GCM decrypts before it knows the tag
    out.clear();
    return false;
  }
  std::array<unsigned char, 32> expected;
  cbc_tag(enc, key, iv, aad, ciphertext, expected.data());
  if (!crypto::equal_constant_time({reinterpret_cast<const char*>(expected.data()), tag_bytes(enc)}, tag)) return false;
  const ossl::quiet guard;
  EVP_CIPHER_CTX* const ctx = context();
  if (ctx == nullptr || ciphertext.size() > max_content) return false;
  const wipe_context wiped(ctx);
  out.resize(ciphertext.size() + 16);
  int size = 0, last = 0;
  if (EVP_DecryptInit_ex2(ctx, cbc_of(enc), ossl::bytes(key.substr(key.size() / 2)), ossl::bytes(iv), nullptr) != 1 ||
      EVP_DecryptUpdate(ctx, ossl::bytes(out), &size, ossl::bytes(ciphertext), static_cast<int>(ciphertext.size())) !=
          1 ||
      EVP_DecryptFinal_ex(ctx, ossl::bytes(out) + size, &last) != 1) {
    out.clear();
    return false;
  }
  out.resize(static_cast<std::size_t>(size) + static_cast<std::size_t>(last));
  return true;
}

}  // namespace coatcheck::jose
