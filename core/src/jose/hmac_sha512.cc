// HMAC-SHA-384 and -512. The low-level calls are deprecated in OpenSSL 3 and used all the same, in this file
// alone, for the reason that crypto/hmac.cc gives: EVP_MAC has no cheap start from a prepared key.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "jose/hmac_sha512.hpp"

#include <cstring>
#include <openssl/sha.h>

#include "crypto/hmac.hpp"

namespace coatcheck::jose {
namespace {

using block = std::array<unsigned char, SHA512_CBLOCK>;
static_assert(sizeof(SHA512_CTX) <= 224, "hmac_sha512_key has room for SHA512_CTX");

void init(hmac_sha512_key::kind which, SHA512_CTX& context) noexcept {
  which == hmac_sha512_key::kind::sha384 ? SHA384_Init(&context) : SHA512_Init(&context);
}

void start(hmac_sha512_key::kind which, std::array<unsigned char, 224>& midstate, block padded,
           unsigned char pad) noexcept {
  for (unsigned char& byte : padded) byte ^= pad;
  SHA512_CTX context;
  init(which, context);
  SHA512_Update(&context, padded.data(), padded.size());
  std::memcpy(midstate.data(), &context, sizeof context);
  crypto::wipe(&context, sizeof context);
  crypto::wipe(padded.data(), padded.size());
}

}  // namespace

hmac_sha512_key::hmac_sha512_key(kind which, std::string_view key) noexcept : inner_{}, outer_{}, which_(which) {
  block padded{};
  if (key.size() > padded.size()) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(key.data());
    which == kind::sha384 ? SHA384(bytes, key.size(), padded.data()) : SHA512(bytes, key.size(), padded.data());
  } else if (!key.empty()) {
    std::memcpy(padded.data(), key.data(), key.size());
  }
  start(which, inner_, padded, 0x36);
  start(which, outer_, padded, 0x5c);
  crypto::wipe(padded.data(), padded.size());
}

hmac_sha512_key::~hmac_sha512_key() {
  crypto::wipe(inner_.data(), inner_.size());
  crypto::wipe(outer_.data(), outer_.size());
}

std::size_t hmac_sha512_key::sign_parts(std::span<const std::string_view> parts, unsigned char* out) const noexcept {
  const std::size_t size = which_ == kind::sha384 ? 48 : 64;
  SHA512_CTX context;
  std::memcpy(&context, inner_.data(), sizeof context);
  for (const std::string_view part : parts) SHA512_Update(&context, part.data(), part.size());
  // SHA384_Final is SHA512_Final over a context that remembers the shorter output.
  SHA512_Final(out, &context);
  std::memcpy(&context, outer_.data(), sizeof context);
  SHA512_Update(&context, out, size);
  SHA512_Final(out, &context);
  return size;
}

}  // namespace coatcheck::jose
