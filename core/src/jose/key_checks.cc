// What makes key material unfit: RSA parameters, the ROCA fingerprint, small-order points, and asymmetric keys in
// disguise that someone offers as an HMAC secret.
#include <algorithm>
#include <array>
#include <charconv>
#include <openssl/core_names.h>
#include <openssl/x509.h>
#include <string>

#include "crypto/base64url.hpp"
#include "jose/key_impl.hpp"

namespace coatcheck::jose {
namespace {

// Infineon's faulty generator (CVE-2017-15361) makes primes p = k*M + (65537^a mod M), M a product of the first
// primes. So n lies in the subgroup that 65537 generates modulo each of them; a sound n does with 2^-27 or less.
bool roca(const BIGNUM* n) noexcept {
  constexpr std::array<unsigned, 38> primes = {3,   5,   7,   11,  13,  17,  19,  23,  29,  31,  37,  41,  43,
                                               47,  53,  59,  61,  67,  71,  73,  79,  83,  89,  97,  101, 103,
                                               107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167};
  return std::all_of(primes.begin(), primes.end(), [n](unsigned p) {
    const auto residue = static_cast<unsigned>(BN_mod_word(n, p));
    unsigned power = 1;
    do {
      if (power == residue) return true;
      power = power * (65537 % p) % p;
    } while (power != 1);
    return false;
  });
}

bool contains(std::string_view text, std::string_view what) noexcept {
  return text.find(what) != std::string_view::npos;
}

// SubjectPublicKeyInfo, PKCS #1, PKCS #8, SEC 1 or a certificate, from the first byte on.
bool is_der_key(std::string_view bytes) noexcept {
  if (bytes.size() < 24 || bytes[0] != '\x30') return false;
  const ossl::quiet guard;
  const auto* const start = reinterpret_cast<const unsigned char*>(bytes.data());
  const long size = static_cast<long>(std::min<std::size_t>(bytes.size(), max_key_text));
  const unsigned char* at = start;
  if (ossl::pkey(d2i_PUBKEY(nullptr, &at, size))) return true;
  at = start;
  if (ossl::pkey(d2i_PublicKey(EVP_PKEY_RSA, nullptr, &at, size))) return true;
  at = start;
  if (ossl::pkey(d2i_AutoPrivateKey(nullptr, &at, size))) return true;
  at = start;
  X509* certificate = d2i_X509(nullptr, &at, size);
  X509_free(certificate);
  if (certificate != nullptr) return true;
  at = start;
  X509_SIG* encrypted = d2i_X509_SIG(nullptr, &at, size);  // EncryptedPrivateKeyInfo
  X509_SIG_free(encrypted);
  return encrypted != nullptr;
}

// The body of a PEM block without its lines of dashes.
bool is_base64_of_der(std::string_view text) {
  std::string compact;
  for (const char c : text.substr(0, max_key_text)) {
    if (c == '\n' || c == '\r' || c == ' ' || c == '\t' || c == '=') continue;
    compact.push_back(c == '+' ? '-' : c == '/' ? '_' : c);
  }
  if (compact.size() < 32 || compact[0] != 'M') return false;  // 0x30, the SEQUENCE that each of them is
  compact.resize(compact.size() - (compact.size() % 4 == 1 ? 1 : 0));
  const auto bytes = crypto::base64url_decode(compact);
  return bytes && is_der_key(*bytes);
}

bool is_ssh_key(std::string_view text) noexcept {
  // The text form is "type AAAA…"; the binary one begins with the type's length and name.
  constexpr std::array<std::string_view, 7> types = {
      "ssh-rsa", "ssh-dss", "ssh-ed25519", "ssh-ed448", "ecdsa-sha2-nistp", "sk-ssh-ed25519@", "sk-ecdsa-sha2-"};
  for (const std::string_view type : types) {
    for (std::size_t at = text.find(type); at != std::string_view::npos; at = text.find(type, at + 1)) {
      if (contains(text.substr(at, 128), " AAAA")) return true;
      if (at >= 4 && text[at - 4] == '\0' && text[at - 3] == '\0' && text[at - 2] == '\0') return true;
    }
  }
  return false;
}

// With its escapes of ASCII characters resolved, whatever stands around them.
std::string without_escapes(std::string_view text) {
  constexpr std::size_t length = 6;  // \u006b
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    unsigned code = 0;
    if (text.substr(at, 4) == "\\u00" && at + length <= text.size() &&
        std::from_chars(text.data() + at + 4, text.data() + at + length, code, 16).ptr == text.data() + at + length) {
      out.push_back(static_cast<char>(code));
      at += length - 1;
    } else {
      out.push_back(text[at]);
    }
  }
  return out;
}

// A JWK or a set of them as JSON text, with or without something in front.
bool is_jwk(std::string_view text) {
  if (contains(text, "\"kty\"")) return true;
  const std::size_t start = text.find_first_of("{[");
  if (start == std::string_view::npos || !contains(text, "\\u00")) return false;
  return contains(without_escapes(text.substr(start)), "\"kty\"");
}

}  // namespace

bool looks_like_key_material(std::string_view bytes) noexcept {
  try {
    // Anywhere in the text: a byte in front of the header must not be a way round (CVE-2026-34950).
    if (contains(bytes, "-----BEGIN") || contains(bytes, "---- BEGIN SSH2") || contains(bytes, "BEGIN PUBLIC KEY") ||
        contains(bytes, "BEGIN RSA PUBLIC KEY") || contains(bytes, "BEGIN CERTIFICATE") ||
        contains(bytes, "PRIVATE KEY-----") || contains(bytes, "PUBLIC KEY-----"))
      return true;
    if (is_jwk(bytes) || is_ssh_key(bytes) || is_der_key(bytes) || is_base64_of_der(bytes)) return true;
    if (bytes.find('\0') == std::string_view::npos) return false;
    std::string dense(bytes);  // ASCII in UTF-16 or UTF-32: the same text, with zeros between
    std::erase(dense, '\0');
    return looks_like_key_material(dense);
  } catch (const std::bad_alloc&) {
    return true;
  }
}

result<void> check_rsa(const BIGNUM* n, const BIGNUM* e) {
  const int bits = BN_num_bits(n);
  if (bits < 1024) return refuse(errc::key_weak, "RSA key of " + std::to_string(bits) + " bits; 2048 are the least");
  if (bits > 8192) return refuse(errc::key_unsuitable, "RSA key of more than 8192 bits");
  if (!BN_is_odd(n)) return refuse(errc::key_invalid, "RSA modulus is even");
  if (BN_is_one(e) || BN_is_zero(e)) return refuse(errc::key_weak, "RSA public exponent is 0 or 1");
  if (!BN_is_odd(e)) return refuse(errc::key_weak, "RSA public exponent is even");
  if (BN_num_bits(e) > 64) return refuse(errc::key_weak, "RSA public exponent has more than 64 bits");
  if (roca(n)) return refuse(errc::key_weak, "RSA modulus has the ROCA fingerprint (CVE-2017-15361); make a new key");
  return {};
}

bool rsa_parts_agree(const EVP_PKEY* key) {
  const auto n = bn_param(key, OSSL_PKEY_PARAM_RSA_N), e = bn_param(key, OSSL_PKEY_PARAM_RSA_E);
  const auto d = bn_param(key, OSSL_PKEY_PARAM_RSA_D);
  const ossl::bn_ctx scratch(BN_CTX_secure_new());
  const ossl::bn value(BN_secure_new()), base(BN_new()), one_less(BN_secure_new()), expected(BN_secure_new());
  if (!n || !e || !d || !scratch || !value || !base || !one_less || !expected) return false;
  BN_set_flags(d.get(), BN_FLG_CONSTTIME);
  // (2^e)^d = 2 modulo n: true for the right exponent, whatever form the key came in.
  if (!BN_set_word(base.get(), 2) || !BN_mod_exp(value.get(), base.get(), e.get(), n.get(), scratch.get()) ||
      !BN_mod_exp(value.get(), value.get(), d.get(), n.get(), scratch.get()) || !BN_is_word(value.get(), 2))
    return false;
  const auto p = bn_param(key, OSSL_PKEY_PARAM_RSA_FACTOR1), q = bn_param(key, OSSL_PKEY_PARAM_RSA_FACTOR2);
  if (!p || !q) return true;
  if (!BN_mul(value.get(), p.get(), q.get(), scratch.get()) || BN_cmp(value.get(), n.get()) != 0) return false;
  // d modulo p-1 and q-1, and q^-1 modulo p: a wrong one makes signatures that leak the key (Bellcore attack).
  const auto agrees = [&](const BIGNUM* prime, const char* name) {
    const auto part = bn_param(key, name);
    return part && BN_sub(one_less.get(), prime, BN_value_one()) &&
           BN_mod(expected.get(), d.get(), one_less.get(), scratch.get()) && BN_cmp(expected.get(), part.get()) == 0;
  };
  if (!agrees(p.get(), OSSL_PKEY_PARAM_RSA_EXPONENT1) || !agrees(q.get(), OSSL_PKEY_PARAM_RSA_EXPONENT2)) return false;
  const auto inverse = bn_param(key, OSSL_PKEY_PARAM_RSA_COEFFICIENT1);
  return inverse && BN_mod_mul(value.get(), inverse.get(), q.get(), p.get(), scratch.get()) && BN_is_one(value.get());
}

bool small_order(curve crv, std::string_view public_key) noexcept {
  // Points whose order divides the cofactor verify forged signatures (Ed25519, Ed448) or give a fixed secret
  // (X25519; the derivation itself refuses those). Little-endian y, or u, with the sign bit cleared.
  std::string y(public_key);
  if (crv == curve::ed25519) {
    y.back() = static_cast<char>(y.back() & 0x7F);
    const auto repeated = [](char first, char middle, char last) {
      std::string out(32, middle);
      out.front() = first;
      out.back() = last;
      return out;
    };
    constexpr std::string_view order_8[] = {
        "\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0"
        "\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05",
        "\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f"
        "\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a"};
    return y == repeated(0, 0, 0) || y == repeated(1, 0, 0) || y == repeated('\xec', '\xff', '\x7f') ||
           y == repeated('\xed', '\xff', '\x7f') || y == repeated('\xee', '\xff', '\x7f') || y == order_8[0] ||
           y == order_8[1];
  }
  if (crv == curve::ed448) {
    y.back() = static_cast<char>(y.back() & 0x7F);
    std::string minus_one(57, '\xff');  // p - 1, p = 2^448 - 2^224 - 1
    minus_one[0] = '\xfe';
    minus_one[28] = '\xfe';
    minus_one[56] = 0;
    std::string zero(57, '\0'), one(57, '\0');
    one[0] = 1;
    return y == zero || y == one || y == minus_one;
  }
  return false;
}

}  // namespace coatcheck::jose
