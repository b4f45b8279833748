// The key ring: which key may do what, and when. What the keys make is in sealed_value.cc and below.
#include "coatcheck/key_ring.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

#include "crypto/base64url.hpp"
#include "crypto/digest.hpp"
#include "crypto/hkdf.hpp"
#include "crypto/hmac.hpp"
#include "crypto/random.hpp"
#include "crypto/sealed_record.hpp"
#include "crypto/sealed_value.hpp"

namespace coatcheck {
namespace {

using crypto::hkdf_sha256;
using crypto::hmac_sha256_key;
using crypto::sha256_digest;

constexpr std::size_t max_key_id = 64;
constexpr std::size_t derived_id_bytes = 6;  // 8 characters
constexpr std::size_t max_purpose = 64;
constexpr duration_ms future_tolerance = 60'000;  // clocks of two hosts may differ by so much

constexpr std::string_view express_prefix = "s:";
constexpr std::size_t signature_chars = crypto::base64_encoded_size(std::tuple_size_v<sha256_digest>);
constexpr std::size_t store_key_chars = signature_chars;

bool valid_key_id(std::string_view id) noexcept {
  return !id.empty() && id.size() <= max_key_id && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

template <std::size_t N>
std::array<unsigned char, N> sub_key(const hkdf_sha256& keys, std::string_view purpose) noexcept {
  std::array<unsigned char, N> out{};
  static_cast<void>(keys.expand(out, "coatcheck v1 ", purpose));  // far below HKDF's limit
  return out;
}

hmac_sha256_key sub_hmac_key(const hkdf_sha256& keys, std::string_view purpose) noexcept {
  auto bytes = sub_key<32>(keys, purpose);
  const hmac_sha256_key key({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  crypto::wipe(bytes.data(), bytes.size());
  return key;
}

// The key of sealed records, wiped when it goes.
struct record_key {
  explicit record_key(const hkdf_sha256& keys) noexcept
      : bytes(sub_key<crypto::xaes_key_bytes>(keys, crypto::record_purpose)) {}
  record_key(const record_key&) = default;
  record_key& operator=(const record_key&) = default;
  ~record_key() { crypto::wipe(bytes.data(), bytes.size()); }
  std::array<unsigned char, crypto::xaes_key_bytes> bytes;
};

// An id that every language and host derives alike; it tells no more of the secret than a signature does.
std::string derived_id(const hkdf_sha256& keys) {
  const auto bytes = sub_key<derived_id_bytes>(keys, "key-id");
  return crypto::base64url_encode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

struct key {
  explicit key(const key_spec& spec)
      : express(spec.secret),
        derived(spec.secret),
        hash_ids(sub_hmac_key(derived, "hash-ids")),
        hash_owners(sub_hmac_key(derived, "hash-owners")),
        records(derived),
        id(spec.id.empty() ? derived_id(derived) : spec.id),
        state(spec.state),
        not_before(spec.not_before),
        not_after(spec.not_after) {}

  [[nodiscard]] bool verifies(epoch_ms now) const noexcept {
    return state != key_state::revoked && (not_after == 0 || now < not_after);
  }
  [[nodiscard]] bool signs(epoch_ms now) const noexcept {
    return state == key_state::active && now >= not_before && verifies(now);
  }

  hmac_sha256_key express;  // over the raw secret, as cookie-signature has it
  hkdf_sha256 derived;
  hmac_sha256_key hash_ids;
  hmac_sha256_key hash_owners;
  record_key records;
  std::string id;
  key_state state;
  epoch_ms not_before;
  epoch_ms not_after;
};

std::string digest_text(const sha256_digest& digest) {
  std::string out(store_key_chars, '\0');
  crypto::base64url_encode_to(digest, out.data());
  return out;
}

std::string quoted(std::string_view option) { return std::string(1, '"').append(option).append(1, '"'); }

// The words for key `index` in a message: the option alone when it holds one secret.
std::string key_words(std::string_view option, std::size_t index, std::size_t count) {
  if (count == 1) return quoted(option);
  return quoted(option) + " (number " + std::to_string(index + 1) + " of " + std::to_string(count) + ")";
}

result<void> check_spec(const key_spec& spec, const std::string& words) {
  if (spec.secret.empty()) {
    return {errc::invalid_secret, words + " is empty: set it to a secret of 32 random bytes or more"};
  }
  if (!spec.id.empty() && !valid_key_id(spec.id)) {
    return {errc::invalid_option, words + " has an id that is not 1 to 64 characters of A-Z a-z 0-9 _ -"};
  }
  if (spec.not_before < 0 || spec.not_after < 0 || (spec.not_after != 0 && spec.not_after <= spec.not_before)) {
    return {errc::invalid_option,
            words + " has dates that leave no time for it: not_before must be below not_after, and neither negative"};
  }
  return {};
}

}  // namespace

struct key_ring::impl {
  std::vector<key> keys;
  std::vector<std::string> warnings;

  [[nodiscard]] const key* signing_key(epoch_ms now) const noexcept {
    const auto found = std::find_if(keys.begin(), keys.end(), [now](const key& k) { return k.signs(now); });
    return found != keys.end() ? &*found : nullptr;
  }
};

namespace {

error no_signing_key() {
  return {errc::key_unsuitable, "no key of the ring may sign now: add an active key whose dates include the present"};
}

error not_unsealed() { return {errc::token_decryption, "the sealed value is not valid for this purpose and context"}; }

}  // namespace

result<key_ring> key_ring::from_secret(std::string_view secret, std::string_view option) {
  key_spec spec;
  spec.secret = secret;
  auto ring = from_keys({&spec, 1}, option);
  crypto::wipe(spec.secret.data(), spec.secret.size());
  return ring;
}

result<key_ring> key_ring::from_secrets(std::span<const std::string> secrets, std::string_view option) {
  if (secrets.empty()) {
    return {errc::invalid_secret, std::string(option) + " option array must contain one or more strings"};
  }
  std::vector<key_spec> specs(secrets.size());
  for (std::size_t i = 0; i < secrets.size(); ++i) specs[i].secret = secrets[i];
  auto ring = from_keys(specs, option);
  for (key_spec& spec : specs) crypto::wipe(spec.secret.data(), spec.secret.size());
  return ring;
}

result<key_ring> key_ring::from_keys(std::span<const key_spec> specs, std::string_view option) {
  if (specs.empty()) {
    return {errc::invalid_secret, std::string(option) + " option array must contain one or more keys"};
  }
  auto ring = std::make_shared<impl>();
  ring->keys.reserve(specs.size());
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const key_spec& spec = specs[i];
    const std::string words = key_words(option, i, specs.size());
    if (auto valid = check_spec(spec, words); !valid) return valid.error();
    const key& added = ring->keys.emplace_back(spec);
    for (std::size_t j = 0; j < i; ++j) {
      if (specs[j].secret == spec.secret) {
        return {errc::invalid_secret, words + " repeats the secret of number " + std::to_string(j + 1) +
                                          ": every key needs a secret of its own"};
      }
      if (ring->keys[j].id == added.id) {
        return {errc::invalid_option,
                words + " repeats the id of number " + std::to_string(j + 1) + ": every key needs an id of its own"};
      }
    }
    if (spec.secret.size() < recommended_secret_bytes) {
      ring->warnings.push_back(words + " is shorter than " + std::to_string(recommended_secret_bytes) +
                               " bytes and can be guessed offline from one cookie: use 32 random bytes or more");
    }
  }
  if (std::all_of(specs.begin(), specs.end(), [](const key_spec& s) { return s.state == key_state::revoked; })) {
    return {errc::invalid_option, quoted(option) + " holds revoked keys alone: add one that is active"};
  }
  return key_ring(std::move(ring));
}

const std::vector<std::string>& key_ring::warnings() const noexcept { return impl_->warnings; }

std::size_t key_ring::size() const noexcept { return impl_->keys.size(); }

std::string_view key_ring::id(std::size_t index) const noexcept {
  assert(index < size());
  return impl_->keys[index].id;
}

key_state key_ring::state(std::size_t index) const noexcept {
  assert(index < size());
  return impl_->keys[index].state;
}

std::optional<std::size_t> key_ring::signing_key(epoch_ms now) const noexcept {
  const key* const signing = impl_->signing_key(now);
  if (signing == nullptr) return std::nullopt;
  return static_cast<std::size_t>(signing - impl_->keys.data());
}

bool key_ring::verifies(std::size_t index, epoch_ms now) const noexcept {
  return index < size() && impl_->keys[index].verifies(now);
}

result<std::string> key_ring::sign_express(std::string_view value, epoch_ms now) const {
  if (value.empty() || value.size() > max_signed_value) {
    return {errc::invalid_cookie, "a value to be signed must be 1 to 256 bytes long"};
  }
  const key* const signing = impl_->signing_key(now);
  if (signing == nullptr) return no_signing_key();
  const sha256_digest mac = signing->express.sign(value);
  std::string out(express_prefix.size() + value.size() + 1 + signature_chars, '.');
  char* at = out.data();
  std::memcpy(at, express_prefix.data(), express_prefix.size());
  at += express_prefix.size();
  std::memcpy(at, value.data(), value.size());
  crypto::base64_encode_to(mac, at + value.size() + 1);
  return out;
}

std::optional<key_ring::verified> key_ring::unsign_express(std::string_view signed_value, epoch_ms now) const {
  if (!signed_value.starts_with(express_prefix)) return std::nullopt;
  signed_value.remove_prefix(express_prefix.size());
  // A signature has no dot, so that the last dot stands at its one place or the value is none of ours.
  if (signed_value.size() < 1 + 1 + signature_chars) return std::nullopt;
  const std::size_t dot = signed_value.size() - signature_chars - 1;
  if (dot > max_signed_value || signed_value[dot] != '.') return std::nullopt;
  const std::string_view value = signed_value.substr(0, dot);
  sha256_digest presented;
  if (!crypto::base64_decode_to(signed_value.substr(dot + 1), presented.data())) return std::nullopt;
  for (std::size_t i = 0; i < impl_->keys.size(); ++i) {
    const key& candidate = impl_->keys[i];
    if (!candidate.verifies(now)) continue;
    const sha256_digest mac = candidate.express.sign(value);
    if (crypto::equal_constant_time(crypto::as_view(mac), crypto::as_view(presented))) return verified{value, i};
  }
  return std::nullopt;
}

std::string key_ring::store_key(std::string_view session_id, std::size_t index) const {
  assert(index < size());
  return digest_text(impl_->keys[index].hash_ids.sign(session_id));
}

std::string key_ring::owner_digest(std::string_view owner, std::size_t index) const {
  assert(index < size());
  return digest_text(impl_->keys[index].hash_owners.sign(owner));
}

bool is_session_key(std::string_view store_key) noexcept { return store_key.size() == store_key_chars; }

std::string unkeyed_store_key(std::string_view session_id) { return digest_text(crypto::sha256(session_id)); }

bool key_ring::derive(std::size_t index, std::string_view purpose, std::span<unsigned char> out) const noexcept {
  if (index >= size() || purpose.empty() || purpose.size() > max_purpose) return false;
  for (const std::string_view own : {std::string_view("key-id"), std::string_view("hash-ids"),
                                     std::string_view("hash-owners"), crypto::record_purpose}) {
    if (purpose == own) return false;
  }
  if (purpose.starts_with("seal:")) return false;
  return impl_->keys[index].derived.expand(out, "coatcheck v1 ", purpose);
}

result<std::string> key_ring::seal(std::string_view purpose, std::string_view context, std::string_view plaintext,
                                   epoch_ms expires_at, epoch_ms now) const {
  if (purpose.empty() || purpose.size() > max_purpose) {
    return {errc::invalid_option, "a seal's purpose must be 1 to 64 bytes long"};
  }
  if (expires_at < 0) return {errc::invalid_option, "a seal's expiry must not be negative; 0 is for never"};
  if (plaintext.size() > max_sealed_plaintext) {
    return {errc::payload_too_large, "what is sealed must be no longer than 1 MiB"};
  }
  const key* const signing = impl_->signing_key(now);
  if (signing == nullptr) return no_signing_key();
  std::array<unsigned char, crypto::xaes_nonce_bytes> nonce;
  if (!crypto::random_bytes(nonce.data(), nonce.size())) {
    return {errc::random_failed, "the operating system gave no random bytes: nothing was sealed"};
  }
  return crypto::seal_value(signing->derived, signing->id, purpose, context, plaintext, now, expires_at, nonce);
}

result<key_ring::unsealed> key_ring::unseal(std::string_view purpose, std::string_view context, std::string_view sealed,
                                            epoch_ms now) const {
  if (purpose.empty() || purpose.size() > max_purpose || sealed.size() > 2 * max_sealed_plaintext) {
    return not_unsealed();
  }
  const auto id = crypto::sealed_key_id(sealed);
  if (!id) return not_unsealed();
  for (std::size_t i = 0; i < impl_->keys.size(); ++i) {
    const key& candidate = impl_->keys[i];
    if (candidate.id != *id || !candidate.verifies(now)) continue;
    auto opened = crypto::open_value(candidate.derived, purpose, context, sealed);
    if (!opened || opened->sealed_at > now + future_tolerance) return not_unsealed();
    if (opened->expires_at != 0 && now >= opened->expires_at) {
      return {errc::token_expired, "the sealed value has expired"};
    }
    return unsealed{std::move(opened->plaintext), opened->sealed_at, opened->expires_at, i};
  }
  return not_unsealed();
}

result<std::string> key_ring::seal_record(std::string_view store_key, std::string_view record, epoch_ms now) const {
  const key* const signing = impl_->signing_key(now);
  if (signing == nullptr) return no_signing_key();
  std::array<unsigned char, crypto::xaes_nonce_bytes> nonce;
  if (!crypto::random_bytes(nonce.data(), nonce.size())) {
    return {errc::random_failed, "the operating system gave no random bytes: nothing was encrypted"};
  }
  auto sealed = crypto::seal_record(signing->records.bytes, signing->id, store_key, record, nonce);
  if (sealed.empty()) return {errc::crypto_failed, "encryption failed: OpenSSL has no AES-256-GCM, or no memory"};
  return sealed;
}

result<void> key_ring::open_record(std::string_view store_key, std::string& sealed, epoch_ms now) const {
  const auto id = crypto::sealed_record_key_id(sealed);
  if (!id) {
    return {errc::record_damaged, is_sealed_record(sealed)
                                      ? "a stored record begins as an encrypted one and does not go on as one"
                                      : "a stored record is not encrypted, and none but encrypted ones are read here"};
  }
  for (const key& candidate : impl_->keys) {
    if (candidate.id != *id) continue;
    if (!candidate.verifies(now)) {
      return {errc::record_damaged, "a stored record is encrypted under the key \"" + candidate.id +
                                        "\", which is revoked or past its dates"};
    }
    if (crypto::open_record(candidate.records.bytes, store_key, sealed)) return {};
    return {errc::record_damaged, "a stored record does not open under the key \"" + candidate.id +
                                      "\": it was altered, or is not the one that was stored in its place"};
  }
  // Whoever wrote the record chose the id.
  return {errc::record_damaged, "a stored record is encrypted under a key that is not here" +
                                    (valid_key_id(*id) ? ": \"" + std::string(*id) + "\"" : std::string())};
}

bool is_sealed_record(std::string_view bytes) noexcept { return crypto::is_sealed_record(bytes); }

result<std::string> new_session_id(std::size_t bytes) {
  constexpr std::size_t min_bytes = 16;
  constexpr std::size_t max_bytes = 64;
  if (bytes < min_bytes || bytes > max_bytes) {
    return {errc::invalid_option, "a session id must have 16 to 64 random bytes"};
  }
  std::array<unsigned char, max_bytes> raw;
  if (!crypto::random_bytes(raw.data(), bytes)) {
    return {errc::random_failed, "the operating system gave no random bytes: no session id was made"};
  }
  std::string id(crypto::base64_encoded_size(bytes), '\0');
  crypto::base64url_encode_to({raw.data(), bytes}, id.data());
  crypto::wipe(raw.data(), bytes);
  return id;
}

}  // namespace coatcheck
