// @hapi/iron 7.0.1, lib/index.js: seal and unseal with its defaults.
#include <algorithm>
#include <array>
#include <charconv>

#include "coatcheck/peers.hpp"

#include "crypto/base64url.hpp"
#include "crypto/hmac.hpp"
#include "crypto/peer_crypto.hpp"
#include "crypto/random.hpp"

namespace coatcheck {
namespace {

constexpr std::string_view prefix = "Fe26.2";
constexpr std::size_t salt_bytes = 32;
constexpr std::size_t iv_bytes = 16;
constexpr std::size_t parts_of_a_seal = 8;
enum part : std::size_t { mac_prefix, password_id, salt, iv, ciphertext, expiry, mac_salt, mac };

error refused(std::string message) { return {errc::token_decryption, std::move(message)}; }

bool is_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

result<void> check(const iron_password& password) {
  if (password.secret.size() < iron_password_length) {
    return error{errc::invalid_option, "Password string too short (min 32 characters required)"};
  }
  if (!std::all_of(password.id.begin(), password.id.end(), is_word)) {
    return error{errc::invalid_option, "Invalid password id"};
  }
  return {};
}

std::string hex(std::span<const unsigned char> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : bytes) out.append(1, digits[byte >> 4U]).append(1, digits[byte & 15U]);
  return out;
}

// The authentication code of what is before it, under a key of its own.
std::optional<std::string> mac_of(std::string_view secret, std::string_view with_salt, std::string_view base) {
  const auto key = crypto::pbkdf2_sha1_once(secret, with_salt);
  if (!key) return std::nullopt;
  const crypto::hmac_sha256_key signer({reinterpret_cast<const char*>(key->data()), key->size()});
  return crypto::base64url_encode(crypto::as_view(signer.sign(base)));
}

}  // namespace

result<std::string> iron_seal(const iron_password& password, std::string_view plaintext, epoch_ms expires_at) {
  if (auto checked = check(password); !checked) return checked.error();
  const error failed{errc::crypto_failed, "the seal could not be made"};
  std::array<unsigned char, 2 * salt_bytes + iv_bytes> random;
  if (!crypto::random_bytes(random.data(), random.size())) return failed;
  const std::span<const unsigned char> bytes(random);
  const std::string first_salt = hex(bytes.first(salt_bytes));
  const std::string second_salt = hex(bytes.subspan(salt_bytes, salt_bytes));
  const std::string_view vector(reinterpret_cast<const char*>(random.data()) + 2 * salt_bytes, iv_bytes);

  const auto key = crypto::pbkdf2_sha1_once(password.secret, first_salt);
  const auto encrypted = key ? crypto::aes_256_cbc_encrypt(*key, vector, plaintext) : std::nullopt;
  if (!encrypted) return failed;
  std::string out(prefix);
  out.append(1, '*').append(password.id).append(1, '*').append(first_salt).append(1, '*');
  out.append(crypto::base64url_encode(vector)).append(1, '*').append(crypto::base64url_encode(*encrypted));
  out.append(1, '*');
  if (expires_at != 0) out.append(std::to_string(expires_at));
  const auto code = mac_of(password.secret, second_salt, out);
  if (!code) return failed;
  return out.append(1, '*').append(second_salt).append(1, '*').append(*code);
}

result<std::string> iron_unseal(std::span<const iron_password> passwords, std::string_view sealed, epoch_ms now) {
  std::array<std::string_view, parts_of_a_seal> parts;
  std::size_t count = 0;
  for (std::string_view rest = sealed;; ++count) {
    const std::size_t star = rest.find('*');
    if (count == parts.size()) return refused("Incorrect number of sealed components");
    parts[count] = rest.substr(0, star);
    if (star == std::string_view::npos) break;
    rest.remove_prefix(star + 1);
  }
  if (count + 1 != parts.size()) return refused("Incorrect number of sealed components");
  if (parts[mac_prefix] != prefix) return refused("Wrong mac prefix");

  if (const std::string_view at = parts[expiry]; !at.empty()) {
    epoch_ms expires_at = 0;
    const auto [end, failed] = std::from_chars(at.data(), at.data() + at.size(), expires_at);
    if (failed != std::errc() || end != at.data() + at.size() || at.front() == '-')
      return refused("Invalid expiration");
    if (expires_at <= now - iron_clock_skew) return refused("Expired seal");
  }

  const auto of_id = [&](const iron_password& one) { return one.id == parts[password_id]; };
  const auto password = std::find_if(passwords.begin(), passwords.end(), of_id);
  if (password == passwords.end()) {
    // What is quoted is somebody else's text: no more of it than an id may be.
    const bool plain = std::all_of(parts[password_id].begin(), parts[password_id].end(), is_word);
    return refused(std::string("Cannot find password: ").append(plain ? parts[password_id].substr(0, 64) : ""));
  }
  if (auto checked = check(*password); !checked) return checked.error();

  const std::string_view base = sealed.substr(0, static_cast<std::size_t>(parts[mac_salt].data() - sealed.data()) - 1);
  const auto code = mac_of(password->secret, parts[mac_salt], base);
  if (!code || !crypto::equal_constant_time(*code, parts[mac])) return refused("Bad hmac value");

  const auto vector = crypto::base64url_decode(parts[iv]);
  const auto encrypted = crypto::base64url_decode(parts[ciphertext]);
  const auto key = crypto::pbkdf2_sha1_once(password->secret, parts[salt]);
  if (!vector || !encrypted || !key) return refused("Bad encrypted value");
  auto plaintext = crypto::aes_256_cbc_decrypt(*key, *vector, *encrypted);
  if (!plaintext) return refused("Bad encrypted value");
  return *std::move(plaintext);
}

}  // namespace coatcheck
