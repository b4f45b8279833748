// Cookies that carry a session: Flask's, Starlette's, Django's.
//
// Sources: itsdangerous 2.2.0 timed.py and url_safe.py; flask/sessions.py 3.1.3; starlette/middleware/sessions.py 1.10;
// django/core/signing.py 5.2. Each is `text SEP seconds SEP signature`; they differ in how the text and the seconds are
// written.
#include <algorithm>
#include <array>
#include <utility>

#include "coatcheck/peers.hpp"

#include "crypto/base64url.hpp"
#include "peers/zlib_text.hpp"

namespace coatcheck {
namespace {

constexpr std::string_view base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::int64_t latest = 253'402'300'799;  // the end of the year 9999, where Python's dates end

std::string base62_encode(std::int64_t seconds) {
  std::string out;
  for (auto left = seconds; left > 0; left /= 62) out.push_back(base62[static_cast<std::size_t>(left % 62)]);
  if (out.empty()) out = "0";
  std::reverse(out.begin(), out.end());
  return out;
}

std::optional<std::int64_t> base62_decode(std::string_view text) {
  std::int64_t value = 0;
  for (const char c : text) {
    const auto digit = base62.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    value = value * 62 + static_cast<std::int64_t>(digit);
    if (value > latest) return std::nullopt;
  }
  return text.empty() ? std::nullopt : std::optional(value);
}

// Big-endian without leading zeros: nothing for 0.
std::string bytes_encode(std::int64_t seconds) {
  std::string bytes;
  for (auto left = static_cast<std::uint64_t>(seconds); left > 0; left >>= 8U) {
    bytes.push_back(static_cast<char>(left & 0xffU));
  }
  std::reverse(bytes.begin(), bytes.end());
  return crypto::base64url_encode(bytes);
}

std::optional<std::int64_t> bytes_decode(std::string_view text) {
  const auto bytes = crypto::base64url_decode(text);
  if (!bytes || bytes->size() > 8) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : *bytes) value = value << 8U | static_cast<unsigned char>(c);
  return value > static_cast<std::uint64_t>(latest) ? std::nullopt : std::optional(static_cast<std::int64_t>(value));
}

std::string padded_base64(std::string_view bytes) {
  const std::size_t plain = crypto::base64_encoded_size(bytes.size());
  std::string out((plain + 3) / 4 * 4, '=');
  crypto::base64_encode_to({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()}, out.data());
  return out;
}

std::optional<std::string> padded_base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  for (int most = 2; most > 0 && !text.empty() && text.back() == '='; --most) text.remove_suffix(1);
  std::string out(crypto::base64url_decoded_size(text.size()), '\0');
  if (!crypto::base64_decode_to(text, reinterpret_cast<unsigned char*>(out.data()))) return std::nullopt;
  return out;
}

// A dot before it says that the JSON was packed; it is, where that makes it shorter.
std::string packed_text(std::string_view payload) {
  const auto packed = peers::pack(payload);
  if (packed && packed->size() + 1 < payload.size()) return "." + crypto::base64url_encode(*packed);
  return crypto::base64url_encode(payload);
}

error malformed() { return {errc::token_malformed, "the cookie is signed, and holds no session"}; }

}  // namespace

std::string_view name_of(peer_cookie_format format) noexcept {
  constexpr std::array<std::string_view, 3> names{"flask", "starlette", "django"};
  return names[static_cast<std::size_t>(format)];
}

result<peer_cookie> peer_cookie::create(peer_cookie_format format, std::span<const std::string> keys,
                                        std::string salt) {
  itsdangerous_options options;
  if (format == peer_cookie_format::flask) {
    options.salt = "cookie-session";
    options.derivation = key_derivation::hmac;
  } else if (format == peer_cookie_format::django) {
    options.salt = "django.contrib.sessions.backends.signed_cookies";
    options.separator = ":";
    options.digest = peer_digest::sha256;
  }
  if (!salt.empty()) options.salt = std::move(salt);
  auto signer = itsdangerous_signer::create(keys, std::move(options));
  if (!signer) return signer.error();
  return peer_cookie(format, *std::move(signer));
}

result<peer_cookie::decoded> peer_cookie::decode(std::string_view value, epoch_ms now,
                                                 std::optional<duration_ms> max_age, std::size_t most) const {
  const auto timed = signer_.unsign(value);
  if (!timed) return error{errc::token_signature, "the cookie's signature does not hold"};
  const auto at = timed->rfind(signer_.separator());
  if (at == std::string_view::npos) return malformed();
  const auto stamp = timed->substr(at + signer_.separator().size());
  const auto seconds = format_ == peer_cookie_format::django ? base62_decode(stamp) : bytes_decode(stamp);
  if (!seconds) return malformed();
  if (max_age) {
    const std::int64_t age = now / 1000 - *seconds;
    if (age > *max_age / 1000 || age < -peer_clock_skew / 1000) {
      return error{errc::token_expired, "the cookie is older than it may be, or from the future"};
    }
  }
  decoded out;
  out.signed_at = *seconds * 1000;
  std::string_view text = timed->substr(0, at);
  const bool packed = format_ != peer_cookie_format::starlette && text.starts_with('.');
  if (packed) text.remove_prefix(1);
  auto bytes = format_ == peer_cookie_format::starlette ? padded_base64_decode(text) : crypto::base64url_decode(text);
  if (!bytes) return malformed();
  if (!packed) {
    out.payload = *std::move(bytes);
  } else {
    switch (peers::unpack(*bytes, most, out.payload)) {
      case peers::unpacked::whole:
        break;
      case peers::unpacked::damaged:
        return malformed();
      case peers::unpacked::too_large:
        out.payload.assign(most + 1, ' ');
        break;
    }
  }
  if (out.payload.size() > most) return error{errc::token_too_large, "the cookie unpacks to more than max_payload"};
  return out;
}

std::string peer_cookie::encode(std::string_view payload, epoch_ms now) const {
  std::string text = format_ == peer_cookie_format::starlette ? padded_base64(payload) : packed_text(payload);
  const std::int64_t seconds = now / 1000;
  text += signer_.separator();
  text += format_ == peer_cookie_format::django ? base62_encode(seconds) : bytes_encode(seconds);
  return signer_.sign(text);
}

}  // namespace coatcheck
