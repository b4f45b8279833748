// itsdangerous 2.2.0, signer.py: Signer, and what Django's signing has of it.
#include <algorithm>
#include <array>
#include <utility>

#include "coatcheck/peers.hpp"

#include "crypto/base64url.hpp"
#include "crypto/hmac.hpp"
#include "crypto/peer_crypto.hpp"

namespace coatcheck {
namespace {

const char* openssl_name(peer_digest digest) noexcept {
  constexpr std::array names{"SHA1", "SHA224", "SHA256", "SHA384", "SHA512"};
  return names[static_cast<std::size_t>(digest)];
}

std::string derive(std::string_view key, const itsdangerous_options& options) {
  const char* const digest = openssl_name(options.digest);
  const std::string_view salt = options.salt;
  switch (options.derivation) {
    case key_derivation::concat:
      return crypto::digest_of(digest, std::array{salt, key});
    case key_derivation::django_concat:
      return crypto::digest_of(digest, std::array{salt, std::string_view("signer"), key});
    case key_derivation::hmac:
      return crypto::hmac_of(digest, key, std::array{salt});
    case key_derivation::none:
      break;
  }
  return std::string(key);
}

bool is_base64url(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '=';
}

}  // namespace

result<itsdangerous_signer> itsdangerous_signer::create(std::span<const std::string> keys,
                                                        itsdangerous_options options) {
  if (keys.empty()) return error{errc::invalid_option, "a signer needs a key"};
  if (options.separator.empty() || std::any_of(options.separator.begin(), options.separator.end(), is_base64url)) {
    return error{errc::invalid_option,
                 "The given separator cannot be used because it may be contained in the signature itself. ASCII "
                 "letters, digits, and '-_=' must not be used."};
  }
  std::vector<std::string> derived;
  derived.reserve(keys.size());
  for (const auto& key : keys) derived.push_back(derive(key, options));
  return itsdangerous_signer(std::move(options), std::move(derived));
}

itsdangerous_signer::itsdangerous_signer(itsdangerous_options options, std::vector<std::string> derived)
    : options_(std::move(options)), derived_(std::move(derived)) {}

itsdangerous_signer::~itsdangerous_signer() {
  for (auto& key : derived_) crypto::wipe(key.data(), key.size());
}

std::string itsdangerous_signer::signature(std::string_view value) const {
  return crypto::base64url_encode(crypto::hmac_of(openssl_name(options_.digest), derived_.front(), std::array{value}));
}

std::string itsdangerous_signer::sign(std::string_view value) const {
  std::string out;
  const std::string made = signature(value);
  out.reserve(value.size() + options_.separator.size() + made.size());
  return out.append(value).append(options_.separator).append(made);
}

bool itsdangerous_signer::verifies(std::string_view value, std::string_view signature) const {
  const auto given = crypto::base64url_decode(signature);
  if (!given) return false;
  return std::any_of(derived_.begin(), derived_.end(), [&](const std::string& key) {
    return crypto::equal_constant_time(crypto::hmac_of(openssl_name(options_.digest), key, std::array{value}), *given);
  });
}

std::optional<std::string_view> itsdangerous_signer::unsign(std::string_view signed_value) const {
  const auto at = signed_value.rfind(options_.separator);
  if (at == std::string_view::npos) return std::nullopt;
  const auto value = signed_value.substr(0, at);
  if (!verifies(value, signed_value.substr(at + options_.separator.size()))) return std::nullopt;
  return value;
}

}  // namespace coatcheck
