// The key management algorithms: direct, AES key wrap, AES-GCM, RSA-OAEP, ECDH-ES, PBES2.
#include "jose/key_management.hpp"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/rsa.h>

#include "crypto/base64url.hpp"
#include "crypto/random.hpp"
#include "jose/content_encryption.hpp"
#include "jose/key_jwk.hpp"

namespace coatcheck::jose {
namespace {

using kdf_ctx = std::unique_ptr<EVP_KDF_CTX, ossl::releaser<&EVP_KDF_CTX_free>>;

constexpr std::size_t max_party = 512;  // bytes of apu, apv and p2s

// The size of the wrapping key that ECDH-ES+A*KW and PBES2 derive; 0: the derived key is the content key.
std::size_t derived_wrap_bytes(algorithm alg) noexcept {
  switch (alg) {
    case algorithm::ECDH_ES_A128KW:
    case algorithm::PBES2_HS256_A128KW:
      return 16;
    case algorithm::ECDH_ES_A192KW:
    case algorithm::PBES2_HS384_A192KW:
      return 24;
    case algorithm::ECDH_ES_A256KW:
    case algorithm::PBES2_HS512_A256KW:
      return 32;
    default:
      return 0;
  }
}

// AES key wrap (RFC 3394), both ways.
bool aes_wrap(std::string_view kek, std::string_view in, std::string& out, bool wrap) {
  const ossl::cipher_ctx ctx(EVP_CIPHER_CTX_new());
  if (!ctx || in.size() > max_content_key + 8 || in.size() % 8 != 0) return false;
  EVP_CIPHER_CTX_set_flags(ctx.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  const EVP_CIPHER* const cipher = ossl::get(kek.size() == 16   ? ossl::cipher::wrap128
                                             : kek.size() == 24 ? ossl::cipher::wrap192
                                                                : ossl::cipher::wrap256);
  out.resize(in.size() + 16);
  int size = 0, last = 0;
  if (EVP_CipherInit_ex2(ctx.get(), cipher, ossl::bytes(kek), nullptr, wrap ? 1 : 0, nullptr) != 1 ||
      EVP_CipherUpdate(ctx.get(), reinterpret_cast<unsigned char*>(out.data()), &size, ossl::bytes(in),
                       static_cast<int>(in.size())) != 1 ||
      EVP_CipherFinal_ex(ctx.get(), reinterpret_cast<unsigned char*>(out.data()) + size, &last) != 1) {
    return false;
  }
  out.resize(static_cast<std::size_t>(size) + static_cast<std::size_t>(last));
  return true;
}

// RSAES-OAEP with the hash of the algorithm's name, also in MGF1 (RFC 7518, 4.3).
bool rsa_oaep(const key_impl& with, std::string_view in, std::string& out, bool encrypt) {
  const ossl::pkey_ctx ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, with.pkey.get(), nullptr));
  const EVP_MD* const md = ossl::md(with.alg == algorithm::RSA_OAEP ? ossl::hash::sha1 : ossl::hash::sha256);
  if (!ctx || (encrypt ? EVP_PKEY_encrypt_init(ctx.get()) : EVP_PKEY_decrypt_init(ctx.get())) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(ctx.get(), RSA_PKCS1_OAEP_PADDING) != 1 ||
      EVP_PKEY_CTX_set_rsa_oaep_md(ctx.get(), md) != 1 || EVP_PKEY_CTX_set_rsa_mgf1_md(ctx.get(), md) != 1) {
    return false;
  }
  std::size_t size = (with.bits + 7) / 8;
  if (!encrypt && in.size() != size) return false;
  out.resize(size);
  auto* const to = reinterpret_cast<unsigned char*>(out.data());
  const int done = encrypt ? EVP_PKEY_encrypt(ctx.get(), to, &size, ossl::bytes(in), in.size())
                           : EVP_PKEY_decrypt(ctx.get(), to, &size, ossl::bytes(in), in.size());
  if (done != 1) return false;
  out.resize(size);
  return true;
}

std::string with_length(std::string_view text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(size >> shift & 0xFF));
  return out.append(text);
}

// ECDH, then the Concat KDF (RFC 7518, 4.6.2): OpenSSL's single-step KDF over SHA-256.
bool agree(const key_impl& mine, const key_impl& theirs, std::string_view algorithm_id, std::string_view apu,
           std::string_view apv, std::size_t size, secret_bytes& out) {
  const ossl::pkey_ctx ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, mine.pkey.get(), nullptr));
  secret_bytes shared;
  std::size_t shared_size = 0;
  if (!ctx || EVP_PKEY_derive_init(ctx.get()) != 1 || EVP_PKEY_derive_set_peer(ctx.get(), theirs.pkey.get()) != 1 ||
      EVP_PKEY_derive(ctx.get(), nullptr, &shared_size) != 1) {
    return false;
  }
  shared.resize(shared_size);
  // For X25519 an all-zero result (a point of small order) fails here.
  if (EVP_PKEY_derive(ctx.get(), shared.data(), &shared_size) != 1) return false;
  shared.resize(shared_size);
  std::string info = with_length(algorithm_id) + with_length(apu) + with_length(apv);
  const auto bits = static_cast<std::uint32_t>(size * 8);
  for (int shift = 24; shift >= 0; shift -= 8) info.push_back(static_cast<char>(bits >> shift & 0xFF));
  static EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, "SSKDF", nullptr);
  const kdf_ctx derive(EVP_KDF_CTX_new(kdf));
  char digest[] = "SHA2-256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, shared.data(), shared.size()),
                               OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), info.size()),
                               OSSL_PARAM_construct_end()};
  out.resize(size);
  return derive && EVP_KDF_derive(derive.get(), out.data(), size, params) == 1;
}

bool derive_password(const key_impl& with, std::string_view salt, std::uint32_t count, secret_bytes& out) {
  std::string full(name_of(with.alg));
  full.push_back('\0');
  full.append(salt);
  const ossl::hash hash = with.alg == algorithm::PBES2_HS256_A128KW   ? ossl::hash::sha256
                          : with.alg == algorithm::PBES2_HS384_A192KW ? ossl::hash::sha384
                                                                      : ossl::hash::sha512;
  out.resize(derived_wrap_bytes(with.alg));
  return PKCS5_PBKDF2_HMAC(with.secret.view().data(), static_cast<int>(with.secret.size()), ossl::bytes(full),
                           static_cast<int>(full.size()), static_cast<int>(count), ossl::md(hash),
                           static_cast<int>(out.size()), out.data()) == 1;
}

bool random_into(secret_bytes& out, std::size_t size) {
  out.resize(size);
  return crypto::random_bytes(out.data(), size);
}

coatcheck::error failed() { return {errc::crypto_failed, "encryption failed"}; }

// A base64url member. `size`: exact; 0: up to max_party.
result<std::string> bytes_of(const json::document& header, std::string_view name, std::size_t size, bool needed) {
  const json::document* value = json::member(header, name);
  if (value == nullptr && !needed) return std::string();
  if (value == nullptr || !value->is_string()) return invalid_header(std::string(name) + " is missing or not a string");
  const auto& text = value->get_ref<const std::string&>();
  if (text.size() > crypto::base64_encoded_size(max_party)) return invalid_header(std::string(name) + " is too long");
  auto out = crypto::base64url_decode(text);
  if (!out) return invalid_header(std::string(name) + " is not base64url");
  if (size != 0 && out->size() != size) return invalid_header(std::string(name) + " has the wrong length");
  return std::move(*out);
}

}  // namespace

result<managed_key> wrap_key(const key& to, encryption enc, const jwe_encrypt_options& options,
                             json::document& header) {
  const ossl::quiet guard;
  const key_impl& with = to.impl();
  const auto encoded = [](std::string_view raw) { return crypto::base64url_encode(raw); };
  managed_key out;
  const algorithm_family family = family_of(to.alg());
  if (family == algorithm_family::direct) {
    out.cek = secret_bytes(with.secret.view());
    return out;
  }
  secret_bytes kek;
  if (family == algorithm_family::ecdh) {
    generate_options fresh;
    fresh.crv = with.crv;
    const auto ephemeral = key::generate(to.alg(), fresh);
    if (!ephemeral) return ephemeral.error();
    auto epk = key_to_document(*ephemeral, key_part::public_only);
    if (!epk) return epk.error();
    epk->erase("alg");
    header["epk"] = std::move(*epk);
    if (!options.apu.empty()) header["apu"] = encoded(options.apu);
    if (!options.apv.empty()) header["apv"] = encoded(options.apv);
    const std::size_t wrap = derived_wrap_bytes(to.alg());
    secret_bytes& target = wrap == 0 ? out.cek : kek;
    if (!agree(ephemeral->impl(), with, wrap == 0 ? name_of(enc) : name_of(to.alg()), options.apu, options.apv,
               wrap == 0 ? key_bytes(enc) : wrap, target)) {
      return failed();
    }
    if (wrap == 0) return out;
  } else if (family == algorithm_family::password) {
    secret_bytes salt;
    if (!random_into(salt, 16)) return coatcheck::error{errc::random_failed, "no randomness"};
    header["p2s"] = encoded(salt.view());
    header["p2c"] = options.password_count;
    if (!derive_password(with, salt.view(), options.password_count, kek)) return failed();
  } else if (family == algorithm_family::aes_wrap) {
    kek = secret_bytes(with.secret.view());
  }
  if (!random_into(out.cek, key_bytes(enc))) return coatcheck::error{errc::random_failed, "no randomness"};
  if (family == algorithm_family::rsa_oaep) {
    if (!rsa_oaep(with, out.cek.view(), out.encrypted, true)) return failed();
  } else if (family == algorithm_family::gcm_wrap) {
    secret_bytes iv;
    unsigned char tag[16];
    out.encrypted.resize(out.cek.size());
    if (!random_into(iv, 12) || !gcm_seal(with.secret.view(), iv.view(), {}, out.cek.view(),
                                          reinterpret_cast<unsigned char*>(out.encrypted.data()), tag)) {
      return failed();
    }
    header["iv"] = encoded(iv.view());
    header["tag"] = encoded({reinterpret_cast<const char*>(tag), sizeof tag});
  } else if (!aes_wrap(kek.view(), out.cek.view(), out.encrypted, true)) {
    return failed();
  }
  return out;
}

result<management_parameters> read_parameters(const token_header& header, const key& with,
                                              const jwe_decrypt_options& options) {
  const json::document& members = header.members;
  management_parameters out;
  switch (family_of(header.alg)) {
    case algorithm_family::ecdh: {
      const json::document* epk = json::member(members, "epk");
      if (epk == nullptr || !epk->is_object()) return invalid_header("epk is missing or not an object");
      if (json::member(*epk, "d") != nullptr) return invalid_header("epk holds a private key");
      import_options import;
      import.alg = with.alg();
      auto peer = key_from_document(*epk, import);
      if (!peer) return invalid_header("epk: " + peer.error().message);
      if (peer->crv() != with.crv()) return invalid_header("epk is on another curve than the key");
      out.epk = std::move(*peer);
      auto apu = bytes_of(members, "apu", 0, false), apv = bytes_of(members, "apv", 0, false);
      if (!apu) return apu.error();
      if (!apv) return apv.error();
      out.apu = std::move(*apu);
      out.apv = std::move(*apv);
      break;
    }
    case algorithm_family::gcm_wrap: {
      auto iv = bytes_of(members, "iv", 12, true), tag = bytes_of(members, "tag", 16, true);
      if (!iv) return iv.error();
      if (!tag) return tag.error();
      out.iv = std::move(*iv);
      out.tag = std::move(*tag);
      break;
    }
    case algorithm_family::password: {
      if (!options.allow_password) return coatcheck::error{errc::token_algorithm, "PBES2 is not allowed here"};
      const json::document* count = json::member(members, "p2c");
      if (count == nullptr || !count->is_number_unsigned())
        return invalid_header("p2c is missing or not a whole number");
      const auto rounds = count->get<std::uint64_t>();
      // An attacker who chooses the count chooses our work (CVE-2023-6681, CVE-2023-49290).
      if (rounds < min_password_count || rounds > std::min(options.max_count, max_password_count)) {
        return invalid_header("p2c is out of the range that is allowed here");
      }
      out.count = static_cast<std::uint32_t>(rounds);
      auto salt = bytes_of(members, "p2s", 0, true);
      if (!salt) return salt.error();
      if (salt->size() < 8) return invalid_header("p2s has fewer than 8 bytes");
      out.salt = std::move(*salt);
      break;
    }
    default:
      break;
  }
  return out;
}

bool unwrap_key(const key& with, encryption enc, const management_parameters& parameters, std::string_view encrypted,
                secret_bytes& out) {
  const ossl::quiet guard;
  const key_impl& impl = with.impl();
  if (with.alg() == algorithm::dir) {  // nothing is unwrapped, so there is nothing to hide
    out = secret_bytes(impl.secret.view());
    return encrypted.empty() && out.size() == key_bytes(enc);
  }
  secret_bytes random;
  if (!random_into(random, key_bytes(enc))) return false;
  std::string plain;
  bool good = false;
  switch (family_of(with.alg())) {
    case algorithm_family::aes_wrap:
      good = aes_wrap(impl.secret.view(), encrypted, plain, false);
      break;
    case algorithm_family::gcm_wrap:
      plain.resize(encrypted.size());
      good = gcm_open(impl.secret.view(), parameters.iv, {}, encrypted, parameters.tag,
                      reinterpret_cast<unsigned char*>(plain.data()));
      break;
    case algorithm_family::rsa_oaep:
      good = rsa_oaep(impl, encrypted, plain, false);
      break;
    case algorithm_family::ecdh: {
      const std::size_t wrap = derived_wrap_bytes(with.alg());
      secret_bytes derived;
      good = parameters.epk && agree(impl, parameters.epk->impl(), wrap == 0 ? name_of(enc) : name_of(with.alg()),
                                     parameters.apu, parameters.apv, wrap == 0 ? key_bytes(enc) : wrap, derived);
      if (wrap != 0) {
        good = good && aes_wrap(derived.view(), encrypted, plain, false);
      } else {
        good = good && encrypted.empty();
        plain.assign(derived.view());
      }
      break;
    }
    case algorithm_family::password: {
      secret_bytes derived;
      good = derive_password(impl, parameters.salt, parameters.count, derived) &&
             aes_wrap(derived.view(), encrypted, plain, false);
      break;
    }
    default:
      break;
  }
  good = good && plain.size() == key_bytes(enc);
  out = good ? secret_bytes(plain) : std::move(random);
  crypto::wipe(plain.data(), plain.size());
  return good;
}

}  // namespace coatcheck::jose
