// Entries of a cache-aside store's cache, written and read.
#include "store/cached/entry.hpp"

#include <cstdint>
#include <cstring>

namespace coatcheck::cached_entry {
namespace {

constexpr std::string_view absent_magic = "ct1a";
constexpr std::string_view value_magic = "ct1v";
constexpr std::size_t time_size = 6;
constexpr std::size_t life_size = 4;
constexpr std::size_t absent_size = absent_magic.size() + time_size + life_size;
// What ends a copy, from behind the tag on.
constexpr std::size_t tail_size = 1 + time_size + life_size + time_size + value_magic.size();
static_assert(value_text::max_tail == etag::max_size + tail_size);

void write_big_endian(std::uint64_t value, std::size_t size, char* out) noexcept {
  for (std::size_t i = size; i-- > 0; value >>= 8) out[i] = static_cast<char>(value & 0xff);
}
// Of a size that is known where this is written, so that it is one load and one swap.
template <std::size_t Size>
std::uint64_t read_big_endian(const char* from) noexcept {
  unsigned char text[Size];
  std::memcpy(text, from, Size);
  std::uint64_t value = 0;
  for (const unsigned char one : text) value = value << 8 | one;
  return value;
}
}  // namespace

std::optional<view> decode(std::string_view text) noexcept {
  view out;
  if (text.size() >= tail_size && text.ends_with(value_magic)) {
    const char* const tail = text.data() + text.size() - tail_size;
    const std::size_t tag_size = static_cast<unsigned char>(tail[0]);
    if (tag_size > etag::max_size || text.size() < tail_size + tag_size) return std::nullopt;
    out.what = kind::value;
    out.expires_at = static_cast<epoch_ms>(read_big_endian<time_size>(tail + 1));
    out.life = static_cast<duration_ms>(read_big_endian<life_size>(tail + 1 + time_size));
    out.read_at = static_cast<epoch_ms>(read_big_endian<time_size>(tail + 1 + time_size + life_size));
    out.bytes = text.substr(0, text.size() - tail_size - tag_size);
    out.tag = text.substr(out.bytes.size(), tag_size);
    return out;
  }
  if (text == mark) return out;
  if (text.size() != absent_size || !text.starts_with(absent_magic)) return std::nullopt;
  out.what = kind::absent;
  out.read_at = static_cast<epoch_ms>(read_big_endian<time_size>(text.data() + absent_magic.size()));
  out.life = static_cast<duration_ms>(read_big_endian<life_size>(text.data() + absent_magic.size() + time_size));
  return out;
}

std::string encode_absent(epoch_ms read_at, duration_ms life) {
  std::string out(absent_size, '\0');
  std::memcpy(out.data(), absent_magic.data(), absent_magic.size());
  write_big_endian(static_cast<std::uint64_t>(read_at), time_size, out.data() + absent_magic.size());
  write_big_endian(static_cast<std::uint64_t>(life), life_size, out.data() + absent_magic.size() + time_size);
  return out;
}

value_text::value_text(std::string_view bytes) : size_(bytes.size()) {
  text_.reserve(bytes.size() + max_tail);
  text_.append(bytes).append(max_tail, '\0');
}

std::string_view value_text::with(epoch_ms read_at, duration_ms life, epoch_ms expires_at, const etag& tag) noexcept {
  const std::size_t tag_size = tag.view().size();
  char* out = text_.data() + size_;
  if (tag_size != 0) std::memcpy(out, tag.view().data(), tag_size);
  out += tag_size;
  *out++ = static_cast<char>(tag_size);
  write_big_endian(static_cast<std::uint64_t>(expires_at), time_size, out);
  out += time_size;
  write_big_endian(static_cast<std::uint64_t>(life), life_size, out);
  out += life_size;
  write_big_endian(static_cast<std::uint64_t>(read_at), time_size, out);
  std::memcpy(out + time_size, value_magic.data(), value_magic.size());
  return std::string_view(text_).substr(0, size_ + tag_size + tail_size);
}

stored_value to_value(const view& entry, std::string&& text) {
  stored_value out{std::move(text), {}, 0};
  make_value(entry, out);
  return out;
}

void make_value(const view& entry, stored_value& into) {
  into.tag = etag(entry.tag);
  into.expires_at = entry.expires_at;
  into.bytes.resize(entry.bytes.size());
}

}  // namespace coatcheck::cached_entry
