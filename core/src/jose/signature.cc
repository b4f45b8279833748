// The signature algorithms of RFC 7518, chapter 3, RFC 8037 and RFC 8812 over OpenSSL.
#include "jose/signature.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <openssl/rsa.h>
#include <vector>

#include "crypto/random.hpp"
#include "jose/ecdsa_der.hpp"

namespace coatcheck::jose {
namespace {

ossl::hash hash_of(algorithm alg) noexcept {
  switch (alg) {
    case algorithm::HS384:
    case algorithm::RS384:
    case algorithm::PS384:
    case algorithm::ES384:
      return ossl::hash::sha384;
    case algorithm::HS512:
    case algorithm::RS512:
    case algorithm::PS512:
    case algorithm::ES512:
      return ossl::hash::sha512;
    default:
      return ossl::hash::sha256;
  }
}

struct digest {
  std::array<unsigned char, 64> data;
  std::size_t size = 0;
};

bool hash_pieces(ossl::hash which, std::span<const std::string_view> pieces, digest& out) noexcept {
  thread_local const ossl::md_ctx context(EVP_MD_CTX_new());
  if (!context || EVP_DigestInit_ex2(context.get(), ossl::md(which), nullptr) != 1) return false;
  for (const std::string_view piece : pieces) {
    if (EVP_DigestUpdate(context.get(), piece.data(), piece.size()) != 1) return false;
  }
  unsigned size = 0;
  if (EVP_DigestFinal_ex(context.get(), out.data.data(), &size) != 1) return false;
  out.size = size;
  return true;
}

ossl::pkey_ctx prepare(const key_impl& with, bool sign) noexcept {
  ossl::pkey_ctx context(EVP_PKEY_CTX_new_from_pkey(nullptr, with.pkey.get(), nullptr));
  if (!context) return nullptr;
  if ((sign ? EVP_PKEY_sign_init(context.get()) : EVP_PKEY_verify_init(context.get())) != 1) return nullptr;
  if (EVP_PKEY_CTX_set_signature_md(context.get(), ossl::md(hash_of(with.alg))) != 1) return nullptr;
  const algorithm_family family = family_of(with.alg);
  if (family == algorithm_family::rsa_pkcs1 && EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1) {
    return nullptr;
  }
  // MGF1 with the same hash, and a salt of the hash's length, no other (RFC 7518, 3.5).
  if (family == algorithm_family::rsa_pss &&
      (EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PSS_PADDING) != 1 ||
       EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), ossl::md(hash_of(with.alg))) != 1 ||
       EVP_PKEY_CTX_set_rsa_pss_saltlen(context.get(), RSA_PSS_SALTLEN_DIGEST) != 1)) {
    return nullptr;
  }
  return context;
}

// EdDSA signs the message itself, which only the interface for messages does.
ossl::md_ctx prepare_eddsa(const key_impl& with, bool sign) noexcept {
  ossl::md_ctx context(EVP_MD_CTX_new());
  if (!context) return nullptr;
  const auto init = sign ? EVP_DigestSignInit_ex : EVP_DigestVerifyInit_ex;
  if (init(context.get(), nullptr, nullptr, nullptr, nullptr, with.pkey.get(), nullptr) != 1) return nullptr;
  return context;
}

// The contexts of this thread, most recently used first. A context holds a reference to its EVP_PKEY, so a key that
// is gone lives on in here until `capacity` others were used or the thread ends.
template <class Context, Context (*Prepare)(const key_impl&, bool) noexcept>
class context_cache {
 public:
  typename Context::pointer get(const key_impl& with, bool sign) noexcept {
    try {
      const auto found = std::find_if(entries_.begin(), entries_.end(),
                                      [&](const entry& e) { return e.serial == with.serial && e.sign == sign; });
      if (found != entries_.end()) {
        if (found != entries_.begin()) std::rotate(entries_.begin(), found, found + 1);
        return entries_.front().context.get();
      }
      auto context = Prepare(with, sign);
      if (!context) return nullptr;
      if (entries_.size() == capacity) entries_.pop_back();
      entries_.insert(entries_.begin(), entry{with.serial, sign, std::move(context)});
      return entries_.front().context.get();
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }

 private:
  static constexpr std::size_t capacity = 32;
  struct entry {
    std::uint64_t serial;
    bool sign;
    Context context;
  };
  std::vector<entry> entries_;
};

EVP_PKEY_CTX* context_of(const key_impl& with, bool sign) noexcept {
  thread_local context_cache<ossl::pkey_ctx, prepare> cache;
  return cache.get(with, sign);
}

// A copy of the prepared context, good until the next call on this thread: a context for messages is used up by one.
EVP_MD_CTX* eddsa_context_of(const key_impl& with, bool sign) noexcept {
  thread_local context_cache<ossl::md_ctx, prepare_eddsa> cache;
  thread_local const ossl::md_ctx copy(EVP_MD_CTX_new());
  EVP_MD_CTX* const prepared = cache.get(with, sign);
  return prepared != nullptr && copy && EVP_MD_CTX_copy_ex(copy.get(), prepared) == 1 ? copy.get() : nullptr;
}

// EdDSA takes the message in one piece. One piece needs no copy.
template <class Use>
bool with_message(std::span<const std::string_view> pieces, Use&& use) noexcept {
  if (pieces.size() == 1) return use(pieces[0]);
  try {
    std::string joined;
    for (const std::string_view piece : pieces) joined += piece;
    return use(std::string_view(joined));
  } catch (const std::bad_alloc&) {
    return false;
  }
}

bool verify_eddsa(const key_impl& with, std::span<const std::string_view> pieces, std::string_view signature) noexcept {
  return with_message(pieces, [&](std::string_view message) {
    EVP_MD_CTX* const context = eddsa_context_of(with, false);
    return context != nullptr && EVP_DigestVerify(context, ossl::bytes(signature), signature.size(),
                                                  ossl::bytes(message), message.size()) == 1;
  });
}

std::size_t mac(const key_impl& with, std::span<const std::string_view> pieces, unsigned char* out) noexcept {
  if (with.hs256) {
    const crypto::sha256_digest made = with.hs256->sign_parts(pieces);
    std::memcpy(out, made.data(), made.size());
    return made.size();
  }
  return with.hs512 ? with.hs512->sign_parts(pieces, out) : 0;
}

}  // namespace

bool verify_signature(const key_impl& with, std::span<const std::string_view> pieces,
                      std::string_view signature) noexcept {
  if (with.signature_bytes == 0 || signature.size() != with.signature_bytes) return false;
  const algorithm_family family = family_of(with.alg);
  if (family == algorithm_family::hmac) {
    std::array<unsigned char, 64> expected;
    const std::size_t size = mac(with, pieces, expected.data());
    return size != 0 && crypto::equal_constant_time({reinterpret_cast<const char*>(expected.data()), size}, signature);
  }
  const ossl::quiet guard;
  if (family == algorithm_family::eddsa) return verify_eddsa(with, pieces, signature);
  digest hashed;
  EVP_PKEY_CTX* const context = context_of(with, false);
  if (context == nullptr || !hash_pieces(hash_of(with.alg), pieces, hashed)) return false;
  if (family == algorithm_family::ecdsa) {
    ecdsa_der der;
    if (!ecdsa_to_der(with.crv, signature, der)) return false;
    return EVP_PKEY_verify(context, der.data.data(), der.size, hashed.data.data(), hashed.size) == 1;
  }
  return EVP_PKEY_verify(context, ossl::bytes(signature), signature.size(), hashed.data.data(), hashed.size) == 1;
}

bool make_signature(const key_impl& with, std::span<const std::string_view> pieces, signature_bytes& out) noexcept {
  if (with.signature_bytes == 0 || !with.is_private) return false;
  const algorithm_family family = family_of(with.alg);
  if (family == algorithm_family::hmac) {
    out.size = mac(with, pieces, out.data.data());
    return out.size != 0;
  }
  const ossl::quiet guard;
  if (family == algorithm_family::eddsa) {
    return with_message(pieces, [&](std::string_view message) {
      EVP_MD_CTX* const context = eddsa_context_of(with, true);
      out.size = out.data.size();
      return context != nullptr &&
             EVP_DigestSign(context, out.data.data(), &out.size, ossl::bytes(message), message.size()) == 1;
    });
  }
  digest hashed;
  EVP_PKEY_CTX* const context = context_of(with, true);
  if (context == nullptr || !hash_pieces(hash_of(with.alg), pieces, hashed)) return false;
  if (family == algorithm_family::ecdsa) {
    std::array<unsigned char, 160> der;
    std::size_t size = der.size();
    return EVP_PKEY_sign(context, der.data(), &size, hashed.data.data(), hashed.size) == 1 &&
           ecdsa_from_der(with.crv, {reinterpret_cast<const char*>(der.data()), size}, out.data.data()) &&
           (out.size = with.signature_bytes) != 0;
  }
  out.size = out.data.size();
  return EVP_PKEY_sign(context, out.data.data(), &out.size, hashed.data.data(), hashed.size) == 1 &&
         out.size == with.signature_bytes;
}

}  // namespace coatcheck::jose
