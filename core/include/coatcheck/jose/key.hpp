// Typed keys. A key knows its one algorithm, its use and its operations, and is parsed once. Nothing that a
// token says can make a key do something else: an HMAC key cannot be made of a public key, an RSA key cannot
// verify HS256, a signing key cannot decrypt.
//
// What is refused at import: RSA under 2,048 or over 8,192 bits, an exponent that is 1, even or over 64 bits,
// the ROCA fingerprint, an empty or short HMAC secret, any form of an asymmetric key offered as a secret, points
// off the curve and of small order, members of the wrong length, duplicate members, a private part that does
// not belong to the public one.
//
// Codes: key_invalid (malformed), key_unsuitable (fine, but not for this), key_weak (too small, or known to be
// broken), key_set_invalid (a set as a whole).
//
// Thread safety: immutable; copies share the key; use from any thread. Secrets are wiped with the last copy.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/error.hpp"
#include "coatcheck/jose/algorithm.hpp"

namespace coatcheck::jose {

struct key_impl;

enum class key_type : std::uint8_t { oct, rsa, ec, okp };
enum class key_use : std::uint8_t { unset, sig, enc };
enum class curve : std::uint8_t { none, p256, p384, p521, secp256k1, ed25519, ed448, x25519 };
[[nodiscard]] std::string_view name_of(curve crv) noexcept;  // "P-256", …

enum class secret_policy : std::uint8_t {
  strict,       // an HMAC secret has at least as many bytes as the hash (RFC 7518, 3.2)
  allow_short,  // a shorter one is taken, with a warning: for drop-in replacements. Never an empty one
};

inline constexpr std::size_t max_key_text = 64 * 1024;  // bytes of one JWK, PEM or DER
inline constexpr std::size_t max_key_id = 256;          // bytes of a kid, which holds no control characters

struct import_options {
  // The key's one algorithm. May be left out for a JWK that names it (`alg`); if both are there they must agree.
  std::optional<algorithm> alg = {};
  std::string kid = {};  // replaces the JWK's; empty: the JWK's, or none
  secret_policy secrets = secret_policy::strict;
  bool allow_small_rsa = false;      // takes RSA from 1,024 bits, with a warning: where a drop-in's caller asked for it
  std::string_view passphrase = {};  // of an encrypted PEM
};

struct generate_options {
  std::string kid = {};
  std::size_t rsa_bits = 2048;           // 2,048 to 8,192
  curve crv = curve::p256;               // of ECDH-ES: P-256, P-384, P-521 or X25519
  encryption enc = encryption::A256GCM;  // of dir: what the key is for
};

enum class key_part : std::uint8_t { public_only, with_private };

class key {
 public:
  // One JSON Web Key (RFC 7517). `use` and `key_ops` are kept, and enforced at each operation.
  [[nodiscard]] static result<key> from_jwk(std::string_view json, const import_options& options = {});
  // SubjectPublicKeyInfo, PKCS #1, PKCS #8 (also encrypted), SEC 1, or an X.509 certificate (its key alone is
  // taken: nothing else in the certificate is looked at). One object, nothing around it but white space.
  [[nodiscard]] static result<key> from_pem(std::string_view pem, algorithm alg, const import_options& options = {});
  [[nodiscard]] static result<key> from_der(std::string_view der, algorithm alg, const import_options& options = {});
  // Raw bytes: an HMAC secret, an AES key (dir, A*KW, A*GCMKW; exact size), or a password (PBES2).
  [[nodiscard]] static result<key> from_secret(std::string_view secret, algorithm alg,
                                               const import_options& options = {});
  [[nodiscard]] static result<key> generate(algorithm alg, const generate_options& options = {});

  [[nodiscard]] key_type type() const noexcept;
  [[nodiscard]] algorithm alg() const noexcept;
  // The content encryption that a `dir` key is bound to, where one was named (JWK `alg`: "A256GCM", …).
  [[nodiscard]] std::optional<encryption> enc() const noexcept;
  [[nodiscard]] curve crv() const noexcept;
  [[nodiscard]] std::string_view kid() const noexcept;  // empty: none
  [[nodiscard]] key_use use() const noexcept;
  [[nodiscard]] bool is_private() const noexcept;  // symmetric keys are
  // Size in bits: of the modulus, the curve, or the secret.
  [[nodiscard]] std::size_t bits() const noexcept;
  // Whether type, use, operations and private part allow the operation.
  [[nodiscard]] bool can_sign() const noexcept;
  [[nodiscard]] bool can_verify() const noexcept;
  [[nodiscard]] bool can_encrypt() const noexcept;
  [[nodiscard]] bool can_decrypt() const noexcept;
  // What an operator should be told once (a short secret, a small RSA key); empty: nothing.
  [[nodiscard]] std::string_view warning() const noexcept;

  // JSON, members in the order of RFC 7638 and then the others. `with_private` of a public key is an error;
  // a symmetric key has no public part.
  [[nodiscard]] result<std::string> to_jwk(key_part part) const;
  // SubjectPublicKeyInfo, or PKCS #8 unencrypted. Asymmetric keys alone.
  [[nodiscard]] result<std::string> to_pem(key_part part) const;
  // base64url(SHA-256(canonical JWK)) (RFC 7638), 43 characters.
  [[nodiscard]] std::string thumbprint() const;
  // The same key without its private part. Fails for a symmetric one.
  [[nodiscard]] result<key> public_key() const;
  // Same type, algorithm and public value (for a symmetric key: same secret, compared in constant time).
  [[nodiscard]] bool same_key(const key& other) const noexcept;

  [[nodiscard]] const key_impl& impl() const noexcept { return *impl_; }  // for the core's own use
  explicit key(std::shared_ptr<const key_impl> impl) noexcept : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<const key_impl> impl_;
};

// Whether these bytes are some form of an asymmetric key or of a JWK: a PEM header anywhere, DER, its base64, an
// SSH key, JSON with `kty`. Such bytes are never taken as a secret.
[[nodiscard]] bool looks_like_key_material(std::string_view bytes) noexcept;

struct key_set_options {
  bool public_only = false;                  // pass over symmetric and private members: for fetched sets
  std::vector<algorithm> default_algs = {};  // for members without `alg`: each of these that fits the key
  std::size_t max_bytes = 256 * 1024;
  std::size_t max_keys = 100;
};

// A set of keys, found by kid (RFC 7517, 5).
class key_set {
 public:
  key_set() = default;
  // A set of keys made by hand. Refuses two keys that a token could not choose between (one kid, one algorithm), and
  // symmetric keys beside asymmetric.
  [[nodiscard]] static result<key_set> from_keys(std::vector<key> keys);
  // JWK Set text, as identity providers publish it: a member that is of no use is passed over, whatever is wrong with
  // it (not an object, malformed, weak, of a kind or use that is not known here), and the others are kept. With
  // `public_only` so is a symmetric member, and a private one together with its public half: whoever reads the set can
  // sign with it. Refused is text that is no JWK Set at all, and a set of one's own with symmetric and asymmetric keys.
  [[nodiscard]] static result<key_set> parse(std::string_view json, const key_set_options& options = {});
  // The keys for these algorithms; those that the set's members without `alg` make under them among them.
  [[nodiscard]] key_set for_algorithms(std::span<const algorithm> algs) const;

  [[nodiscard]] std::span<const key> keys() const noexcept;
  // Which members were passed over and why, one line each ("keys[2] (kid 7a): RSA key of 1024 bits"). No key material.
  [[nodiscard]] std::span<const std::string> skipped() const noexcept;
  // Whether there are members that would be keys if an algorithm were named for them; they stand in `skipped` too.
  [[nodiscard]] bool unnamed() const noexcept;
  // Whether a private key stood in a set of public ones.
  [[nodiscard]] bool leaked() const noexcept;
  // The key of the algorithm with this kid; else the one key without a kid, or for an empty `kid` the one key, that is
  // of the algorithm. Null when there is none, or more than one.
  [[nodiscard]] const key* find(std::string_view kid, algorithm alg) const noexcept;
  [[nodiscard]] bool has_kid(std::string_view kid) const noexcept;  // also of a member that waits for its algorithm
  [[nodiscard]] bool symmetric() const noexcept;  // whether it holds symmetric keys (then it holds nothing else)
  [[nodiscard]] result<std::string> to_json(key_part part) const;

 private:
  struct data;
  std::shared_ptr<const data> data_;
};

}  // namespace coatcheck::jose
