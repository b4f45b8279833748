// encodeURIComponent and decodeURIComponent over bytes.
#include "cookie/percent.hpp"

#include <algorithm>
#include <array>

#include "coatcheck/cookie.hpp"

namespace coatcheck {
namespace {

constexpr std::array<bool, 256> make_plain_table() {
  std::array<bool, 256> plain{};
  for (const char c : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()")) {
    plain[static_cast<unsigned char>(c)] = true;
  }
  return plain;
}
constexpr std::array<bool, 256> plain_table = make_plain_table();

bool is_plain(char c) noexcept { return plain_table[static_cast<unsigned char>(c)]; }

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// The byte that the three characters at `at` stand for, or -1.
int encoded_byte(std::string_view text, std::size_t at) noexcept {
  if (text.size() - at < 3 || text[at] != '%') return -1;
  const int high = hex_value(text[at + 1]), low = hex_value(text[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// The bytes that follow a lead byte, and the range of the first of them (Unicode 15, table 3-7: no overlong form,
// no surrogate, nothing above U+10FFFF). Length -1: not a lead byte.
struct sequence {
  int following;
  int first_low;
  int first_high;
};
sequence sequence_of(int lead) noexcept {
  if (lead < 0x80) return {0, 0, 0};
  if (lead < 0xC2) return {-1, 0, 0};
  if (lead < 0xE0) return {1, 0x80, 0xBF};
  if (lead < 0xF0) return {2, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF};
  if (lead < 0xF5) return {3, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF};
  return {-1, 0, 0};
}

}  // namespace

std::size_t percent_encoded_size(std::string_view value) noexcept {
  std::size_t size = 0;
  for (const char c : value) size += is_plain(c) ? 1 : 3;
  return size;
}

void percent_encode_append(std::string_view value, std::string& out) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  const std::size_t before = out.size();
  out.resize(before + percent_encoded_size(value));
  char* to = out.data() + before;
  for (const char c : value) {
    if (is_plain(c)) {
      *to++ = c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    *to++ = '%';
    *to++ = digits[byte >> 4];
    *to++ = digits[byte & 15];
  }
}

std::string percent_encode(std::string_view value) {
  std::string out;
  percent_encode_append(value, out);
  return out;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::size_t at = 0;
  while (at < text.size()) {
    if (text[at] != '%') {
      const std::size_t next = std::min(text.find('%', at), text.size());
      out.append(text, at, next - at);
      at = next;
      continue;
    }
    const int lead = encoded_byte(text, at);
    if (lead < 0) return std::nullopt;
    const sequence wanted = sequence_of(lead);
    if (wanted.following < 0) return std::nullopt;
    out += static_cast<char>(lead);
    at += 3;
    for (int i = 0; i < wanted.following; ++i, at += 3) {
      const int byte = at < text.size() ? encoded_byte(text, at) : -1;
      const int low = i == 0 ? wanted.first_low : 0x80, high = i == 0 ? wanted.first_high : 0xBF;
      if (byte < low || byte > high) return std::nullopt;
      out += static_cast<char>(byte);
    }
  }
  return out;
}

}  // namespace coatcheck
