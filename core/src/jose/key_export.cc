// JSON Web Keys, out: public and private members, thumbprints (RFC 7638), and new keys.
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "crypto/base64url.hpp"
#include "crypto/digest.hpp"
#include "crypto/random.hpp"
#include "jose/key_impl.hpp"
#include "jose/key_jwk.hpp"

namespace coatcheck::jose {
namespace {

// The required members in lexicographic order: exactly what a thumbprint is taken over.
json::document required_members(const key_impl& from) {
  json::document out = json::document::object();
  const auto text = [](std::string_view bytes) { return crypto::base64url_encode(bytes); };
  const std::string_view all = from.public_bytes;
  switch (from.type) {
    case key_type::oct:
      out["k"] = text(from.secret.view());
      out["kty"] = "oct";
      break;
    case key_type::rsa: {
      const std::size_t n = (from.bits + 7) / 8;
      out["e"] = text(all.substr(n));
      out["kty"] = "RSA";
      out["n"] = text(all.substr(0, n));
      break;
    }
    case key_type::ec: {
      const std::size_t size = facts(from.crv).bytes;
      out["crv"] = facts(from.crv).jwk_name;
      out["kty"] = "EC";
      out["x"] = text(all.substr(1, size));
      out["y"] = text(all.substr(1 + size));
      break;
    }
    case key_type::okp:
      out["crv"] = facts(from.crv).jwk_name;
      out["kty"] = "OKP";
      out["x"] = text(all);
      break;
  }
  return out;
}

bool add_private(json::document& out, const key_impl& from) {
  const EVP_PKEY* const pkey = from.pkey.get();
  const auto put = [&](const char* name, std::string bytes) {
    out[name] = crypto::base64url_encode(bytes);
    crypto::wipe(bytes.data(), bytes.size());
  };
  if (from.type == key_type::okp) {
    std::string raw(facts(from.crv).bytes, '\0');
    std::size_t size = raw.size();
    if (EVP_PKEY_get_raw_private_key(pkey, reinterpret_cast<unsigned char*>(raw.data()), &size) != 1) return false;
    put("d", std::move(raw));
    return true;
  }
  if (from.type == key_type::ec) {
    const auto d = bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY);
    if (d) put("d", bn_bytes(d.get(), facts(from.crv).bytes));
    return d != nullptr;
  }
  constexpr std::pair<const char*, const char*> members[] = {
      {"d", OSSL_PKEY_PARAM_RSA_D},          {"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
      {"q", OSSL_PKEY_PARAM_RSA_FACTOR2},    {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
      {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2}, {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1}};
  for (const auto& [name, param] : members) {
    const auto value = bn_param(pkey, param);
    if (value) put(name, bn_bytes(value.get()));
  }
  return out.contains("d");
}

}  // namespace

result<json::document> key_to_document(const key& of, key_part part) {
  const key_impl& from = of.impl();
  const bool secret = part == key_part::with_private;
  if (from.type == key_type::oct && !secret) return refuse(errc::key_unsuitable, "a symmetric key has no public part");
  if (secret && !from.is_private) return refuse(errc::key_unsuitable, "the key has no private part");
  const ossl::quiet guard;
  json::document out = required_members(from);
  if (secret && from.type != key_type::oct && !add_private(out, from)) {
    return refuse(errc::crypto_failed, "the private part cannot be read");
  }
  out["alg"] = from.enc ? name_of(*from.enc) : name_of(from.alg);
  if (!from.kid.empty()) out["kid"] = from.kid;
  if (from.use != key_use::unset) out["use"] = from.use == key_use::sig ? "sig" : "enc";
  if (secret && from.has_operations) {
    json::document ops = json::document::array();
    for (const auto& [name, bit] : operation_names) {
      if ((from.operations & bit) != 0) ops.push_back(name);
    }
    out["key_ops"] = std::move(ops);
  }
  return out;
}

result<std::string> key::to_jwk(key_part part) const {
  auto made = key_to_document(*this, part);
  if (!made) return made.error();
  auto text = json::print(*made);
  wipe_strings(*made);
  if (!text) return refuse(errc::key_invalid, "kid is not UTF-8");
  return std::move(*text);
}

std::string key::thumbprint() const {
  const auto text = json::print(required_members(*impl_));
  return crypto::base64url_encode(crypto::as_view(crypto::sha256(*text)));
}

result<key> key::public_key() const {
  if (impl_->type == key_type::oct) return refuse(errc::key_unsuitable, "a symmetric key has no public part");
  auto jwk = key_to_document(*this, key_part::public_only);
  if (!jwk) return jwk.error();
  return key_from_document(*jwk, {.allow_small_rsa = true});  // its size was judged when it was imported
}

result<key> key::generate(algorithm alg, const generate_options& options) {
  const ossl::quiet guard;
  import_options import;
  import.kid = options.kid;
  auto made = std::make_shared<key_impl>();
  made->alg = alg;
  std::size_t secret = 0;
  curve crv = curve_of(alg);
  switch (family_of(alg)) {
    case algorithm_family::hmac:
      secret = alg == algorithm::HS256 ? 32 : alg == algorithm::HS384 ? 48 : 64;
      break;
    case algorithm_family::direct:
      made->enc = options.enc;
      secret = key_bytes(options.enc);
      break;
    case algorithm_family::aes_wrap:
    case algorithm_family::gcm_wrap:
      secret = alg == algorithm::A128KW || alg == algorithm::A128GCMKW   ? 16
               : alg == algorithm::A192KW || alg == algorithm::A192GCMKW ? 24
                                                                         : 32;
      break;
    case algorithm_family::password:
      return refuse(errc::invalid_option, "a password cannot be generated as a key; use A256KW");
    case algorithm_family::eddsa:
      if (alg == algorithm::EdDSA) crv = options.crv == curve::ed448 ? curve::ed448 : curve::ed25519;
      break;
    case algorithm_family::ecdh:
      crv = options.crv;
      if (crv != curve::p256 && crv != curve::p384 && crv != curve::p521 && crv != curve::x25519) {
        return refuse(errc::invalid_option, "ECDH-ES works on P-256, P-384, P-521 and X25519");
      }
      break;
    default:
      break;
  }
  if (secret != 0) {
    made->type = key_type::oct;
    made->secret.resize(secret);
    if (!crypto::random_bytes(made->secret.data(), secret)) return refuse(errc::random_failed, "no randomness");
    return finish(std::move(made), import);
  }
  EVP_PKEY* pkey = nullptr;
  if (crv == curve::none) {
    if (options.rsa_bits < 2048 || options.rsa_bits > 8192) {
      return refuse(errc::invalid_option, "rsa_bits must be from 2048 to 8192");
    }
    pkey = EVP_RSA_gen(static_cast<unsigned int>(options.rsa_bits));
  } else if (crv >= curve::ed25519) {
    pkey = EVP_PKEY_Q_keygen(nullptr, nullptr, facts(crv).group);
  } else {
    pkey = EVP_EC_gen(facts(crv).group);
  }
  if (pkey == nullptr) return refuse(errc::crypto_failed, "the key could not be generated");
  if (auto ok = adopt(*made, ossl::pkey(pkey), true); !ok) return ok.error();
  return finish(std::move(made), import);
}

}  // namespace coatcheck::jose
