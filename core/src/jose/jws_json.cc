// The JSON serialisations of a JWS: general and flattened (RFC 7515, 7.2).
#include <optional>

#include "coatcheck/jose/jws.hpp"

#include "crypto/base64url.hpp"
#include "jose/jws_core.hpp"
#include "jose/signature.hpp"

namespace coatcheck::jose {
namespace {

constexpr std::size_t max_signatures = 16;

result<std::string_view> needed_text(const json::document& object, std::string_view name) {
  const json::document* value = json::member(object, name);
  if (value == nullptr || !value->is_string()) return malformed(std::string(name) + " is missing or not a string");
  return std::string_view(value->get_ref<const std::string&>());
}

// The unprotected header of a signature, checked against the protected one; printed. Empty: none.
result<std::string> unprotected_of(const json::document& entry, const json::document& protected_members) {
  const json::document* header = json::member(entry, "header");
  if (header == nullptr) return std::string();
  if (!header->is_object())
    return coatcheck::error{errc::token_header_invalid, "the unprotected header is not an object"};
  for (const auto& [name, value] : header->items()) {
    if (name == "crit" || name == "b64")
      return coatcheck::error{errc::token_critical, "crit and b64 must be protected"};
    // An alg that nobody signed could be exchanged: it has to be in the protected header.
    if (name == "alg") return coatcheck::error{errc::token_header_invalid, "alg must be protected"};
    if (json::member(protected_members, name) != nullptr) {
      return coatcheck::error{errc::token_header_invalid, "a header parameter is both protected and unprotected"};
    }
  }
  auto text = json::print(*header);
  if (!text) return coatcheck::error{errc::token_header_invalid, "the unprotected header is not UTF-8"};
  return std::move(*text);
}

// `unencoded`: b64 of the signatures before this one, which must all have the same (RFC 7797, 3).
result<verified_payload> verify_one(const json::document& entry, std::string_view payload, const key_set& keys,
                                    const jws_verify_options& options, std::optional<bool>& unencoded) {
  if (!entry.is_object()) return malformed("a signature is not an object");
  const auto encoded_header = needed_text(entry, "protected"), signature = needed_text(entry, "signature");
  if (!encoded_header) return encoded_header.error();
  if (!signature) return signature.error();
  auto header = decode_header(*encoded_header, {.encrypted = false, .allow_unencoded = options.allow_unencoded});
  if (!header) return header.error();
  if (unencoded.value_or(header->unencoded) != header->unencoded) {
    return coatcheck::error{errc::token_critical, "b64 differs between the signatures"};
  }
  unencoded = header->unencoded;
  auto unprotected = unprotected_of(entry, header->members);
  if (!unprotected) return unprotected.error();
  std::string kid = header->kid;
  if (const json::document* outside = json::member(entry, "header")) {
    if (const json::document* value = json::member(*outside, "kid")) {
      if (!value->is_string() || !check_kid(value->get_ref<const std::string&>())) {
        return coatcheck::error{errc::token_header_invalid,
                                "kid is not a string, too long, or holds a control character"};
      }
      kid = value->get_ref<const std::string&>();
    }
  }
  const std::string_view pieces[] = {*encoded_header, ".", payload};
  const auto signer = verify_with(keys.keys(), true, header->alg, kid, pieces, *signature);
  if (!signer) return signer.error();
  verified_payload out{{}, std::move(header->text), std::move(*unprotected), **signer};
  if (header->unencoded) {
    out.payload.assign(payload);
  } else {
    auto decoded = crypto::base64url_decode(payload);
    if (!decoded) return malformed("the payload is not base64url");
    out.payload = std::move(*decoded);
  }
  return out;
}

}  // namespace

result<std::string> jws_sign_json(std::span<const json_signer> signers, std::string_view payload, json_form form) {
  if (signers.empty() || signers.size() > max_signatures || (form == json_form::flattened && signers.size() != 1)) {
    return coatcheck::error{errc::invalid_option, "the flattened form has one signature, the general form 1 to 16"};
  }
  const std::string encoded = crypto::base64url_encode(payload);
  json::document list = json::document::array();
  for (const json_signer& one : signers) {
    if (!one.signer.can_sign()) return coatcheck::error{errc::key_unsuitable, "a key cannot sign"};
    const auto header = make_header(one.signer, one.header, true, false);
    if (!header) return header.error();
    const std::string encoded_header = crypto::base64url_encode(*header);
    const std::string_view pieces[] = {encoded_header, ".", encoded};
    signature_bytes signature;
    if (!make_signature(one.signer.impl(), pieces, signature))
      return coatcheck::error{errc::crypto_failed, "signing failed"};
    json::document entry = {{"protected", encoded_header}};
    if (!one.unprotected.empty()) {
      json::parsed outside = json::parse(one.unprotected);
      if (outside.what != json::verdict::ok)
        return coatcheck::error{errc::invalid_option, "the unprotected header is not JSON"};
      entry["header"] = std::move(outside.value);
      const auto inside = json::parse(*header);
      if (auto ok = unprotected_of(entry, inside.value); !ok)
        return coatcheck::error{errc::invalid_option, ok.error().message};
    }
    entry["signature"] =
        crypto::base64url_encode({reinterpret_cast<const char*>(signature.data.data()), signature.size});
    list.push_back(std::move(entry));
  }
  json::document out = {{"payload", encoded}};
  if (form == json_form::flattened) {
    for (auto& [name, value] : list[0].items()) out[name] = std::move(value);
  } else {
    out["signatures"] = std::move(list);
  }
  auto text = json::print(out);
  if (!text) return coatcheck::error{errc::invalid_option, "a header is not UTF-8"};
  return std::move(*text);
}

result<std::vector<verified_payload>> jws_verify_json(std::string_view text, const key_set& keys,
                                                      signatures_needed needed, const jws_verify_options& options) {
  if (text.size() > options.max_token) return too_large(options.max_token);
  const json::parsed read = json::parse(text);
  if (read.what != json::verdict::ok) return malformed(json::describe(read.what));
  if (!read.value.is_object()) return malformed("not a JSON object");
  const auto payload = needed_text(read.value, "payload");
  if (!payload) return payload.error();
  const json::document* list = json::member(read.value, "signatures");
  const bool flattened = json::member(read.value, "signature") != nullptr;
  // A text of both forms at once means different things to different readers.
  if (flattened == (list != nullptr)) return malformed("neither flattened nor general");
  if (list != nullptr &&
      (!list->is_array() || list->empty() || list->size() > max_signatures ||
       json::member(read.value, "protected") != nullptr || json::member(read.value, "header") != nullptr)) {
    return malformed("signatures is not a list of 1 to 16");
  }
  std::vector<verified_payload> out;
  coatcheck::error why = malformed("no signature");
  std::optional<bool> unencoded;
  const auto take = [&](const json::document& entry) {
    auto one = verify_one(entry, *payload, keys, options, unencoded);
    if (one) {
      out.push_back(std::move(*one));
    } else {
      why = one.error();
    }
    return static_cast<bool>(one);
  };
  if (flattened) {
    if (!take(read.value)) return why;
    return out;
  }
  for (const json::document& entry : *list) {
    if (!take(entry) && needed == signatures_needed::all) return why;
  }
  if (out.empty()) return why;
  return out;
}

}  // namespace coatcheck::jose
