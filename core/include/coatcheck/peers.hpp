// What other packages' cookies are made of, so that an application can move here without logging anybody out. Nothing
// of coatcheck's own stands on these: they are as safe as their authors made them.
//
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "coatcheck/clock.hpp"
#include "coatcheck/error.hpp"

namespace coatcheck {

// keygrip 1.1 (cookie-session, koa): base64url(HMAC-SHA-1(key, data)) without padding.
[[nodiscard]] std::string keygrip_sign(std::string_view key, std::string_view data);
// Which of the keys made the signature; nothing when none did. Constant time in each signature's bytes.
[[nodiscard]] std::optional<std::size_t> keygrip_index(std::span<const std::string> keys, std::string_view data,
                                                       std::string_view signature);

// @hapi/iron 7.0.1 with its defaults (iron-session): AES-256-CBC and HMAC-SHA-256 under keys that PBKDF2 makes of a
// password, `Fe26.2*id*salt*iv*ciphertext*expiry*salt*mac`.
struct iron_password {
  std::string id;      // letters, digits and _, or empty
  std::string secret;  // 32 characters or more
};
inline constexpr std::size_t iron_password_length = 32;
inline constexpr duration_ms iron_clock_skew = 60'000;
// `expires_at`: 0 for never. Errors: invalid_option (the password), crypto_failed.
[[nodiscard]] result<std::string> iron_seal(const iron_password& password, std::string_view plaintext,
                                            epoch_ms expires_at);
// Errors: token_decryption, with iron's messages: `Incorrect number of sealed components`, `Wrong mac prefix`,
// `Invalid expiration`, `Expired seal`, `Cannot find password: ID`, `Bad hmac value`.
[[nodiscard]] result<std::string> iron_unseal(std::span<const iron_password> passwords, std::string_view sealed,
                                              epoch_ms now);

// itsdangerous 2.2, Signer and TimestampSigner: `value SEP [seconds SEP] base64url(HMAC(derived key, all before))`.
// Django's signing is the same with other choices.
enum class key_derivation : std::uint8_t { concat, django_concat, hmac, none };
enum class peer_digest : std::uint8_t { sha1, sha224, sha256, sha384, sha512 };
struct itsdangerous_options {
  std::string salt = "itsdangerous.Signer";
  std::string separator = ".";  // no letter of base64url
  key_derivation derivation = key_derivation::django_concat;
  peer_digest digest = peer_digest::sha1;
};
class itsdangerous_signer {
 public:
  // `keys`: newest first, any bytes; the first signs, each verifies. Errors: invalid_option.
  [[nodiscard]] static result<itsdangerous_signer> create(std::span<const std::string> keys,
                                                          itsdangerous_options options);
  itsdangerous_signer(const itsdangerous_signer&) = default;
  itsdangerous_signer(itsdangerous_signer&&) = default;
  itsdangerous_signer& operator=(const itsdangerous_signer&) = default;
  itsdangerous_signer& operator=(itsdangerous_signer&&) = default;
  ~itsdangerous_signer();

  [[nodiscard]] std::string signature(std::string_view value) const;
  // `value SEP signature`.
  [[nodiscard]] std::string sign(std::string_view value) const;
  // Constant time in each signature's bytes. Base64 is read strictly: what itsdangerous lets pass beside the one form
  // of a signature is refused.
  [[nodiscard]] bool verifies(std::string_view value, std::string_view signature) const;
  // What was signed, or nothing: no separator, or no key made the signature.
  [[nodiscard]] std::optional<std::string_view> unsign(std::string_view signed_value) const;
  [[nodiscard]] const std::string& separator() const noexcept { return options_.separator; }

 private:
  itsdangerous_signer(itsdangerous_options options, std::vector<std::string> derived);

  itsdangerous_options options_;
  std::vector<std::string> derived_;  // the HMAC keys
};

// The cookies that carry a whole session, signed and readable.
enum class peer_cookie_format : std::uint8_t {
  flask,      // SecureCookieSessionInterface of Flask 3.1: URLSafeTimedSerializer, salt cookie-session, HMAC derivation
  starlette,  // SessionMiddleware of Starlette 1.x: TimestampSigner over base64 of JSON
  django,     // django.contrib.sessions.backends.signed_cookies, also django.core.signing.dumps(compress=True)
};
[[nodiscard]] std::string_view name_of(peer_cookie_format format) noexcept;
// How far ahead of ours the clock that signed a cookie may be. The peers allow nothing: there a second logs people out.
inline constexpr duration_ms peer_clock_skew = 60'000;
// Bytes of JSON that a cookie may unpack to, where its reader does not say otherwise.
inline constexpr std::size_t peer_max_payload = 1024 * 1024;
class peer_cookie {
 public:
  // `keys`: newest first. `salt`: empty for the format's own. Errors: invalid_option.
  [[nodiscard]] static result<peer_cookie> create(peer_cookie_format format, std::span<const std::string> keys,
                                                  std::string salt = {});

  struct decoded {
    std::string payload{};  // the JSON text as it was signed
    epoch_ms signed_at = 0;
  };
  // `max_age`: unset for any age; it counts whole seconds, as the peers do. Errors: token_malformed, token_signature,
  // token_expired, token_too_large (over `most` bytes when unpacked).
  [[nodiscard]] result<decoded> decode(std::string_view value, epoch_ms now, std::optional<duration_ms> max_age,
                                       std::size_t most = peer_max_payload) const;
  // The cookie's value for this JSON text: byte for byte the peer's, where zlib is the same.
  [[nodiscard]] std::string encode(std::string_view payload, epoch_ms now) const;
  [[nodiscard]] peer_cookie_format format() const noexcept { return format_; }

 private:
  peer_cookie(peer_cookie_format format, itsdangerous_signer signer) : format_(format), signer_(std::move(signer)) {}

  peer_cookie_format format_;
  itsdangerous_signer signer_;
};

}  // namespace coatcheck
