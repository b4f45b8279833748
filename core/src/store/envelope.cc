// The envelope of one-string stores, and the checks on arguments that every store makes alike.
#include "store/envelope.hpp"

#include <algorithm>
#include <cstring>

#include "crypto/random.hpp"

namespace coatcheck {
namespace {

void write_hex(std::uint64_t value, char* out) noexcept {
  static constexpr char digits[] = "0123456789abcdef";
  for (int i = 15; i >= 0; --i, value >>= 4) out[i] = digits[value & 15];
}

bool is_tag(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

namespace envelope {

std::optional<view> decode(std::string_view text) noexcept {
  if (text.size() < header_size || text[expiry_size] != ' ' || text[header_size - 1] != ' ') return std::nullopt;
  epoch_ms at = 0;
  for (const char c : text.substr(0, expiry_size)) {
    if (c < '0' || c > '9') return std::nullopt;
    at = at * 10 + (c - '0');
  }
  const auto tag = text.substr(tag_offset, tag_size);
  if (!is_tag(tag)) return std::nullopt;
  return view{at, tag, text.substr(header_size)};
}

void write_expiry(epoch_ms expires_at, char* out) noexcept {
  auto rest = std::clamp<epoch_ms>(expires_at, 0, max_expiry);
  for (int i = static_cast<int>(expiry_size) - 1; i >= 0; --i, rest /= 10) out[i] = static_cast<char>('0' + rest % 10);
}

void write_header(epoch_ms expires_at, std::string_view tag, char* out) noexcept {
  write_expiry(expires_at, out);
  out[expiry_size] = ' ';
  std::memcpy(out + tag_offset, tag.data(), tag_size);
  out[header_size - 1] = ' ';
}

stored_value to_value(const view& entry) { return {std::string(entry.bytes), etag(entry.tag), entry.expires_at}; }

}  // namespace envelope

etag make_etag() noexcept {
  std::uint64_t bits = 0;
  if (!crypto::random_bytes(&bits, sizeof bits)) return {};
  char text[envelope::tag_size];
  write_hex(bits, text);
  return etag({text, sizeof text});
}

bool valid_key(std::string_view key) noexcept {
  // A table: this runs on every operation.
  static constexpr auto allowed = [] {
    std::array<bool, 256> table{};
    for (const char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
      table[static_cast<unsigned char>(c)] = true;
    return table;
  }();
  return !key.empty() && key.size() <= max_key_size &&
         std::all_of(key.begin(), key.end(), [](char c) { return allowed[static_cast<unsigned char>(c)]; });
}

error bad_key_error() {
  return {errc::invalid_option, "store key: must be 1 to 128 bytes of letters, digits, '-' and '_'"};
}

error bad_owner_error() { return {errc::invalid_option, "owner: longer than 256 bytes"}; }

error bad_cursor_error() { return {errc::invalid_option, "scan: the cursor is none that scan gave"}; }

error no_random_error() { return {errc::random_failed, "the system gives no randomness: nothing was written"}; }
error closed_error() { return {errc::store_closed, "the store was closed: open it again"}; }

}  // namespace coatcheck
