// Reading headers, and the rules for `crit`.
#include "jose/header.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "coatcheck/jose/jws.hpp"

#include "crypto/base64url.hpp"
#include "jose/key_impl.hpp"

namespace coatcheck::jose {
namespace {

coatcheck::error critical(std::string what) { return {errc::token_critical, "header: crit " + std::move(what)}; }

// Names that a specification already gives a meaning: crit must not repeat them (RFC 7515, 4.1.11).
bool registered(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 19> names = {"alg",      "jku", "jwk", "kid",  "x5u", "x5c", "x5t",
                                                      "x5t#S256", "typ", "cty", "crit", "enc", "zip", "epk",
                                                      "apu",      "apv", "iv",  "tag",  "p2s"};
  return name == "p2c" || std::find(names.begin(), names.end(), name) != names.end();
}

result<void> read_critical(const json::document& members, const header_rules& rules, bool& unencoded) {
  const json::document* crit = json::member(members, "crit");
  const json::document* b64 = json::member(members, "b64");
  bool b64_critical = false;
  if (crit != nullptr) {
    if (!crit->is_array() || crit->empty()) return critical("is not a list, or empty");
    for (const json::document& entry : *crit) {
      if (!entry.is_string()) return critical("holds something that is not a string");
      const auto& name = entry.get_ref<const std::string&>();
      if (registered(name)) return critical("names a registered parameter");
      if (json::member(members, name) == nullptr) return critical("names a parameter that is not there");
      if (name != "b64" || rules.encrypted || !rules.allow_unencoded)
        return critical("names an extension that is not understood");
      if (b64_critical) return critical("names a parameter twice");
      b64_critical = true;
    }
  }
  if (b64 == nullptr) return {};
  if (!b64->is_boolean()) return invalid_header("b64 is not a boolean");
  if (!b64_critical) return critical("must name b64 where it is used (RFC 7797, 6)");
  unencoded = !b64->get<bool>();
  return {};
}

result<void> read_string(const json::document& members, std::string_view name, std::optional<std::string>& out) {
  if (const json::document* value = json::member(members, name)) {
    if (!value->is_string()) return invalid_header(std::string(name) + " is not a string");
    out = value->get_ref<const std::string&>();
  }
  return {};
}

}  // namespace

coatcheck::error invalid_header(std::string what) { return {errc::token_header_invalid, "header: " + std::move(what)}; }

result<token_header> read_header(std::string_view text, const header_rules& rules) {
  if (text.size() > max_header_text) return coatcheck::error{errc::token_too_large, "the header has more than 8 KiB"};
  json::parsed read = json::parse(text);
  if (read.what != json::verdict::ok) return invalid_header(std::string(json::describe(read.what)));
  if (!read.value.is_object()) return invalid_header("not a JSON object");
  token_header out;
  const json::document* alg = json::member(read.value, "alg");
  if (alg == nullptr || !alg->is_string()) return invalid_header("alg is missing or not a string");
  if (auto ok = read_critical(read.value, rules, out.unencoded); !ok) return ok.error();
  std::optional<std::string> kid;
  if (auto ok = read_string(read.value, "kid", kid); !ok) return ok.error();
  if (kid) {
    if (!check_kid(*kid)) return invalid_header("kid is too long, or holds a control character");
    out.kid = std::move(*kid);
  }
  if (auto ok = read_string(read.value, "typ", out.typ); !ok) return ok.error();
  if (auto ok = read_string(read.value, "cty", out.cty); !ok) return ok.error();
  const auto known = algorithm_from(alg->get_ref<const std::string&>());
  if (!known || is_signature(*known) == rules.encrypted) {
    return coatcheck::error{errc::token_algorithm, rules.encrypted
                                                       ? "alg is not a key management algorithm that is known"
                                                       : "alg is not a signature algorithm that is known"};
  }
  out.alg = *known;
  out.text.assign(text);
  out.members = std::move(read.value);
  return out;
}

result<token_header> decode_header(std::string_view encoded, const header_rules& rules) {
  if (encoded.size() > crypto::base64_encoded_size(max_header_text)) {
    return coatcheck::error{errc::token_too_large, "the header has more than 8 KiB"};
  }
  const auto text = crypto::base64url_decode(encoded);
  if (!text) return malformed("the header is not base64url");
  return read_header(*text, rules);
}

bool split_compact(std::string_view token, std::size_t count, compact_parts& out) noexcept {
  for (std::size_t i = 0; i + 1 < count; ++i) {
    const auto* dot = static_cast<const char*>(std::memchr(token.data(), '.', token.size()));
    if (dot == nullptr) return false;
    const auto size = static_cast<std::size_t>(dot - token.data());
    out.part[i] = token.substr(0, size);
    token.remove_prefix(size + 1);
  }
  out.part[count - 1] = token;
  return std::memchr(token.data(), '.', token.size()) == nullptr;
}

coatcheck::error too_large(std::size_t limit) {
  return {errc::token_too_large, "the token has more than " + std::to_string(limit) + " bytes"};
}
coatcheck::error malformed(std::string_view what) {
  return {errc::token_malformed, "malformed token: " + std::string(what)};
}

}  // namespace coatcheck::jose
