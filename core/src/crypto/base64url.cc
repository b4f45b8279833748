// base64 in both alphabets. Signatures are compared after decoding, so that no table is indexed by secret bytes.
#include "crypto/base64url.hpp"

#include <array>
#include <cstdint>

namespace coatcheck::crypto {
namespace {

constexpr std::string_view url_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view standard_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::uint32_t not_in_alphabet = 0x8000'0000;

using decode_table = std::array<std::uint32_t, 256>;

constexpr decode_table make_decode_table(std::string_view alphabet) {
  decode_table table{};
  table.fill(not_in_alphabet);
  for (std::uint32_t i = 0; i < 64; ++i) table[static_cast<unsigned char>(alphabet[i])] = i;
  return table;
}

constexpr decode_table url_table = make_decode_table(url_alphabet);
constexpr decode_table standard_table = make_decode_table(standard_alphabet);

void encode(std::span<const unsigned char> bytes, char* out, std::string_view alphabet) noexcept {
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3, out += 4) {
    const std::uint32_t triple = std::uint32_t{bytes[i]} << 16 | std::uint32_t{bytes[i + 1]} << 8 | bytes[i + 2];
    out[0] = alphabet[triple >> 18];
    out[1] = alphabet[triple >> 12 & 63];
    out[2] = alphabet[triple >> 6 & 63];
    out[3] = alphabet[triple & 63];
  }
  const std::size_t rest = bytes.size() - i;
  if (rest == 1) {
    const std::uint32_t byte = bytes[i];
    out[0] = alphabet[byte >> 2];
    out[1] = alphabet[byte << 4 & 63];
  } else if (rest == 2) {
    const std::uint32_t pair = std::uint32_t{bytes[i]} << 8 | bytes[i + 1];
    out[0] = alphabet[pair >> 10];
    out[1] = alphabet[pair >> 4 & 63];
    out[2] = alphabet[pair << 2 & 63];
  }
}

bool decode(std::string_view text, unsigned char* out, const decode_table& table) noexcept {
  if (text.size() % 4 == 1) return false;  // 6 bits alone make no byte
  const auto value = [&](std::size_t at) { return table[static_cast<unsigned char>(text[at])]; };
  // Bad characters are gathered in the top bit, so that the loop has no branch per character.
  std::uint32_t bad = 0;
  std::size_t i = 0;
  for (; i + 4 <= text.size(); i += 4, out += 3) {
    const std::uint32_t a = value(i), b = value(i + 1), c = value(i + 2), d = value(i + 3);
    bad |= a | b | c | d;
    const std::uint32_t quad = a << 18 | b << 12 | c << 6 | d;
    out[0] = static_cast<unsigned char>(quad >> 16);
    out[1] = static_cast<unsigned char>(quad >> 8);
    out[2] = static_cast<unsigned char>(quad);
  }
  // The bits that do not fill a byte must be zero: otherwise several texts would stand for one value.
  const std::size_t rest = text.size() - i;
  if (rest == 2) {
    const std::uint32_t a = value(i), b = value(i + 1);
    bad |= a | b | ((b & 15) != 0 ? not_in_alphabet : 0);
    out[0] = static_cast<unsigned char>(a << 2 | b >> 4);
  } else if (rest == 3) {
    const std::uint32_t a = value(i), b = value(i + 1), c = value(i + 2);
    bad |= a | b | c | ((c & 3) != 0 ? not_in_alphabet : 0);
    out[0] = static_cast<unsigned char>(a << 2 | b >> 4);
    out[1] = static_cast<unsigned char>(b << 4 | c >> 2);
  }
  return (bad & not_in_alphabet) == 0;
}

std::span<const unsigned char> as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

}  // namespace

std::string base64url_encode(std::string_view bytes) {
  std::string out(base64_encoded_size(bytes.size()), '\0');
  encode(as_bytes(bytes), out.data(), url_alphabet);
  return out;
}

void base64url_encode_to(std::span<const unsigned char> bytes, char* out) noexcept { encode(bytes, out, url_alphabet); }

std::optional<std::string> base64url_decode(std::string_view text) {
  std::string out(base64url_decoded_size(text.size()), '\0');
  if (!decode(text, reinterpret_cast<unsigned char*>(out.data()), url_table)) return std::nullopt;
  return out;
}

bool base64url_decode_to(std::string_view text, unsigned char* out) { return decode(text, out, url_table); }

void base64_encode_to(std::span<const unsigned char> bytes, char* out) noexcept {
  encode(bytes, out, standard_alphabet);
}

bool base64_decode_to(std::string_view text, unsigned char* out) noexcept { return decode(text, out, standard_table); }

}  // namespace coatcheck::crypto
