// XAES-256-GCM over OpenSSL's EVP.
#include "crypto/aead.hpp"

#include <cstring>

#include "crypto/evp_cache.hpp"
#include "crypto/hmac.hpp"

namespace coatcheck::crypto {
namespace {

constexpr std::size_t block_bytes = 16;
constexpr std::size_t gcm_nonce_bytes = 12;
constexpr std::size_t max_part_bytes = std::size_t{1} << 30;  // EVP counts in int

using block = std::array<unsigned char, block_bytes>;

// A context with its cipher set, kept per thread: setting a cipher allocates, a new key does not.
cipher_context make_context(const EVP_CIPHER* cipher) noexcept {
  cipher_context context{cipher != nullptr ? EVP_CIPHER_CTX_new() : nullptr};
  if (context && EVP_CipherInit_ex2(context.get(), cipher, nullptr, nullptr, 1, nullptr) != 1) context.reset();
  return context;
}

bool encrypt_blocks(EVP_CIPHER_CTX* ecb, const unsigned char* in, std::size_t size, unsigned char* out) noexcept {
  int written = 0;
  return EVP_EncryptUpdate(ecb, out, &written, in, static_cast<int>(size)) == 1 && written == static_cast<int>(size);
}

// CMAC's subkey K1 (NIST SP 800-38B, 6.1): L shifted left by one bit, with the carry folded in. No branch on L.
void double_in_field(block& l) noexcept {
  unsigned carry = 0;
  for (std::size_t i = block_bytes; i-- > 0;) {
    const unsigned byte = l[i];
    l[i] = static_cast<unsigned char>(byte << 1 | carry);
    carry = byte >> 7;
  }
  l[block_bytes - 1] = static_cast<unsigned char>(l[block_bytes - 1] ^ (0x87u & (0u - carry)));
}

// The key of one message: AES-256-CMAC over two blocks that differ in a counter. Each is a whole block, so that
// the CMAC is one encryption of the block masked with K1.
bool derive_message_key(xaes_key key, xaes_nonce nonce, unsigned char* message_key) noexcept {
  thread_local const cipher_context ecb = make_context(fetched_aes_256_ecb());
  static constexpr unsigned char no_key[xaes_key_bytes] = {};
  if (!ecb || EVP_EncryptInit_ex2(ecb.get(), nullptr, key.data(), nullptr, nullptr) != 1) return false;
  EVP_CIPHER_CTX_set_padding(ecb.get(), 0);

  block k1{};
  std::array<unsigned char, 2 * block_bytes> input{};
  bool ok = encrypt_blocks(ecb.get(), k1.data(), k1.size(), k1.data());
  double_in_field(k1);
  for (std::size_t i = 0; i < 2; ++i) {
    unsigned char* const m = input.data() + i * block_bytes;
    m[1] = static_cast<unsigned char>(i + 1);
    m[2] = 'X';
    std::memcpy(m + 4, nonce.data(), gcm_nonce_bytes);
    for (std::size_t j = 0; j < block_bytes; ++j) m[j] ^= k1[j];
  }
  ok = ok && encrypt_blocks(ecb.get(), input.data(), input.size(), message_key);
  // The context outlives the key, so that its schedule is written over.
  ok = EVP_EncryptInit_ex2(ecb.get(), nullptr, no_key, nullptr, nullptr) == 1 && ok;
  wipe(k1.data(), k1.size());
  wipe(input.data(), input.size());
  return ok;
}

// This thread's AES-256-GCM, set to the message's key and nonce; nullptr on failure. The schedule that stays in it
// afterwards is of use for this one message alone.
EVP_CIPHER_CTX* start_gcm(xaes_key key, xaes_nonce nonce, const two_parts& aad, bool encrypt) noexcept {
  thread_local const cipher_context gcm = make_context(fetched_aes_256_gcm());
  std::array<unsigned char, xaes_key_bytes> message_key;
  bool ok = gcm != nullptr && derive_message_key(key, nonce, message_key.data()) &&
            EVP_CipherInit_ex2(gcm.get(), nullptr, message_key.data(), nonce.data() + gcm_nonce_bytes, encrypt ? 1 : 0,
                               nullptr) == 1;
  wipe(message_key.data(), message_key.size());
  for (const std::string_view part : aad) {
    int ignored = 0;
    if (part.empty()) continue;
    ok = ok && part.size() <= max_part_bytes &&
         EVP_CipherUpdate(gcm.get(), nullptr, &ignored, reinterpret_cast<const unsigned char*>(part.data()),
                          static_cast<int>(part.size())) == 1;
  }
  return ok ? gcm.get() : nullptr;
}

}  // namespace

bool xaes_256_gcm_seal(xaes_key key, xaes_nonce nonce, const two_parts& aad, const two_parts& plaintext,
                       unsigned char* out) noexcept {
  const error_queue_guard guard;
  EVP_CIPHER_CTX* const gcm = start_gcm(key, nonce, aad, true);
  if (gcm == nullptr) return false;
  int written = 0;
  for (const std::string_view part : plaintext) {
    if (part.empty()) continue;
    if (part.size() > max_part_bytes ||
        EVP_EncryptUpdate(gcm, out, &written, reinterpret_cast<const unsigned char*>(part.data()),
                          static_cast<int>(part.size())) != 1) {
      return false;
    }
    out += written;
  }
  unsigned char nothing[block_bytes];  // GCM keeps no bytes back
  return EVP_EncryptFinal_ex(gcm, nothing, &written) == 1 &&
         EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_GET_TAG, xaes_tag_bytes, out) == 1;
}

bool xaes_256_gcm_open(xaes_key key, xaes_nonce nonce, const two_parts& aad, std::span<const unsigned char> sealed,
                       unsigned char* out) noexcept {
  if (sealed.size() < xaes_tag_bytes || sealed.size() > max_part_bytes) return false;
  const std::size_t size = sealed.size() - xaes_tag_bytes;
  // A copy, for OpenSSL takes the tag as bytes that may be written.
  std::array<unsigned char, xaes_tag_bytes> tag;
  std::memcpy(tag.data(), sealed.data() + size, tag.size());

  const error_queue_guard guard;
  EVP_CIPHER_CTX* const gcm = start_gcm(key, nonce, aad, false);
  int written = 0;
  unsigned char nothing[block_bytes];
  const bool ok = gcm != nullptr && EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_SET_TAG, xaes_tag_bytes, tag.data()) == 1 &&
                  (size == 0 || EVP_DecryptUpdate(gcm, out, &written, sealed.data(), static_cast<int>(size)) == 1) &&
                  EVP_DecryptFinal_ex(gcm, nothing, &written) == 1;
  if (!ok && size > 0) wipe(out, size);
  return ok;
}

}  // namespace coatcheck::crypto
