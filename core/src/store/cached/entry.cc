// Entries of a cache-aside store's cache, written and read.
#include "store/cached/entry.hpp"

#include <cstdint>
#include <cstring>

namespace coatcheck::cached_entry {
namespace {

constexpr std::string_view magic = "ct1";
constexpr std::size_t time_size = 6;
constexpr std::size_t life_size = 4;
constexpr std::size_t absent_size = 4 + time_size + life_size;
constexpr std::size_t before_tag = absent_size + time_size + 1;

void write_big_endian(std::uint64_t value, std::size_t size, char* out) noexcept {
  for (std::size_t i = size; i-- > 0; value >>= 8) out[i] = static_cast<char>(value & 0xff);
}
std::uint64_t read_big_endian(const char* from, std::size_t size) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = value << 8 | static_cast<unsigned char>(from[i]);
  return value;
}
void write_head(kind what, epoch_ms read_at, duration_ms life, char* out) noexcept {
  std::memcpy(out, magic.data(), magic.size());
  out[3] = static_cast<char>(what);
  write_big_endian(static_cast<std::uint64_t>(read_at), time_size, out + 4);
  write_big_endian(static_cast<std::uint64_t>(life), life_size, out + 4 + time_size);
}

}  // namespace

std::optional<view> decode(std::string_view text) noexcept {
  if (text == mark) return view{};
  if (text.size() < absent_size || text.substr(0, 3) != magic) return std::nullopt;
  view out;
  out.read_at = static_cast<epoch_ms>(read_big_endian(text.data() + 4, time_size));
  out.life = static_cast<duration_ms>(read_big_endian(text.data() + 4 + time_size, life_size));
  if (text[3] == static_cast<char>(kind::absent) && text.size() == absent_size) {
    out.what = kind::absent;
    return out;
  }
  if (text[3] != static_cast<char>(kind::value) || text.size() < before_tag) return std::nullopt;
  out.what = kind::value;
  out.expires_at = static_cast<epoch_ms>(read_big_endian(text.data() + absent_size, time_size));
  const std::size_t tag_size = static_cast<unsigned char>(text[before_tag - 1]);
  if (tag_size > etag::max_size || text.size() < before_tag + tag_size) return std::nullopt;
  out.tag = text.substr(before_tag, tag_size);
  out.bytes = text.substr(before_tag + tag_size);
  return out;
}

std::string encode_absent(epoch_ms read_at, duration_ms life) {
  std::string out(absent_size, '\0');
  write_head(kind::absent, read_at, life, out.data());
  return out;
}

value_text::value_text(std::string_view bytes) {
  text_.reserve(max_header + bytes.size());
  text_.assign(max_header, '\0');
  text_.append(bytes);
}

std::string_view value_text::with(epoch_ms read_at, duration_ms life, epoch_ms expires_at, const etag& tag) noexcept {
  const std::size_t begin = max_header - before_tag - tag.view().size();
  char* const out = text_.data() + begin;
  write_head(kind::value, read_at, life, out);
  write_big_endian(static_cast<std::uint64_t>(expires_at), time_size, out + absent_size);
  out[before_tag - 1] = static_cast<char>(tag.view().size());
  if (!tag.empty()) std::memcpy(out + before_tag, tag.view().data(), tag.view().size());
  return std::string_view(text_).substr(begin);
}

stored_value to_value(const view& entry, std::string&& text) {
  stored_value out{{}, etag(entry.tag), entry.expires_at};
  const auto header = text.size() - entry.bytes.size();
  out.bytes = std::move(text);
  out.bytes.erase(0, header);
  return out;
}

}  // namespace coatcheck::cached_entry
