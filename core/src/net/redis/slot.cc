// Slots: see slot.hpp.
#include "net/redis/slot.hpp"

#include <array>
#include <charconv>
#include <utility>

namespace coatcheck::net {
namespace {

constexpr std::array<std::uint16_t, 256> make_crc_table() {
  std::array<std::uint16_t, 256> table{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    unsigned value = byte << 8;
    for (int bit = 0; bit < 8; ++bit) value = (value << 1) ^ ((value & 0x8000) != 0 ? 0x1021U : 0U);
    table[byte] = static_cast<std::uint16_t>(value);
  }
  return table;
}
constexpr auto crc_table = make_crc_table();

// Reads the arguments of a command that is in two pieces.
class argument_reader {
 public:
  argument_reader(std::string_view command, std::string_view rest) : at_(command), rest_(rest) {}

  // Of `*3\r\n` and `$5\r\n`; none: something else stands there.
  std::optional<std::size_t> number(char type) {
    if (at_.empty()) at_ = std::exchange(rest_, {});
    if (at_.empty() || at_.front() != type) return std::nullopt;
    std::size_t value = 0;
    const auto [end, failed] = std::from_chars(at_.data() + 1, at_.data() + at_.size(), value);
    const auto used = static_cast<std::size_t>(end - at_.data());
    if (failed != std::errc() || at_.substr(used, 2) != "\r\n") return std::nullopt;
    at_.remove_prefix(used + 2);
    return value;
  }
  std::optional<std::string_view> next() {
    const auto size = number('$');
    if (!size || at_.size() < *size + 2) return std::nullopt;
    const auto text = at_.substr(0, *size);
    at_.remove_prefix(*size + 2);
    return text;
  }

 private:
  std::string_view at_;
  std::string_view rest_;
};

}  // namespace

std::uint16_t crc16(std::string_view bytes) noexcept {
  unsigned value = 0;
  for (const char c : bytes) {
    value = ((value << 8) ^ crc_table[((value >> 8) ^ static_cast<unsigned char>(c)) & 0xff]) & 0xffff;
  }
  return static_cast<std::uint16_t>(value);
}

// The part between the first '{' and the first '}' after it decides, unless it is empty.
unsigned slot_of_key(std::string_view key) noexcept {
  const auto open = key.find('{');
  if (open != std::string_view::npos) {
    const auto close = key.find('}', open + 1);
    if (close != std::string_view::npos && close != open + 1) key = key.substr(open + 1, close - open - 1);
  }
  return crc16(key) & (slot_count - 1);
}

std::optional<unsigned> slot_of_command(std::string_view command, std::string_view rest) noexcept {
  argument_reader arguments(command, rest);
  if (!arguments.number('*')) return std::nullopt;
  const auto name = arguments.next();
  if (!name || *name == "SCAN") return std::nullopt;
  if (*name == "EVALSHA" || *name == "EVAL") {
    (void)arguments.next();  // the script, or its digest
    const auto keys = arguments.next();
    if (!keys || *keys == "0") return std::nullopt;
  }
  const auto key = arguments.next();
  if (!key) return std::nullopt;
  return slot_of_key(*key);
}

}  // namespace coatcheck::net
