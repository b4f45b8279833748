// JSON Web Signature (RFC 7515): any bytes, signed. For claims see jwt.hpp, which is built on this.
//
// The signature is checked over the bytes as they came, in place; the payload is decoded only after it held.
// The header must name the key's own algorithm; it can choose among the keys by `kid`, and nothing else.
// `jwk`, `jku`, `x5u` and `x5c` in a header are never followed. `crit` may name `b64` alone, and that only
// where the caller allows it (RFC 7797).
//
// Strict: base64url is canonical, without padding or white space; a header is a UTF-8 JSON object of at most
// 8 KiB, 32 levels and no duplicate member.
//
// Codes: token_too_large, token_malformed (form), token_header_invalid (JSON, members), token_critical,
// token_algorithm (not the key's, not known), token_key (no such key, or not for this), token_signature.
//
// Thread safety: pure functions.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/error.hpp"
#include "coatcheck/jose/key.hpp"

namespace coatcheck::jose {

inline constexpr std::size_t default_max_token = 8 * 1024;  // bytes; RFC 7519 sets none, HTTP servers do
inline constexpr std::size_t max_header_text = 8 * 1024;    // bytes of a header's JSON

struct jws_verify_options {
  std::size_t max_token = default_max_token;
  bool allow_unencoded = false;  // take b64=false (RFC 7797) where `crit` names it
};

struct jws_sign_options {
  // Further members of the protected header, a JSON object as text, e.g. {"typ":"JWT"}. `alg` and `kid` are the
  // key's: `alg` may be repeated if it is the same, `kid` may differ.
  std::string_view header = {};
  bool key_id = true;      // put the key's kid into the header
  bool detached = false;   // leave the payload out (RFC 7515, appendix F)
  bool unencoded = false;  // b64=false (RFC 7797); a payload that is not detached must then be without '.'
};

// What was signed. Comes from a verification alone.
struct verified_payload {
  std::string payload;      // decoded
  std::string header;       // JSON text of the protected header
  std::string unprotected;  // JSON text of the unprotected header; empty: none (JSON serialisations alone)
  key signer;
};

[[nodiscard]] result<std::string> jws_sign(const key& signer, std::string_view payload,
                                           const jws_sign_options& options = {});
[[nodiscard]] result<verified_payload> jws_verify(std::string_view token, const key_set& keys,
                                                  const jws_verify_options& options = {});
[[nodiscard]] result<verified_payload> jws_verify(std::string_view token, const key& verifier,
                                                  const jws_verify_options& options = {});
// A token whose middle part is empty, and the payload from elsewhere (up to 64 MiB).
[[nodiscard]] result<verified_payload> jws_verify_detached(std::string_view token, std::string_view payload,
                                                           const key_set& keys, const jws_verify_options& options = {});

// The JSON serialisations (RFC 7515, 7.2).
struct json_signer {
  key signer;
  std::string_view header;       // further members of the protected header, JSON object text, or empty
  std::string_view unprotected;  // the unprotected header, JSON object text, or empty
};
enum class json_form : std::uint8_t { flattened, general };
// Flattened takes exactly one signer.
[[nodiscard]] result<std::string> jws_sign_json(std::span<const json_signer> signers, std::string_view payload,
                                                json_form form);
enum class signatures_needed : std::uint8_t { all, any };
// One entry per signature that held, in the token's order. `all`: each must hold. `any`: at least one.
// A header member may not be both protected and unprotected; `alg` and `crit` must be protected. Signatures that
// differ in b64 from the first that could be read do not hold (RFC 7797, 3: token_critical).
[[nodiscard]] result<std::vector<verified_payload>> jws_verify_json(std::string_view text, const key_set& keys,
                                                                    signatures_needed needed,
                                                                    const jws_verify_options& options = {});

}  // namespace coatcheck::jose
