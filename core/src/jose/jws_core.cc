// Choosing a key, verifying, and making headers.
#include "jose/jws_core.hpp"

#include "crypto/base64url.hpp"
#include "jose/signature.hpp"

namespace coatcheck::jose {

result<const key*> verify_with(std::span<const key> keys, bool by_kid, algorithm alg, std::string_view kid,
                               std::span<const std::string_view> signing_input, std::string_view encoded) {
  const key* tried[max_candidates] = {};
  const std::size_t count = candidates(keys, by_kid ? kid : std::string_view(), alg, tried, max_candidates);
  if (count == 0) {
    for (const key& one : keys) {
      if (accepts_algorithm(one.impl(), alg)) return coatcheck::error{errc::token_key, "no key with the token's kid"};
    }
    if (keys.empty()) return coatcheck::error{errc::token_key, "there are no keys to verify with"};
    return coatcheck::error{errc::token_algorithm, "no key is for the token's alg"};
  }
  unsigned char signature[max_signature_bytes];
  const std::size_t size = crypto::base64url_decoded_size(encoded.size());
  if (size > sizeof signature) return coatcheck::error{errc::token_signature, "the signature has the wrong length"};
  if (!crypto::base64url_decode_to(encoded, signature)) return malformed("the signature is not base64url");
  coatcheck::error why{errc::token_signature, "the signature does not verify"};
  for (std::size_t i = 0; i < count; ++i) {
    const key& with = *tried[i];
    if (!accepts_algorithm(with.impl(), alg)) {
      why = {errc::token_algorithm, "the key is for another alg than the token's"};
    } else if (!with.can_verify()) {
      why = {errc::token_key, "the key's use or key_ops does not allow verifying"};
    } else if (verify_signature(with.impl(), signing_input, {reinterpret_cast<const char*>(signature), size})) {
      return &with;
    } else {
      why = {errc::token_signature, "the signature does not verify"};
    }
  }
  return why;
}

result<std::string> make_header(const key& signer, std::string_view members, bool key_id, bool unencoded) {
  const auto wrong = [](std::string what) {
    return coatcheck::error{errc::invalid_option, "header: " + std::move(what)};
  };
  json::document out = {{"alg", name_of(signer.alg())}};
  if (!members.empty()) {
    json::parsed read = json::parse(members);
    if (read.what != json::verdict::ok) return wrong(std::string(json::describe(read.what)));
    if (!read.value.is_object()) return wrong("not a JSON object");
    for (auto& [name, value] : read.value.items()) {
      if (name == "alg") {
        const auto named = value.is_string() ? algorithm_from(value.get_ref<const std::string&>()) : std::nullopt;
        if (!named || !accepts_algorithm(signer.impl(), *named)) return wrong("alg is not the key's");
      } else if (name == "crit" || name == "b64") {
        return wrong(name + " is set by the library alone");
      }
      out[name] = std::move(value);
    }
  }
  if (key_id && !signer.kid().empty() && !out.contains("kid")) out["kid"] = signer.kid();
  if (unencoded) {
    out["b64"] = false;
    out["crit"] = json::document::array({"b64"});
  }
  auto text = json::print(out);
  if (!text) return wrong("a string is not UTF-8");
  if (text->size() > max_header_text) return wrong("more than 8 KiB");
  // What we write must be readable by ourselves: kid, typ and cty are strings.
  if (auto read = read_header(*text, {.encrypted = false, .allow_unencoded = true}); !read)
    return wrong(read.error().message);
  return std::move(*text);
}

}  // namespace coatcheck::jose
