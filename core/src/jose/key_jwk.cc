// JSON Web Keys, in (RFC 7517, 7518 chapter 6, 8037).
#include "jose/key_jwk.hpp"

#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include "crypto/base64url.hpp"
#include "jose/json.hpp"
#include "jose/key_impl.hpp"

namespace coatcheck::jose {
namespace {

using param_list = std::unique_ptr<OSSL_PARAM, ossl::releaser<&OSSL_PARAM_free>>;
using param_builder = std::unique_ptr<OSSL_PARAM_BLD, ossl::releaser<&OSSL_PARAM_BLD_free>>;

coatcheck::error wrong(std::string_view member, std::string_view what) {
  return refuse(errc::key_invalid, "JWK member \"" + std::string(member) + "\" " + std::string(what));
}

// A base64url member. `size`: exact bytes; 0: at least one, and no leading zero (Base64urlUInt, RFC 7518, 2).
result<secret_bytes> bytes_of(const json::document& jwk, std::string_view name, std::size_t size) {
  const json::document* value = json::member(jwk, name);
  if (value == nullptr) return wrong(name, "is missing");
  if (!value->is_string()) return wrong(name, "is not a string");
  const auto& text = value->get_ref<const std::string&>();
  secret_bytes out;
  out.resize(crypto::base64url_decoded_size(text.size()));
  if (!crypto::base64url_decode_to(text, out.data())) return wrong(name, "is not base64url without padding");
  if (size != 0 ? out.size() != size : out.size() == 0) return wrong(name, "has the wrong length");
  if (size == 0 && out.data()[0] == 0) return wrong(name, "has leading zeros");
  return out;
}

result<ossl::bn> integer_of(const json::document& jwk, std::string_view name, std::size_t size = 0) {
  const auto bytes = bytes_of(jwk, name, size);
  if (!bytes) return bytes.error();
  if (bytes->size() > 1024) return refuse(errc::key_unsuitable, "JWK member \"" + std::string(name) + "\" is too long");
  ossl::bn out(BN_secure_new());
  if (!out || BN_bin2bn(bytes->data(), static_cast<int>(bytes->size()), out.get()) == nullptr) {
    return refuse(errc::crypto_failed, "out of memory");
  }
  return out;
}

result<ossl::pkey> from_params(const char* type, OSSL_PARAM_BLD* builder, bool is_private) {
  const ossl::quiet guard;
  const param_list list(OSSL_PARAM_BLD_to_param(builder));
  const ossl::pkey_ctx context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* made = nullptr;
  if (!list || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &made, is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, list.get()) != 1) {
    return refuse(errc::key_invalid,
                  "the JWK's values do not make a key: a point off its curve, or a number out of range");
  }
  return ossl::pkey(made);
}

result<ossl::pkey> read_rsa(const json::document& jwk, bool& is_private) {
  if (json::member(jwk, "oth") != nullptr) return refuse(errc::key_unsuitable, "RSA keys of more than two primes");
  const auto n = integer_of(jwk, "n"), e = integer_of(jwk, "e");
  if (!n) return n.error();
  if (!e) return e.error();
  if (auto checked = check_rsa(n->get(), e->get()); !checked) return checked.error();
  const param_builder builder(OSSL_PARAM_BLD_new());
  if (!builder || !OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n->get()) ||
      !OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e->get())) {
    return refuse(errc::crypto_failed, "out of memory");
  }
  constexpr std::pair<const char*, const char*> crt[] = {{"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
                                                         {"q", OSSL_PKEY_PARAM_RSA_FACTOR2},
                                                         {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
                                                         {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2},
                                                         {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1}};
  is_private = json::member(jwk, "d") != nullptr;
  bool any_crt = false;
  for (const auto& [name, param] : crt) any_crt = any_crt || json::member(jwk, name) != nullptr;
  if (any_crt && !is_private) return wrong("d", "is missing beside other private members");
  std::vector<ossl::bn> alive;  // the builder keeps pointers
  if (is_private) {
    auto d = integer_of(jwk, "d");
    if (!d) return d.error();
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_D, d->get());
    alive.push_back(std::move(*d));
    for (const auto& [name, param] : crt) {
      if (!any_crt) break;  // a private key may come as n, e and d alone (RFC 7518, 6.3.2)
      auto part = integer_of(jwk, name);
      if (!part) return part.error();
      if (!OSSL_PARAM_BLD_push_BN(builder.get(), param, part->get()))
        return refuse(errc::crypto_failed, "out of memory");
      alive.push_back(std::move(*part));
    }
  }
  return from_params("RSA", builder.get(), is_private);
}

result<ossl::pkey> read_ec(const json::document& jwk, curve crv, bool& is_private) {
  const std::size_t size = facts(crv).bytes;
  const auto x = bytes_of(jwk, "x", size), y = bytes_of(jwk, "y", size);
  if (!x) return x.error();
  if (!y) return y.error();
  std::string point = "\x04";
  point.append(x->view()).append(y->view());
  const param_builder builder(OSSL_PARAM_BLD_new());
  if (!builder || !OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, facts(crv).group, 0) ||
      !OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size())) {
    return refuse(errc::crypto_failed, "out of memory");
  }
  is_private = json::member(jwk, "d") != nullptr;
  ossl::bn d;
  if (is_private) {
    auto number = integer_of(jwk, "d", size);
    if (!number) return number.error();
    d = std::move(*number);
    if (!OSSL_PARAM_BLD_push_BN_pad(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, d.get(), size)) {
      return refuse(errc::crypto_failed, "out of memory");
    }
  }
  return from_params("EC", builder.get(), is_private);
}

result<ossl::pkey> read_okp(const json::document& jwk, curve crv, bool& is_private) {
  const auto x = bytes_of(jwk, "x", facts(crv).bytes);
  if (!x) return x.error();
  const ossl::quiet guard;
  is_private = json::member(jwk, "d") != nullptr;
  if (!is_private) {
    ossl::pkey made(EVP_PKEY_new_raw_public_key_ex(nullptr, facts(crv).group, nullptr, x->data(), x->size()));
    if (!made) return refuse(errc::key_invalid, "the JWK's values do not make a key");
    return made;
  }
  const auto d = bytes_of(jwk, "d", facts(crv).bytes);
  if (!d) return d.error();
  ossl::pkey made(EVP_PKEY_new_raw_private_key_ex(nullptr, facts(crv).group, nullptr, d->data(), d->size()));
  std::string derived(facts(crv).bytes, '\0');
  std::size_t size = derived.size();
  if (!made || EVP_PKEY_get_raw_public_key(made.get(), reinterpret_cast<unsigned char*>(derived.data()), &size) != 1) {
    return refuse(errc::key_invalid, "the JWK's values do not make a key");
  }
  if (derived != x->view())
    return refuse(errc::key_invalid, "the private part of the key does not belong to its public part");
  return made;
}

result<void> read_operations(const json::document& jwk, key_impl& made) {
  if (const json::document* use = json::member(jwk, "use")) {
    if (!use->is_string()) return wrong("use", "is not a string");
    const auto& text = use->get_ref<const std::string&>();
    if (text == "sig") {
      made.use = key_use::sig;
    } else if (text == "enc") {
      made.use = key_use::enc;
    } else {
      return refuse(errc::key_unsuitable, "JWK member \"use\" is neither sig nor enc");
    }
  }
  const json::document* ops = json::member(jwk, "key_ops");
  if (ops == nullptr) return {};
  if (!ops->is_array()) return wrong("key_ops", "is not an array");
  made.has_operations = true;
  std::vector<std::string_view> seen;
  for (const json::document& op : *ops) {
    if (!op.is_string()) return wrong("key_ops", "holds something that is not a string");
    const std::string_view name = op.get_ref<const std::string&>();
    for (const std::string_view before : seen) {
      if (before == name) return wrong("key_ops", "names an operation twice");
    }
    if (seen.size() == 16) return wrong("key_ops", "is too long");
    seen.push_back(name);
    std::uint16_t bit = op_other;
    for (const auto& [text, value] : operation_names) {
      if (text == name) bit = value;
    }
    made.operations |= bit;
  }
  // Where both are given they must say the same (RFC 7517, 4.3).
  constexpr std::uint16_t signing = op_sign | op_verify;
  constexpr std::uint16_t encrypting = op_encrypt | op_decrypt | op_wrap | op_unwrap | op_derive_key | op_derive_bits;
  if ((made.use == key_use::sig && (made.operations & encrypting) != 0) ||
      (made.use == key_use::enc && (made.operations & signing) != 0)) {
    return wrong("key_ops", "contradicts \"use\"");
  }
  return {};
}

// The key's one algorithm: named by the JWK, by the caller, or by both alike.
result<void> read_algorithm(const json::document& jwk, const import_options& options, key_impl& made) {
  const json::document* alg = json::member(jwk, "alg");
  if (alg == nullptr) {
    if (!options.alg)
      return refuse(errc::key_unsuitable, "the JWK names no alg, so the caller must: a key has exactly one");
    made.alg = *options.alg;
    return {};
  }
  if (!alg->is_string()) return wrong("alg", "is not a string");
  const auto& name = alg->get_ref<const std::string&>();
  if (const auto enc = encryption_from(name)) {  // a key of direct encryption (RFC 7520, 5.6)
    made.alg = algorithm::dir;
    made.enc = *enc;
  } else if (const auto known = algorithm_from(name)) {
    made.alg = *known;
  } else {
    return refuse(errc::key_unsuitable, "JWK member \"alg\" names an algorithm that is not known or not safe");
  }
  if (options.alg && *options.alg != made.alg) {
    return refuse(errc::key_unsuitable, "the JWK is for " + name + ", not for " + std::string(name_of(*options.alg)));
  }
  return {};
}

}  // namespace

result<key> key_from_document(const json::document& jwk, const import_options& options) {
  if (!jwk.is_object()) return refuse(errc::key_invalid, "a JWK is a JSON object");
  const json::document* kty = json::member(jwk, "kty");
  if (kty == nullptr || !kty->is_string()) return wrong("kty", "is missing or not a string");
  const auto& type = kty->get_ref<const std::string&>();
  auto made = std::make_shared<key_impl>();
  if (const json::document* kid = json::member(jwk, "kid")) {
    if (!kid->is_string()) return wrong("kid", "is not a string");
    made->kid = kid->get_ref<const std::string&>();
  }
  if (auto ok = read_operations(jwk, *made); !ok) return ok.error();
  if (auto ok = read_algorithm(jwk, options, *made); !ok) return ok.error();
  if (type == "oct") {
    const json::document* k = json::member(jwk, "k");
    if (k == nullptr || !k->is_string()) return wrong("k", "is missing or not a string");
    const auto& text = k->get_ref<const std::string&>();
    made->type = key_type::oct;
    made->secret.resize(crypto::base64url_decoded_size(text.size()));
    if (!crypto::base64url_decode_to(text, made->secret.data())) return wrong("k", "is not base64url without padding");
    return finish(std::move(made), options);
  }
  bool is_private = false;
  result<ossl::pkey> pkey = refuse(errc::key_unsuitable, "JWK member \"kty\" names a type that is not known");
  if (type == "RSA") {
    pkey = read_rsa(jwk, is_private);
  } else if (type == "EC" || type == "OKP") {
    const json::document* name = json::member(jwk, "crv");
    if (name == nullptr || !name->is_string()) return wrong("crv", "is missing or not a string");
    const auto crv = curve_from(name->get_ref<const std::string&>());
    const bool okp = crv && *crv >= curve::ed25519;
    if (!crv || okp != (type == "OKP"))
      return refuse(errc::key_unsuitable, "JWK member \"crv\" names a curve that is not known");
    pkey = okp ? read_okp(jwk, *crv, is_private) : read_ec(jwk, *crv, is_private);
  }
  if (!pkey) return pkey.error();
  const ossl::quiet guard;
  if (auto ok = adopt(*made, std::move(*pkey), is_private); !ok) return ok.error();
  return finish(std::move(made), options);
}

result<key> key::from_jwk(std::string_view text, const import_options& options) {
  if (text.size() > max_key_text) return refuse(errc::key_invalid, "the JWK has more than 64 KiB");
  json::parsed read = json::parse(text);
  if (read.what != json::verdict::ok)
    return refuse(errc::key_invalid, "JWK: " + std::string(json::describe(read.what)));
  auto made = key_from_document(read.value, options);
  wipe_strings(read.value);
  return made;
}

void wipe_strings(json::document& value) noexcept {
  if (value.is_string()) {
    auto& text = value.get_ref<std::string&>();
    crypto::wipe(text.data(), text.size());
  } else if (value.is_structured()) {
    for (json::document& inner : value) wipe_strings(inner);
  }
}

}  // namespace coatcheck::jose
