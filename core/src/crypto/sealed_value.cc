// cc1.<key id>.<base64url(nonce || ciphertext || tag)>
#include "crypto/sealed_value.hpp"

#include <cstring>

#include "crypto/base64url.hpp"

namespace coatcheck::crypto {
namespace {

constexpr std::string_view version = "cc1.";
constexpr std::size_t dates_bytes = 16;  // sealed-at and expires-at, 8 bytes each, big-endian, before the payload
constexpr std::size_t overhead = xaes_nonce_bytes + dates_bytes + xaes_tag_bytes;

void put_date(unsigned char* out, epoch_ms date) noexcept {
  const auto bits = static_cast<std::uint64_t>(date);
  for (int i = 0; i < 8; ++i) out[i] = static_cast<unsigned char>(bits >> (56 - 8 * i));
}

epoch_ms get_date(const unsigned char* in) noexcept {
  std::uint64_t bits = 0;
  for (int i = 0; i < 8; ++i) bits = bits << 8 | in[i];
  return static_cast<epoch_ms>(bits);
}

// The derived key of a purpose, wiped when it goes.
struct purpose_key {
  std::array<unsigned char, xaes_key_bytes> bytes{};
  purpose_key(const hkdf_sha256& keys, std::string_view purpose) noexcept {
    static_cast<void>(keys.expand(bytes, seal_info, purpose));  // 32 bytes: always within HKDF's limit
  }
  ~purpose_key() { wipe(bytes.data(), bytes.size()); }
  purpose_key(const purpose_key&) = delete;
  purpose_key& operator=(const purpose_key&) = delete;
};

std::size_t prefix_size(std::string_view key_id) noexcept { return version.size() + key_id.size() + 1; }

}  // namespace

result<std::string> seal_value(const hkdf_sha256& keys, std::string_view key_id, std::string_view purpose,
                               std::string_view context, std::string_view plaintext, epoch_ms sealed_at,
                               epoch_ms expires_at, xaes_nonce nonce) {
  const std::size_t prefix = prefix_size(key_id);
  const std::size_t raw_size = overhead + plaintext.size();
  std::string out(prefix + base64_encoded_size(raw_size), '\0');
  std::memcpy(out.data(), version.data(), version.size());
  std::memcpy(out.data() + version.size(), key_id.data(), key_id.size());
  out[prefix - 1] = '.';

  unsigned char dates[dates_bytes];
  put_date(dates, sealed_at);
  put_date(dates + 8, expires_at);

  // The bytes are made at the end of the text's own memory and encoded from there, without a second buffer.
  auto* const raw = reinterpret_cast<unsigned char*>(out.data() + out.size() - raw_size);
  std::memcpy(raw, nonce.data(), nonce.size());
  const purpose_key key(keys, purpose);
  const two_parts aad{std::string_view(out).substr(0, prefix), context};
  const two_parts text{std::string_view(reinterpret_cast<const char*>(dates), dates_bytes), plaintext};
  if (!xaes_256_gcm_seal(key.bytes, nonce, aad, text, raw + xaes_nonce_bytes)) {
    return {errc::crypto_failed, "sealing failed: OpenSSL has no AES-256-GCM, or no memory"};
  }
  base64url_encode_to({raw, raw_size}, out.data() + prefix);
  return out;
}

std::optional<std::string_view> sealed_key_id(std::string_view sealed) noexcept {
  if (!sealed.starts_with(version)) return std::nullopt;
  const std::size_t end = sealed.find('.', version.size());
  if (end == std::string_view::npos) return std::nullopt;
  return sealed.substr(version.size(), end - version.size());
}

std::optional<opened_value> open_value(const hkdf_sha256& keys, std::string_view purpose, std::string_view context,
                                       std::string_view sealed) {
  const auto key_id = sealed_key_id(sealed);
  if (!key_id) return std::nullopt;
  const std::size_t prefix = prefix_size(*key_id);
  const std::string_view encoded = sealed.substr(prefix);
  if (base64url_decoded_size(encoded.size()) < overhead) return std::nullopt;

  opened_value out{std::string(base64url_decoded_size(encoded.size()), '\0'), 0, 0};
  auto* const raw = reinterpret_cast<unsigned char*>(out.plaintext.data());
  if (!base64url_decode_to(encoded, raw)) return std::nullopt;
  const std::size_t raw_size = out.plaintext.size();

  const purpose_key key(keys, purpose);
  const two_parts aad{sealed.substr(0, prefix), context};
  const xaes_nonce nonce(raw, xaes_nonce_bytes);
  unsigned char* const body = raw + xaes_nonce_bytes;  // decrypted where it lies
  if (!xaes_256_gcm_open(key.bytes, nonce, aad, {body, raw_size - xaes_nonce_bytes}, body)) return std::nullopt;
  out.sealed_at = get_date(body);
  out.expires_at = get_date(body + 8);
  const std::size_t size = raw_size - overhead;
  std::memmove(raw, body + dates_bytes, size);
  // What is cut off below stays in the string's memory: it may hold the payload's end.
  wipe(raw + size, raw_size - size);
  out.plaintext.resize(size);
  return out;
}

}  // namespace coatcheck::crypto
