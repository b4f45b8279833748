// JWS compact serialisation, with and without the payload inside.
#include "coatcheck/jose/jws.hpp"

#include <cstring>

#include "crypto/base64url.hpp"
#include "jose/jws_core.hpp"
#include "jose/signature.hpp"

namespace coatcheck::jose {
namespace {

constexpr std::size_t max_detached = 64 * 1024 * 1024;

result<verified_payload> verify(std::string_view token, const std::string_view* detached, std::span<const key> keys,
                                bool by_kid, const jws_verify_options& options) {
  if (token.size() > options.max_token) return too_large(options.max_token);
  compact_parts parts;
  if (!split_compact(token, 3, parts)) return malformed("not three parts");
  auto header = decode_header(parts.part[0], {.encrypted = false, .allow_unencoded = options.allow_unencoded});
  if (!header) return header.error();
  if (detached != nullptr) {
    if (!parts.part[1].empty()) return malformed("a payload inside, where it was expected outside");
    if (detached->size() > max_detached) return too_large(max_detached);
  }
  std::string payload;
  result<const key*> signer = malformed("");
  if (detached != nullptr) {
    const std::string encoded = header->unencoded ? std::string() : crypto::base64url_encode(*detached);
    const std::string_view pieces[] = {parts.part[0], ".", header->unencoded ? *detached : std::string_view(encoded)};
    signer = verify_with(keys, by_kid, header->alg, header->kid, pieces, parts.part[2]);
    if (signer) payload.assign(*detached);
  } else {
    const std::string_view pieces[] = {token.substr(0, parts.part[0].size() + 1 + parts.part[1].size())};
    signer = verify_with(keys, by_kid, header->alg, header->kid, pieces, parts.part[2]);
    if (signer && header->unencoded) {
      payload.assign(parts.part[1]);
    } else if (signer) {
      auto decoded = crypto::base64url_decode(parts.part[1]);
      if (!decoded) return malformed("the payload is not base64url");
      payload = std::move(*decoded);
    }
  }
  if (!signer) return signer.error();
  return verified_payload{std::move(payload), std::move(header->text), {}, **signer};
}

}  // namespace

result<std::string> jws_sign(const key& signer, std::string_view payload, const jws_sign_options& options) {
  if (!signer.can_sign())
    return coatcheck::error{errc::key_unsuitable,
                            "the key cannot sign: no private part, or its use or key_ops forbids it"};
  if (options.unencoded && !options.detached && payload.find('.') != std::string_view::npos) {
    return coatcheck::error{errc::invalid_option, "an unencoded payload with a '.' must be detached (RFC 7797, 5.2)"};
  }
  const auto header = make_header(signer, options.header, options.key_id, options.unencoded);
  if (!header) return header.error();
  std::string token = crypto::base64url_encode(*header);
  token.push_back('.');
  const std::size_t head = token.size();
  options.unencoded ? token.append(payload) : token.append(crypto::base64url_encode(payload));
  const std::string_view pieces[] = {token};
  signature_bytes signature;
  if (!make_signature(signer.impl(), pieces, signature)) return coatcheck::error{errc::crypto_failed, "signing failed"};
  if (options.detached) token.resize(head);
  token.push_back('.');
  const std::size_t at = token.size();
  token.resize(at + crypto::base64_encoded_size(signature.size));
  crypto::base64url_encode_to({signature.data.data(), signature.size}, token.data() + at);
  return token;
}

result<verified_payload> jws_verify(std::string_view token, const key_set& keys, const jws_verify_options& options) {
  return verify(token, nullptr, keys.keys(), true, options);
}

result<verified_payload> jws_verify(std::string_view token, const key& verifier, const jws_verify_options& options) {
  // The caller chose the key: a kid in the token has nothing left to choose.
  return verify(token, nullptr, std::span(&verifier, 1), false, options);
}

result<verified_payload> jws_verify_detached(std::string_view token, std::string_view payload, const key_set& keys,
                                             const jws_verify_options& options) {
  return verify(token, &payload, keys.keys(), true, options);
}

}  // namespace coatcheck::jose
