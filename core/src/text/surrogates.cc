// Escapes of UTF-16 units in JSON text.
#include "text/surrogates.hpp"

#include <charconv>

namespace coatcheck::text {
namespace {

constexpr std::size_t escape_size = 6;  // \u and four digits

// The unit of the escape at `at`; 0 when there is none.
unsigned unit_at(std::string_view json, std::size_t at) noexcept {
  if (json.size() < at + escape_size || json[at] != '\\' || json[at + 1] != 'u') return 0;
  unsigned unit = 0;
  const char* const begin = json.data() + at + 2;
  const char* const end = json.data() + at + escape_size;
  return std::from_chars(begin, end, unit, 16).ptr == end ? unit : 0;
}

bool is_high(unsigned unit) noexcept { return unit >= 0xd800 && unit <= 0xdbff; }
bool is_low(unsigned unit) noexcept { return unit >= 0xdc00 && unit <= 0xdfff; }

std::size_t find_from(std::string_view json, std::size_t at) noexcept {
  for (at = json.find('\\', at); at != std::string_view::npos; at = json.find('\\', at)) {
    const unsigned unit = unit_at(json, at);
    if (is_high(unit) && is_low(unit_at(json, at + escape_size))) {
      at += 2 * escape_size;
    } else if (is_high(unit) || is_low(unit)) {
      return at;
    } else {
      at += 2;  // whatever it escapes, a backslash for one
    }
  }
  return at;
}

}  // namespace

std::size_t find_lone_surrogate(std::string_view json) noexcept {
  return json.find("\\u") == std::string_view::npos ? std::string_view::npos : find_from(json, 0);
}

bool replace_lone_surrogates(std::string& json) noexcept {
  std::size_t at = find_lone_surrogate(json);
  if (at == std::string::npos) return false;
  for (; at != std::string::npos; at = find_from(json, at)) json.replace(at, escape_size, "\\ufffd");
  return true;
}

}  // namespace coatcheck::text
