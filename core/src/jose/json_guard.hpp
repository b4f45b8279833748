// What the strict reader checks beyond a tokeniser: duplicates, depth, halves of surrogate pairs, numbers out of range.
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>
#include <vector>

#include "jose/json.hpp"

namespace coatcheck::jose::json {

inline constexpr std::size_t few_members = 16;  // up to here names are compared pairwise, beyond they are sorted

// Half a surrogate pair that came out of an escape: RapidJSON lets a lone low one through.
inline bool holds_surrogate(std::string_view text) noexcept {
  for (std::size_t at = 0; (at = text.find('\xED', at)) != std::string_view::npos; ++at) {
    if (at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0xA0) return true;
  }
  return false;
}

// Equality of names. The first byte tells most of them apart, without a call.
inline bool same_name(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && (a.empty() || (a[0] == b[0] && std::memcmp(a.data(), b.data(), a.size()) == 0));
}

// Stands between a tokeniser and a visitor. `Name` is how names are kept: a view where the text outlives the
// parse, a string where it does not.
template <class Name>
class guard {
 public:
  guard(visitor& to, bool escapes, std::vector<Name>& names) noexcept : to_(to), escapes_(escapes), names_(names) {}
  [[nodiscard]] verdict why() const noexcept { return why_; }

  bool null() { return pass(to_.on_null(depth_)); }
  bool boolean(bool value) { return pass(to_.on_bool(value, depth_)); }
  bool integer(std::int64_t v) {
    return pass(to_.on_number({number::kind::integer, v, 0, static_cast<double>(v)}, depth_));
  }
  bool natural(std::uint64_t v) {
    return pass(to_.on_number({number::kind::natural, 0, v, static_cast<double>(v)}, depth_));
  }
  // `text` is what `v` was read from: one that became infinite, or nothing, was out of range.
  bool real(double v, std::string_view text) {
    const bool vanished = v == 0 && text.substr(0, text.find_first_of("eE")).find_first_of("123456789") != text.npos;
    if (!std::isfinite(v) || vanished) return refuse(verdict::overflow);
    return pass(to_.on_number({number::kind::real, 0, 0, v}, depth_));
  }
  // A number as it stands in the text, its grammar checked.
  bool number_text(std::string_view text) {
    const char* const end = text.data() + text.size();
    if (!std::any_of(text.begin(), text.end(), [](char c) { return c == '.' || c == 'e' || c == 'E'; })) {
      if (text[0] == '-') {
        std::int64_t v = 0;
        if (std::from_chars(text.data(), end, v).ec == std::errc()) return integer(v);
      } else {
        std::uint64_t v = 0;
        if (std::from_chars(text.data(), end, v).ec == std::errc()) return natural(v);
      }
    }
    double v = 0;
    if (std::from_chars(text.data(), end, v).ec != std::errc()) return refuse(verdict::overflow);
    return real(v, text);
  }
  bool string(std::string_view text) {
    if (escapes_ && holds_surrogate(text)) return refuse(verdict::malformed);
    return pass(to_.on_string(text, depth_));
  }
  bool start(bool object) {
    if (depth_ == max_depth) return refuse(verdict::too_deep);
    if (!pass(to_.on_start(object, depth_))) return false;
    first_[depth_++] = names_.size();
    return true;
  }
  bool name(std::string_view text) {
    if (escapes_ && holds_surrogate(text)) return refuse(verdict::malformed);
    names_.emplace_back(text);
    return pass(to_.on_key(text, depth_));
  }
  bool end(bool object) {
    const auto begin = names_.begin() + static_cast<std::ptrdiff_t>(first_[--depth_]);
    if (object && repeats(begin)) return refuse(verdict::duplicate);
    names_.erase(begin, names_.end());
    return pass(to_.on_end(object, depth_));
  }

 private:
  using iterator = typename std::vector<Name>::iterator;
  bool repeats(iterator begin) {
    const iterator end = names_.end();
    if (static_cast<std::size_t>(end - begin) > few_members) {
      std::sort(begin, end);  // bounded work whatever the names are: no hash to be flooded
      return std::adjacent_find(begin, end) != end;
    }
    for (iterator a = begin; a != end; ++a) {
      if (std::any_of(a + 1, end, [&](const Name& other) { return same_name(*a, other); })) return true;
    }
    return false;
  }
  bool pass(bool go_on) noexcept { return go_on || refuse(verdict::stopped); }
  bool refuse(verdict why) noexcept {
    why_ = why;
    return false;
  }

  visitor& to_;
  const bool escapes_;
  std::vector<Name>& names_;
  std::size_t first_[max_depth] = {};
  std::size_t depth_ = 0;
  verdict why_ = verdict::malformed;
};

// nlohmann/json passes over a byte order mark, and both tokenisers take a NUL for the end of the text.
inline bool never_json(std::string_view text) noexcept {
  return text.substr(0, 3) == "\xEF\xBB\xBF" || std::memchr(text.data(), 0, text.size()) != nullptr;
}

}  // namespace coatcheck::jose::json
