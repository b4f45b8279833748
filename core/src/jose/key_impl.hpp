// What a jose::key holds, and the steps of an import that JWK, PEM and raw secrets share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "coatcheck/jose/key.hpp"

#include "crypto/hmac.hpp"
#include "jose/hmac_sha512.hpp"
#include "jose/openssl.hpp"

namespace coatcheck::jose {

// A string that is wiped when it goes. Moves leave nothing behind.
class secret_bytes {
 public:
  secret_bytes() = default;
  explicit secret_bytes(std::string_view bytes) : bytes_(bytes) {}
  secret_bytes(const secret_bytes&) = delete;
  secret_bytes& operator=(const secret_bytes&) = delete;
  secret_bytes(secret_bytes&& other) noexcept : bytes_(std::move(other.bytes_)) { other.clear(); }
  secret_bytes& operator=(secret_bytes&& other) noexcept {
    if (this != &other) {
      clear();
      bytes_ = std::move(other.bytes_);
      other.clear();
    }
    return *this;
  }
  ~secret_bytes() { clear(); }
  [[nodiscard]] std::string_view view() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  [[nodiscard]] unsigned char* data() noexcept { return reinterpret_cast<unsigned char*>(bytes_.data()); }
  [[nodiscard]] const unsigned char* data() const noexcept {
    return reinterpret_cast<const unsigned char*>(bytes_.data());
  }
  void resize(std::size_t size) { bytes_.resize(size); }

 private:
  void clear() noexcept {
    bytes_.resize(bytes_.capacity());  // a short string lives in the object itself: wipe that too
    crypto::wipe(bytes_.data(), bytes_.size());
    bytes_.clear();
  }
  std::string bytes_;
};

// key_ops of RFC 7517, 4.3, as bits.
enum operation : std::uint16_t {
  op_sign = 1,
  op_verify = 2,
  op_encrypt = 4,
  op_decrypt = 8,
  op_wrap = 16,
  op_unwrap = 32,
  op_derive_key = 64,
  op_derive_bits = 128,
  op_other = 256,  // one that is not registered: it allows nothing here
};

inline constexpr std::pair<std::string_view, std::uint16_t> operation_names[] = {
    {"sign", op_sign},    {"verify", op_verify},    {"encrypt", op_encrypt},      {"decrypt", op_decrypt},
    {"wrapKey", op_wrap}, {"unwrapKey", op_unwrap}, {"deriveKey", op_derive_key}, {"deriveBits", op_derive_bits}};

struct key_impl {
  std::uint64_t serial = 0;  // names this key in per-thread contexts; never used twice in a process
  key_type type = key_type::oct;
  algorithm alg = algorithm::HS256;
  std::optional<encryption> enc;
  curve crv = curve::none;
  key_use use = key_use::unset;
  std::uint16_t operations = 0;
  bool has_operations = false;  // key_ops was there
  bool is_private = false;
  std::size_t bits = 0;
  std::size_t signature_bytes = 0;  // of a JWS made with it; 0: it signs nothing
  std::string kid;
  std::string warning;

  secret_bytes secret;  // oct
  std::optional<crypto::hmac_sha256_key> hs256;
  std::optional<hmac_sha512_key> hs512;  // HS384 and HS512
  ossl::pkey pkey;                       // the others
  std::string public_bytes;              // rsa: n; ec: 04 x y; okp: the public key. What same_key compares

  [[nodiscard]] bool allows(std::uint16_t any_of, key_use purpose) const noexcept {
    return (use == key_use::unset || use == purpose) && (!has_operations || (operations & any_of) != 0);
  }
};

// Facts of a curve. `bytes`: of a coordinate, or of an OKP key.
struct curve_facts {
  std::string_view jwk_name;
  const char* group;  // OpenSSL's name
  std::size_t bits;
  std::size_t bytes;
};
[[nodiscard]] const curve_facts& facts(curve crv) noexcept;
[[nodiscard]] std::optional<curve> curve_from(std::string_view jwk_name) noexcept;
// The one curve of an algorithm; none: it has a choice, or no curve.
[[nodiscard]] curve curve_of(algorithm alg) noexcept;

// Whether a header's alg is the key's own. The names EdDSA and Ed25519 or Ed448 mean the same for one curve (RFC 9864).
[[nodiscard]] bool accepts_algorithm(const key_impl& with, algorithm alg) noexcept;

// The keys that a token with this kid and alg may be verified with, at most `room`: those with the kid that are for the
// algorithm, else one with the kid, which the caller then refuses; else those without a kid; for a token without a kid,
// every one of the algorithm. Keys whose use or key_ops forbids it come only where there is no other.
inline constexpr std::size_t max_candidates = 4;
[[nodiscard]] std::size_t candidates(std::span<const key> keys, std::string_view kid, algorithm alg, const key** out,
                                     std::size_t room) noexcept;

[[nodiscard]] inline coatcheck::error refuse(errc code, std::string message) { return {code, std::move(message)}; }

// Fills what depends on the rest and checks what holds for every key: kid, algorithm against type and curve, size,
// use against operations. The last step of every import.
[[nodiscard]] result<key> finish(std::shared_ptr<key_impl> made, const import_options& options);
[[nodiscard]] result<void> check_kid(std::string_view kid);
// Exponent and ROCA of an RSA key, and the size below which nobody may take one; finish() asks for 2,048 bits.
[[nodiscard]] result<void> check_rsa(const BIGNUM* n, const BIGNUM* e);
// Whether the private part belongs to the public one (and the primes to the modulus).
[[nodiscard]] bool rsa_parts_agree(const EVP_PKEY* key);
[[nodiscard]] bool small_order(curve crv, std::string_view public_key) noexcept;
// Reads type, curve, size and public bytes of an EVP_PKEY into `made`, with the checks for each.
[[nodiscard]] result<void> adopt(key_impl& made, ossl::pkey pkey, bool is_private);
[[nodiscard]] ossl::bn bn_param(const EVP_PKEY* key, const char* name);
[[nodiscard]] std::string bn_bytes(const BIGNUM* value, std::size_t width = 0);

}  // namespace coatcheck::jose
