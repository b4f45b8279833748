// HMAC-SHA-256. The low-level SHA256 calls are deprecated in OpenSSL 3, and used all the same, in this file alone:
// EVP_MAC has no cheap way to start from a key that was prepared before (about 100 ns here, over 500 ns there).
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/hmac.hpp"

#include <cstring>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "crypto/hmac_evp.hpp"

namespace coatcheck::crypto {
namespace {

using block = std::array<unsigned char, SHA256_CBLOCK>;

// The key as HMAC uses it: hashed when it is longer than a block, then filled with zeros (FIPS 198-1, 4).
block block_key(std::string_view key) noexcept {
  block out{};
  if (key.size() > out.size()) {
    SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), out.data());
  } else if (!key.empty()) {
    std::memcpy(out.data(), key.data(), key.size());
  }
  return out;
}

}  // namespace

#ifdef COATCHECK_OPENSSL_EVP_ONLY

// inner_ holds the block key; outer_ is not used.
hmac_sha256_key::hmac_sha256_key(std::string_view key) noexcept : inner_{}, outer_{} {
  block padded = block_key(key);
  std::memcpy(inner_.data(), padded.data(), padded.size());
  wipe(padded.data(), padded.size());
}

sha256_digest hmac_sha256_key::sign_parts(std::span<const std::string_view> parts) const noexcept {
  return hmac_sha256_evp({reinterpret_cast<const char*>(inner_.data()), SHA256_CBLOCK}, parts);
}

#else

static_assert(sizeof(SHA256_CTX) <= 112, "hmac_sha256_key has room for SHA256_CTX");

namespace {

void start(std::array<unsigned char, 112>& midstate, block padded, unsigned char pad) noexcept {
  for (unsigned char& byte : padded) byte ^= pad;
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, padded.data(), padded.size());
  std::memcpy(midstate.data(), &context, sizeof context);
  wipe(&context, sizeof context);
  wipe(padded.data(), padded.size());
}

}  // namespace

hmac_sha256_key::hmac_sha256_key(std::string_view key) noexcept : inner_{}, outer_{} {
  block padded = block_key(key);
  start(inner_, padded, 0x36);
  start(outer_, padded, 0x5c);
  wipe(padded.data(), padded.size());
}

sha256_digest hmac_sha256_key::sign_parts(std::span<const std::string_view> parts) const noexcept {
  SHA256_CTX context;
  std::memcpy(&context, inner_.data(), sizeof context);
  for (const std::string_view part : parts) SHA256_Update(&context, part.data(), part.size());
  sha256_digest digest;
  SHA256_Final(digest.data(), &context);
  std::memcpy(&context, outer_.data(), sizeof context);
  SHA256_Update(&context, digest.data(), digest.size());
  SHA256_Final(digest.data(), &context);
  return digest;
}

#endif

sha256_digest hmac_sha256_key::sign(std::string_view a, std::string_view b) const noexcept {
  const std::array parts{a, b};
  return sign_parts(parts);
}

hmac_sha256_key::~hmac_sha256_key() {
  wipe(inner_.data(), inner_.size());
  wipe(outer_.data(), outer_.size());
}

bool equal_constant_time(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void wipe(void* memory, std::size_t size) noexcept { OPENSSL_cleanse(memory, size); }

}  // namespace coatcheck::crypto
