// jose::key: the accessors, and the steps that every import ends with.
#include "coatcheck/jose/key.hpp"

#include <array>
#include <atomic>
#include <cstring>
#include <openssl/core_names.h>

#include "jose/json.hpp"
#include "jose/key_impl.hpp"

namespace coatcheck::jose {
namespace {

constexpr std::array<curve_facts, 8> all_curves = {{{"", nullptr, 0, 0},
                                                    {"P-256", "prime256v1", 256, 32},
                                                    {"P-384", "secp384r1", 384, 48},
                                                    {"P-521", "secp521r1", 521, 66},
                                                    {"secp256k1", "secp256k1", 256, 32},
                                                    {"Ed25519", "ED25519", 256, 32},
                                                    {"Ed448", "ED448", 456, 57},
                                                    {"X25519", "X25519", 256, 32}}};

// The size that a symmetric key of this algorithm must have; 0: see the caller.
std::size_t exact_secret_bytes(algorithm alg) noexcept {
  switch (alg) {
    case algorithm::A128KW:
    case algorithm::A128GCMKW:
      return 16;
    case algorithm::A192KW:
    case algorithm::A192GCMKW:
      return 24;
    case algorithm::A256KW:
    case algorithm::A256GCMKW:
      return 32;
    default:
      return 0;
  }
}

result<void> finish_secret(key_impl& made, secret_policy policy) {
  const algorithm_family family = family_of(made.alg);
  const std::size_t size = made.secret.size();
  if (size == 0) return refuse(errc::key_weak, "the secret must not be empty");
  if (family == algorithm_family::hmac || family == algorithm_family::password) {
    if (looks_like_key_material(made.secret.view())) {
      return refuse(errc::key_unsuitable,
                    "the secret is an asymmetric key or a JWK as text: import it as what it is, not as a secret");
    }
  }
  made.bits = size * 8;
  if (family == algorithm_family::hmac) {
    const std::size_t least = made.alg == algorithm::HS256 ? 32 : made.alg == algorithm::HS384 ? 48 : 64;
    if (size < least) {
      const std::string why = "the secret for " + std::string(name_of(made.alg)) + " has " + std::to_string(size) +
                              " bytes; use " + std::to_string(least) + " random bytes or more (RFC 7518, 3.2)";
      if (policy == secret_policy::strict) return refuse(errc::key_weak, why);
      made.warning = why;
    }
    made.signature_bytes = least;
    if (made.alg == algorithm::HS256) {
      made.hs256.emplace(made.secret.view());
    } else {
      made.hs512.emplace(made.alg == algorithm::HS384 ? hmac_sha512_key::kind::sha384 : hmac_sha512_key::kind::sha512,
                         made.secret.view());
    }
  } else if (family == algorithm_family::direct) {
    const bool known = size == 16 || size == 24 || size == 32 || size == 48 || size == 64;
    if (made.enc ? size != key_bytes(*made.enc) : !known) {
      return refuse(errc::key_unsuitable, "a key of " + std::to_string(size) + " bytes does not fit " +
                                              std::string(made.enc ? name_of(*made.enc) : "any content encryption"));
    }
  } else if (const std::size_t exact = exact_secret_bytes(made.alg); exact != 0 && size != exact) {
    return refuse(errc::key_unsuitable, std::string(name_of(made.alg)) + " needs a key of " + std::to_string(exact) +
                                            " bytes, not " + std::to_string(size));
  }
  return {};
}

// Whether a key of this type and curve can do the algorithm at all.
bool fits(const key_impl& made) noexcept {
  switch (family_of(made.alg)) {
    case algorithm_family::hmac:
    case algorithm_family::direct:
    case algorithm_family::aes_wrap:
    case algorithm_family::gcm_wrap:
    case algorithm_family::password:
      return made.type == key_type::oct;
    case algorithm_family::rsa_pss:
      return made.type == key_type::rsa;
    case algorithm_family::rsa_pkcs1:
    case algorithm_family::rsa_oaep:
      // An RSASSA-PSS key (RFC 4055) is for PSS alone.
      return made.type == key_type::rsa && EVP_PKEY_is_a(made.pkey.get(), "RSA") == 1;
    case algorithm_family::ecdsa:
      return made.type == key_type::ec && made.crv == curve_of(made.alg);
    case algorithm_family::eddsa:
      if (made.alg == algorithm::EdDSA) return made.crv == curve::ed25519 || made.crv == curve::ed448;
      return made.crv == curve_of(made.alg);
    case algorithm_family::ecdh:
      return made.crv == curve::p256 || made.crv == curve::p384 || made.crv == curve::p521 || made.crv == curve::x25519;
  }
  return false;
}

}  // namespace

const curve_facts& facts(curve crv) noexcept { return all_curves[static_cast<std::size_t>(crv)]; }
std::string_view name_of(curve crv) noexcept { return facts(crv).jwk_name; }

std::optional<curve> curve_from(std::string_view jwk_name) noexcept {
  for (std::size_t i = 1; i < all_curves.size(); ++i) {
    if (all_curves[i].jwk_name == jwk_name) return static_cast<curve>(i);
  }
  return std::nullopt;
}

curve curve_of(algorithm alg) noexcept {
  switch (alg) {
    case algorithm::ES256:
      return curve::p256;
    case algorithm::ES384:
      return curve::p384;
    case algorithm::ES512:
      return curve::p521;
    case algorithm::ES256K:
      return curve::secp256k1;
    case algorithm::Ed25519:
      return curve::ed25519;
    case algorithm::Ed448:
      return curve::ed448;
    default:
      return curve::none;
  }
}

ossl::bn bn_param(const EVP_PKEY* key, const char* name) {
  BIGNUM* value = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &value) != 1) return nullptr;
  return ossl::bn(value);
}

std::string bn_bytes(const BIGNUM* value, std::size_t width) {
  const auto size = width != 0 ? width : static_cast<std::size_t>(BN_num_bytes(value));
  std::string out(size, '\0');
  if (BN_bn2binpad(value, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(size)) < 0) out.clear();
  return out;
}

result<void> check_kid(std::string_view kid) {
  if (kid.size() > max_key_id) return refuse(errc::key_invalid, "kid has more than 256 bytes");
  for (const char c : kid) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      return refuse(errc::key_invalid, "kid holds a control character");
    }
  }
  if (!json::valid_utf8(kid)) return refuse(errc::key_invalid, "kid is not UTF-8");
  return {};
}

result<void> adopt(key_impl& made, ossl::pkey pkey, bool is_private) {
  const EVP_PKEY* const raw = pkey.get();
  made.is_private = is_private;
  if (EVP_PKEY_is_a(raw, "RSA") == 1 || EVP_PKEY_is_a(raw, "RSA-PSS") == 1) {
    made.type = key_type::rsa;
    const auto n = bn_param(raw, OSSL_PKEY_PARAM_RSA_N), e = bn_param(raw, OSSL_PKEY_PARAM_RSA_E);
    if (!n || !e) return refuse(errc::key_invalid, "RSA key without modulus or exponent");
    if (auto checked = check_rsa(n.get(), e.get()); !checked) return checked.error();
    if (is_private && !rsa_parts_agree(raw)) {
      return refuse(errc::key_invalid, "the private part of the RSA key does not belong to its public part");
    }
    made.bits = static_cast<std::size_t>(BN_num_bits(n.get()));
    made.public_bytes = bn_bytes(n.get()) + bn_bytes(e.get());
  } else if (EVP_PKEY_is_a(raw, "EC") == 1) {
    made.type = key_type::ec;
    std::array<char, 64> group{};
    std::size_t size = 0;
    if (EVP_PKEY_get_group_name(raw, group.data(), group.size(), &size) != 1) {
      return refuse(errc::key_unsuitable, "EC key whose curve has no name");
    }
    made.crv = curve::none;
    for (const curve crv : {curve::p256, curve::p384, curve::p521, curve::secp256k1}) {
      if (std::strcmp(group.data(), facts(crv).group) == 0) made.crv = crv;
    }
    if (made.crv == curve::none)
      return refuse(errc::key_unsuitable, std::string("EC key on a curve that JOSE does not use: ") + group.data());
    const auto x = bn_param(raw, OSSL_PKEY_PARAM_EC_PUB_X), y = bn_param(raw, OSSL_PKEY_PARAM_EC_PUB_Y);
    if (!x || !y) return refuse(errc::key_invalid, "EC key without a public point");
    made.bits = facts(made.crv).bits;
    made.public_bytes = '\x04' + bn_bytes(x.get(), facts(made.crv).bytes) + bn_bytes(y.get(), facts(made.crv).bytes);
    const ossl::pkey_ctx check(EVP_PKEY_CTX_new_from_pkey(nullptr, pkey.get(), nullptr));
    if (!check || (is_private ? EVP_PKEY_check(check.get()) : EVP_PKEY_public_check_quick(check.get())) != 1) {
      return refuse(errc::key_invalid, is_private ? "the private part of the EC key does not belong to its public point"
                                                  : "the EC key's point is not on its curve");
    }
  } else {
    made.type = key_type::okp;
    made.crv = curve::none;
    for (const curve crv : {curve::ed25519, curve::ed448, curve::x25519}) {
      if (EVP_PKEY_is_a(raw, facts(crv).group) == 1) made.crv = crv;
    }
    if (made.crv == curve::none) return refuse(errc::key_unsuitable, "a kind of key that JOSE does not use");
    made.bits = facts(made.crv).bits;
    made.public_bytes.resize(facts(made.crv).bytes);
    std::size_t size = made.public_bytes.size();
    if (EVP_PKEY_get_raw_public_key(raw, reinterpret_cast<unsigned char*>(made.public_bytes.data()), &size) != 1 ||
        size != made.public_bytes.size()) {
      return refuse(errc::key_invalid, "the public key has the wrong length");
    }
    if (small_order(made.crv, made.public_bytes)) {
      return refuse(errc::key_weak, "the public key is a point of small order");
    }
  }
  made.pkey = std::move(pkey);
  return {};
}

result<key> finish(std::shared_ptr<key_impl> made, const import_options& options) {
  static std::atomic<std::uint64_t> serials{0};
  if (!options.kid.empty()) made->kid = options.kid;
  if (auto ok = check_kid(made->kid); !ok) return ok.error();
  if (!fits(*made)) {
    return refuse(errc::key_unsuitable, "this kind of key cannot do " + std::string(name_of(made->alg)));
  }
  if (made->type == key_type::oct) {
    made->is_private = true;
    if (auto ok = finish_secret(*made, options.secrets); !ok) return ok.error();
  } else if (made->type == key_type::rsa && made->bits < 2048) {
    made->warning = "RSA key of " + std::to_string(made->bits) + " bits; 2048 are the least";
    if (!options.allow_small_rsa) return refuse(errc::key_weak, made->warning);
  }
  if (made->type != key_type::oct && is_signature(made->alg)) {
    made->signature_bytes = made->type == key_type::rsa   ? (made->bits + 7) / 8
                            : made->crv == curve::ed25519 ? 64
                            : made->crv == curve::ed448   ? 114
                                                          : 2 * facts(made->crv).bytes;
  }
  made->serial = ++serials;
  return key(std::move(made));
}

result<key> key::from_secret(std::string_view secret, algorithm alg, const import_options& options) {
  if (options.alg && *options.alg != alg) return refuse(errc::invalid_option, "alg is given twice, and differs");
  auto made = std::make_shared<key_impl>();
  made->type = key_type::oct;
  made->alg = alg;
  made->secret = secret_bytes(secret);
  return finish(std::move(made), options);
}

key_type key::type() const noexcept { return impl_->type; }
algorithm key::alg() const noexcept { return impl_->alg; }
std::optional<encryption> key::enc() const noexcept { return impl_->enc; }
curve key::crv() const noexcept { return impl_->crv; }
std::string_view key::kid() const noexcept { return impl_->kid; }
key_use key::use() const noexcept { return impl_->use; }
bool key::is_private() const noexcept { return impl_->is_private; }
std::size_t key::bits() const noexcept { return impl_->bits; }
std::string_view key::warning() const noexcept { return impl_->warning; }

bool key::can_sign() const noexcept {
  return is_signature(impl_->alg) && impl_->is_private && impl_->allows(op_sign, key_use::sig);
}
bool key::can_verify() const noexcept { return is_signature(impl_->alg) && impl_->allows(op_verify, key_use::sig); }

namespace {
// The key_ops, any of which allows encrypting or decrypting with this kind of key (RFC 7517, 4.3).
std::uint16_t operations_of(algorithm alg, bool encrypt) noexcept {
  constexpr std::uint16_t derive = op_derive_key | op_derive_bits;
  const std::uint16_t content = encrypt ? op_encrypt : op_decrypt, wrap = encrypt ? op_wrap : op_unwrap;
  switch (family_of(alg)) {
    case algorithm_family::direct:
      return content;
    case algorithm_family::ecdh:
      return derive;
    case algorithm_family::password:
      return static_cast<std::uint16_t>(derive | wrap);
    default:
      return static_cast<std::uint16_t>(wrap | content);
  }
}
}  // namespace

bool key::can_encrypt() const noexcept {
  // The public half of an ECDH-ES pair carries no derive operation (its key_ops is empty): only `use` counts then.
  if (family_of(impl_->alg) == algorithm_family::ecdh && !impl_->is_private) {
    return impl_->use != key_use::sig && (!impl_->has_operations || impl_->operations == 0 ||
                                          impl_->allows(operations_of(impl_->alg, true), key_use::enc));
  }
  return !is_signature(impl_->alg) && impl_->allows(operations_of(impl_->alg, true), key_use::enc);
}
bool key::can_decrypt() const noexcept {
  return !is_signature(impl_->alg) && impl_->is_private &&
         impl_->allows(operations_of(impl_->alg, false), key_use::enc);
}

bool key::same_key(const key& other) const noexcept {
  const key_impl &a = *impl_, &b = *other.impl_;
  if (&a == &b) return true;
  if (a.type != b.type || a.alg != b.alg || a.crv != b.crv || a.enc != b.enc) return false;
  return a.type == key_type::oct ? crypto::equal_constant_time(a.secret.view(), b.secret.view())
                                 : a.public_bytes == b.public_bytes;
}

}  // namespace coatcheck::jose
