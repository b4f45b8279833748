// Making and checking refresh tokens.
#include "tokens/refresh_token.hpp"

#include <array>
#include <cstring>

#include "crypto/base64url.hpp"

namespace coatcheck::tokens {
namespace {

constexpr std::string_view token_prefix = "ccr1.";
constexpr std::size_t counter_bytes = 4;
constexpr std::size_t secret_bytes = counter_bytes + std::tuple_size_v<crypto::sha256_digest>;
constexpr std::size_t token_chars =
    token_prefix.size() + family_id_chars + 1 + crypto::base64_encoded_size(secret_bytes);

std::array<char, counter_bytes> big_endian(std::uint32_t counter) noexcept {
  return {static_cast<char>(counter >> 24), static_cast<char>(counter >> 16), static_cast<char>(counter >> 8),
          static_cast<char>(counter)};
}

}  // namespace

std::optional<parsed_token> parse_token(std::string_view token) noexcept {
  if (token.size() != token_chars || !token.starts_with(token_prefix)) return std::nullopt;
  parsed_token out;
  out.family_id = token.substr(token_prefix.size(), family_id_chars);
  if (!valid_family_id(out.family_id) || token[token_prefix.size() + family_id_chars] != '.') return std::nullopt;
  std::array<unsigned char, secret_bytes> raw;
  if (!crypto::base64url_decode_to(token.substr(token_prefix.size() + family_id_chars + 1), raw.data())) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < counter_bytes; ++i) out.counter = out.counter << 8 | raw[i];
  if (out.counter == 0) return std::nullopt;  // the first is 1
  std::memcpy(out.mac.data(), raw.data() + counter_bytes, out.mac.size());
  return out;
}

token_maker::token_maker(key_ring keys) : ring_(std::move(keys)) {
  keys_.reserve(ring_.size());
  for (std::size_t i = 0; i < ring_.size(); ++i) {
    std::array<unsigned char, 32> raw{};
    ok_ = ring_.derive(i, "refresh", raw) && ok_;
    keys_.emplace_back(std::string_view(reinterpret_cast<const char*>(raw.data()), raw.size()));
    crypto::wipe(raw.data(), raw.size());
  }
}

crypto::sha256_digest token_maker::mac(const family& of, std::uint32_t counter, std::size_t key) const noexcept {
  const auto number = big_endian(counter);
  const std::string_view parts[] = {of.salt, of.facts.id, {number.data(), number.size()}};
  return keys_[key].sign_parts(parts);
}

std::optional<std::string> token_maker::newest(const family& of, epoch_ms now) const {
  for (std::size_t key = 0; key < keys_.size(); ++key) {
    if (ring_.id(key) != of.key || !ring_.verifies(key, now)) continue;
    std::array<char, secret_bytes> raw;
    const auto number = big_endian(of.counter);
    auto digest = mac(of, of.counter, key);
    std::memcpy(raw.data(), number.data(), number.size());
    std::memcpy(raw.data() + number.size(), digest.data(), digest.size());
    std::string out;
    out.reserve(token_chars);
    out.append(token_prefix).append(of.facts.id).append(1, '.');
    out += crypto::base64url_encode({raw.data(), raw.size()});
    crypto::wipe(raw.data(), raw.size());
    crypto::wipe(digest.data(), digest.size());
    return out;
  }
  return std::nullopt;
}

bool token_maker::genuine(const family& of, std::uint32_t counter, const crypto::sha256_digest& presented,
                          epoch_ms now) const noexcept {
  for (std::size_t key = 0; key < keys_.size(); ++key) {
    if (!ring_.verifies(key, now)) continue;
    const auto wanted = mac(of, counter, key);
    if (crypto::equal_constant_time(crypto::as_view(wanted), crypto::as_view(presented))) return true;
  }
  return false;
}

}  // namespace coatcheck::tokens
