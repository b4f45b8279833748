// The JOSE header of a token, strictly read (RFC 7515, 4; RFC 7516, 4).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "coatcheck/jose/key.hpp"

#include "jose/json.hpp"

namespace coatcheck::jose {

struct token_header {
  std::string text;  // the JSON, decoded
  algorithm alg = algorithm::HS256;
  std::string kid;  // empty: none
  std::optional<std::string> typ;
  std::optional<std::string> cty;
  bool unencoded = false;  // b64=false, named in crit
  json::document members;
};

struct header_rules {
  bool encrypted = false;        // a JWE's: `enc` must be there and alg must manage keys; otherwise alg must sign
  bool allow_unencoded = false;  // b64=false
};

// `text`: the decoded JSON. A header that came unprotected is checked by read_unprotected instead.
// Codes: token_header_invalid, token_critical, token_algorithm.
[[nodiscard]] result<token_header> read_header(std::string_view text, const header_rules& rules);
// Decodes base64url first (token_malformed).
[[nodiscard]] result<token_header> decode_header(std::string_view encoded, const header_rules& rules);

// Where the parts of a compact token begin. Every byte is [A-Za-z0-9_.-] (token_malformed).
struct compact_parts {
  std::string_view part[5];
};
// `count` is 3 (JWS) or 5 (JWE). Looks at no more than `count` dots whatever the size.
[[nodiscard]] bool split_compact(std::string_view token, std::size_t count, compact_parts& out) noexcept;

// The error for a size over the limit, a wrong number of parts.
[[nodiscard]] coatcheck::error too_large(std::size_t limit);
[[nodiscard]] coatcheck::error malformed(std::string_view what);
// token_header_invalid.
[[nodiscard]] coatcheck::error invalid_header(std::string what);

}  // namespace coatcheck::jose
