// JWE compact serialisation, and JWTs that are signed and then encrypted.
#include "coatcheck/jose/jwe.hpp"

#include <algorithm>

#include "crypto/base64url.hpp"
#include "crypto/random.hpp"
#include "jose/content_encryption.hpp"
#include "jose/header.hpp"
#include "jose/key_management.hpp"

namespace coatcheck::jose {
namespace {

coatcheck::error undecryptable() { return {errc::token_decryption, "the token cannot be decrypted"}; }

result<encryption> enc_of(const token_header& header, const jwe_decrypt_options& options) {
  const json::document* name = json::member(header.members, "enc");
  if (name == nullptr || !name->is_string())
    return coatcheck::error{errc::token_header_invalid, "header: enc is missing or not a string"};
  const auto enc = encryption_from(name->get_ref<const std::string&>());
  if (!enc ||
      (!options.encs.empty() && std::find(options.encs.begin(), options.encs.end(), *enc) == options.encs.end())) {
    return coatcheck::error{errc::token_algorithm, "enc is not a content encryption that is allowed here"};
  }
  if (json::member(header.members, "zip") != nullptr) {
    return coatcheck::error{errc::token_algorithm, "compressed tokens (zip) are not taken"};
  }
  return *enc;
}

// The header of a token, remembered per thread: issuers repeat theirs byte for byte. What is read depends on the
// text alone, so nothing that an attacker sends can change what another token means.
result<std::shared_ptr<const token_header>> remembered_header(std::string_view encoded) {
  struct slot {
    std::string encoded;
    std::shared_ptr<const token_header> header;
  };
  constexpr std::size_t slots = 8;
  thread_local slot memory[slots];
  thread_local std::size_t next = 0;
  for (const slot& one : memory) {
    if (one.header && one.encoded == encoded) return one.header;
  }
  auto read = decode_header(encoded, {.encrypted = true, .allow_unencoded = false});
  if (!read) return read.error();
  auto made = std::make_shared<const token_header>(std::move(*read));
  if (encoded.size() <= 256) memory[next++ % slots] = {std::string(encoded), made};
  return made;
}

struct encrypted_parts {
  std::string key, iv, ciphertext, tag;
};
result<encrypted_parts> decode_parts(const compact_parts& parts) {
  encrypted_parts out;
  std::string* const to[] = {&out.key, &out.iv, &out.ciphertext, &out.tag};
  for (std::size_t i = 0; i < 4; ++i) {
    const std::string_view text = parts.part[i + 1];
    to[i]->resize(crypto::base64url_decoded_size(text.size()));
    if (!crypto::base64url_decode_to(text, reinterpret_cast<unsigned char*>(to[i]->data()))) {
      return malformed("a part is not base64url");
    }
  }
  return out;
}

result<decrypted_payload> decrypt(std::string_view token, std::span<const key> keys, bool by_kid,
                                  const jwe_decrypt_options& options) {
  if (token.size() > options.max_token) return too_large(options.max_token);
  compact_parts parts;
  if (!split_compact(token, 5, parts)) return malformed("not five parts");
  const auto remembered = remembered_header(parts.part[0]);
  if (!remembered) return remembered.error();
  const token_header& header = **remembered;
  const auto enc = enc_of(header, options);
  if (!enc) return enc.error();
  const key* tried[max_candidates] = {};
  const std::size_t count =
      candidates(keys, by_kid ? std::string_view(header.kid) : std::string_view(), header.alg, tried, max_candidates);
  if (count == 0) {
    const bool fits = std::any_of(keys.begin(), keys.end(), [&](const key& k) { return k.alg() == header.alg; });
    return coatcheck::error{fits || keys.empty() ? errc::token_key : errc::token_algorithm,
                            fits || keys.empty() ? "no key with the token's kid" : "no key is for the token's alg"};
  }
  const auto decoded = decode_parts(parts);
  if (!decoded) return decoded.error();
  for (std::size_t i = 0; i < count; ++i) {
    const key& with = *tried[i];
    if (with.alg() != header.alg)
      return coatcheck::error{errc::token_algorithm, "the key is for another alg than the token's"};
    if (!with.can_decrypt())
      return coatcheck::error{errc::token_key,
                              "the key cannot decrypt: no private part, or its use or key_ops forbids it"};
    if (header.alg == algorithm::dir && (with.enc() ? *with.enc() != *enc : with.bits() / 8 != key_bytes(*enc))) {
      return coatcheck::error{errc::token_algorithm, "the key is for another content encryption than the token's"};
    }
    const auto parameters = read_parameters(header, with, options);
    if (!parameters) return parameters.error();
    secret_bytes cek;
    const bool unwrapped = unwrap_key(with, *enc, *parameters, decoded->key, cek);
    decrypted_payload out;
    // Decrypted in any case: a key that could not be unwrapped must not be told from a tag that does not fit.
    const bool opened =
        cek.size() == key_bytes(*enc) &&
        decrypt_content(*enc, cek.view(), decoded->iv, parts.part[0], decoded->ciphertext, decoded->tag, out.plaintext);
    if (unwrapped && opened) {
      out.header = header.text;
      out.key_id = with.kid();
      return out;
    }
  }
  return undecryptable();
}

}  // namespace

result<std::string> jwe_encrypt(const key& to, std::string_view plaintext, const jwe_encrypt_options& options) {
  const auto wrong = [](std::string what) { return coatcheck::error{errc::invalid_option, std::move(what)}; };
  if (!to.can_encrypt())
    return coatcheck::error{errc::key_unsuitable, "the key cannot encrypt: it signs, or its use or key_ops forbids it"};
  if (options.apu.size() > 512 || options.apv.size() > 512) return wrong("apu and apv have at most 512 bytes");
  if (options.password_count < min_password_count || options.password_count > max_password_count) {
    return wrong("password_count must be from 1,000 to 1,200,000");
  }
  const encryption enc = to.enc().value_or(options.enc);
  if (to.alg() == algorithm::dir && to.bits() / 8 != key_bytes(enc)) {
    return coatcheck::error{errc::key_unsuitable, "the key does not have the size of the content encryption"};
  }
  json::document header = {{"alg", name_of(to.alg())}, {"enc", name_of(enc)}};
  if (!options.header.empty()) {
    json::parsed extra = json::parse(options.header);
    if (extra.what != json::verdict::ok || !extra.value.is_object())
      return wrong("header: not a JSON object, or a member appears twice");
    for (auto& [name, value] : extra.value.items()) {
      if (header.contains(name) && header[name] != value)
        return wrong("header: alg and enc are the key's and the option's");
      for (const std::string_view own : {"crit", "zip", "epk", "apu", "apv", "iv", "tag", "p2s", "p2c"}) {
        if (name == own) return wrong("header: " + name + " is set by the library alone");
      }
      header[name] = std::move(value);
    }
  }
  if (options.key_id && !to.kid().empty() && !header.contains("kid")) header["kid"] = to.kid();
  auto managed = wrap_key(to, enc, options, header);
  if (!managed) return managed.error();
  const auto text = json::print(header);
  if (!text) return wrong("header: a string is not UTF-8");
  if (auto read = read_header(*text, {.encrypted = true, .allow_unencoded = false}); !read)
    return wrong(read.error().message);
  std::string token = crypto::base64url_encode(*text);
  unsigned char iv[16];
  const std::string_view iv_view(reinterpret_cast<const char*>(iv), iv_bytes(enc));
  if (!crypto::random_bytes(iv, iv_view.size())) return coatcheck::error{errc::random_failed, "no randomness"};
  std::string ciphertext;
  content_tag tag;
  if (!encrypt_content(enc, managed->cek.view(), iv_view, token, plaintext, ciphertext, tag)) {
    return coatcheck::error{errc::crypto_failed, "encryption failed"};
  }
  token.reserve(token.size() + crypto::base64_encoded_size(ciphertext.size()) +
                crypto::base64_encoded_size(managed->encrypted.size()) + 80);
  for (const std::string_view part :
       {std::string_view(managed->encrypted), iv_view, std::string_view(ciphertext),
        std::string_view(reinterpret_cast<const char*>(tag.data.data()), tag_bytes(enc))}) {
    token.push_back('.');
    const std::size_t at = token.size();
    token.resize(at + crypto::base64_encoded_size(part.size()));
    crypto::base64url_encode_to({reinterpret_cast<const unsigned char*>(part.data()), part.size()}, token.data() + at);
  }
  return token;
}

result<decrypted_payload> jwe_decrypt(std::string_view token, const key_set& keys, const jwe_decrypt_options& options) {
  return decrypt(token, keys.keys(), true, options);
}

result<decrypted_payload> jwe_decrypt(std::string_view token, const key& with, const jwe_decrypt_options& options) {
  return decrypt(token, std::span(&with, 1), false, options);
}

result<std::string> nested_sign_encrypt(std::string_view claims, const signer& with, const key& to,
                                        const jwe_encrypt_options& options) {
  const auto inner = with.sign(claims);
  if (!inner) return inner.error();
  json::document header = json::document::object();
  if (!options.header.empty()) {
    json::parsed extra = json::parse(options.header);
    if (extra.what != json::verdict::ok || !extra.value.is_object()) {
      return coatcheck::error{errc::invalid_option, "header: not a JSON object, or a member appears twice"};
    }
    header = std::move(extra.value);
  }
  header["cty"] = "JWT";
  const auto text = json::print(header);
  if (!text) return coatcheck::error{errc::invalid_option, "header: a string is not UTF-8"};
  jwe_encrypt_options outer = options;
  outer.header = *text;
  return jwe_encrypt(to, *inner, outer);
}

result<verified_token> nested_decrypt_verify(std::string_view token, const key_set& keys, const verifier& inner,
                                             epoch_ms now, const jwe_decrypt_options& options, claim_failure* failure) {
  const auto opened = jwe_decrypt(token, keys, options);
  if (!opened) return opened.error();
  const json::parsed header = json::parse(opened->header);
  const json::document* cty = json::member(header.value, "cty");
  const bool jwt = cty != nullptr && cty->is_string() &&
                   (*cty == "JWT" || *cty == "jwt" || *cty == "application/jwt" || *cty == "application/JWT");
  if (!jwt)
    return coatcheck::error{errc::token_type, "the encrypted token does not hold a signed one (cty is not JWT)"};
  return inner.verify(opened->plaintext, now, failure);
}

}  // namespace coatcheck::jose
