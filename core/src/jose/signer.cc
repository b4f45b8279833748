// Signing JWTs, and putting claims together.
#include <cmath>

#include "coatcheck/jose/jwt.hpp"

#include "crypto/base64url.hpp"
#include "jose/claims.hpp"
#include "jose/jws_core.hpp"
#include "jose/signature.hpp"
#include "text/surrogates.hpp"

namespace coatcheck::jose {

struct signer::impl {
  key with;
  std::string head;  // encoded header and its dot
  claims_policy form;
};

result<signer> signer::create(key signing_key, const signer_options& options) {
  if (!signing_key.can_sign()) {
    return coatcheck::error{errc::key_unsuitable,
                            "the key cannot sign: no private part, or its use or key_ops forbids it"};
  }
  json::document members = json::document::object();
  if (!options.type.empty()) members["typ"] = options.type;
  if (!options.header.empty()) {
    json::parsed extra = json::parse(options.header);
    if (extra.what != json::verdict::ok || !extra.value.is_object()) {
      return coatcheck::error{errc::invalid_option, "header: not a JSON object, or a member appears twice"};
    }
    for (auto& [name, value] : extra.value.items()) members[name] = std::move(value);
  }
  const auto text = json::print(members);
  if (!text) return coatcheck::error{errc::invalid_option, "header: a string is not UTF-8"};
  const auto header = make_header(signing_key, *text, options.key_id, false);
  if (!header) return header.error();
  claims_policy form;  // what every JWT must be; nothing that depends on time or on who verifies
  form.any_type = true;
  form.audience = audience_rule::any;
  form.loose_types = options.loose_types;
  form.ignore_expiration = form.ignore_not_before = form.ignore_issued_at = true;
  return signer(std::make_shared<const impl>(
      impl{std::move(signing_key), crypto::base64url_encode(*header) + '.', std::move(form)}));
}

result<std::string> signer::sign(std::string_view claims) const {
  // A half of a surrogate pair, which no verifier of ours takes, becomes U+FFFD.
  if (text::find_lone_surrogate(claims) != std::string_view::npos) {
    std::string whole(claims);
    (void)text::replace_lone_surrogates(whole);
    return sign(whole);
  }
  if (auto ok = read_claims(claims, impl_->form, 0, nullptr); !ok) return ok.error();
  const std::size_t middle = crypto::base64_encoded_size(claims.size());
  std::string token;
  token.reserve(impl_->head.size() + middle + 1 + crypto::base64_encoded_size(impl_->with.impl().signature_bytes));
  token = impl_->head;
  token.resize(impl_->head.size() + middle);
  crypto::base64url_encode_to({reinterpret_cast<const unsigned char*>(claims.data()), claims.size()},
                              token.data() + impl_->head.size());
  const std::string_view input[] = {token};
  signature_bytes signature;
  if (!make_signature(impl_->with.impl(), input, signature))
    return coatcheck::error{errc::crypto_failed, "signing failed"};
  token.push_back('.');
  const std::size_t at = token.size();
  token.resize(at + crypto::base64_encoded_size(signature.size));
  crypto::base64url_encode_to({signature.data.data(), signature.size}, token.data() + at);
  return token;
}

struct claims::data {
  json::document members = json::document::object();
  bool broken = false;  // set_json was given something else
};

namespace {
std::int64_t seconds(epoch_ms at) noexcept { return at >= 0 ? at / 1000 : -((-at + 999) / 1000); }
}  // namespace

claims::claims() : data_(std::make_unique<data>()) {}
claims::~claims() = default;
claims::claims(claims&&) noexcept = default;
claims& claims::operator=(claims&&) noexcept = default;

claims& claims::issuer(std::string_view value) { return set("iss", value); }
claims& claims::subject(std::string_view value) { return set("sub", value); }
claims& claims::id(std::string_view value) { return set("jti", value); }
claims& claims::issued_at(epoch_ms at) { return set("iat", seconds(at)); }
claims& claims::not_before(epoch_ms at) { return set("nbf", seconds(at)); }
claims& claims::expires_at(epoch_ms at) { return set("exp", seconds(at)); }

claims& claims::audience(std::string_view value) {
  json::document& members = data_->members;
  if (!members.contains("aud")) return set("aud", value);
  json::document& aud = members["aud"];
  if (!aud.is_array()) aud = json::document::array({aud});
  aud.push_back(std::string(value));
  return *this;
}
claims& claims::set(std::string_view name, std::string_view value) {
  data_->members[std::string(name)] = std::string(value);
  return *this;
}
claims& claims::set(std::string_view name, double value) {
  data_->broken = data_->broken || !std::isfinite(value);
  data_->members[std::string(name)] = value;
  return *this;
}
claims& claims::set(std::string_view name, std::int64_t value) {
  data_->members[std::string(name)] = value;
  return *this;
}
claims& claims::set(std::string_view name, bool value) {
  data_->members[std::string(name)] = value;
  return *this;
}
claims& claims::set_json(std::string_view name, std::string_view text) {
  json::parsed read = json::parse(text);
  data_->broken = data_->broken || read.what != json::verdict::ok;
  data_->members[std::string(name)] = std::move(read.value);
  return *this;
}
result<std::string> claims::json() const {
  auto text = data_->broken ? std::nullopt : json::print(data_->members);
  if (!text) return coatcheck::error{errc::not_serialisable, "a claim is not JSON, not finite, or not UTF-8"};
  return std::move(*text);
}

}  // namespace coatcheck::jose
