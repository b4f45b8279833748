// JSON as the engine needs it: may this text be stored, do two texts mean the same.
// Parsing is nlohmann/json's; what is decided here is what crosses languages unharmed (I-JSON, RFC 7493).
#include "session/json.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "coatcheck/engine.hpp"

#include "session/value_table.hpp"
#include "text/surrogates.hpp"

namespace coatcheck {
namespace {

using nlohmann::json;
using session::value_table;

constexpr std::size_t max_depth = 64;
constexpr std::int64_t max_safe_integer = (std::int64_t{1} << 53) - 1;

// Walks a text once and stops at the first thing that another language would not read back as it was.
class portability_check final : public nlohmann::json_sax<json> {
 public:
  explicit portability_check(std::size_t max_values) : max_values_(max_values) {}
  [[nodiscard]] const char* problem() const noexcept { return problem_; }
  [[nodiscard]] bool too_many() const noexcept { return too_many_; }
  [[nodiscard]] bool broken() const noexcept { return broken_; }
  // Where the parser stands: " in session.a.3", labelled as member_label has it. Empty: at the session itself.
  [[nodiscard]] std::string where() const {
    std::string out;
    for (std::size_t i = 0; i < levels_.size() && i < max_labels; ++i) {
      const level& at = levels_[i];
      const bool innermost = i + 1 == levels_.size();
      const std::size_t end = innermost ? keys_.size() : levels_[i + 1].first_key;
      if (at.array) {
        // The innermost one's element was not begun when its text broke off.
        out += '.' + std::to_string(innermost ? at.values : at.values - 1);
      } else if (end > at.first_key && (!innermost || in_member_)) {
        out += '.' + member_label(keys_[end - 1], end - at.first_key - 1);
      }
    }
    return out.empty() ? out : " in session" + out;
  }

  bool null() override { return scalar(); }
  bool boolean(bool) override { return scalar(); }
  bool number_integer(number_integer_t value) override {
    return value >= -max_safe_integer ? scalar() : integer(std::to_string(value));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return value <= static_cast<std::uint64_t>(max_safe_integer) ? scalar() : integer(std::to_string(value));
  }
  bool number_float(number_float_t value, const string_t& text) override {
    if (!std::isfinite(value)) return refuse("a number is not finite");
    // An integer token too long for 64 bits arrives here as a float.
    return text.find_first_of(".eE") == string_t::npos ? integer(text) : scalar();
  }
  bool string(string_t&) override { return scalar(); }
  bool binary(binary_t&) override { return refuse("it holds binary data"); }
  bool start_object(std::size_t) override {
    if (!open()) return false;
    levels_.push_back({keys_.size(), 0, false});
    return true;
  }
  bool key(string_t& name) override {
    if (name == "__proto__") return refuse("a member is named __proto__");
    keys_.push_back(std::move(name));
    in_member_ = true;
    return true;
  }
  bool end_object() override {
    // Sorted, for a comparison with each of the others takes quadratic time.
    const auto begin = keys_.begin() + static_cast<std::ptrdiff_t>(levels_.back().first_key);
    std::sort(begin, keys_.end());
    const bool twice = std::adjacent_find(begin, keys_.end()) != keys_.end();
    keys_.resize(levels_.back().first_key);
    levels_.pop_back();
    return twice ? refuse("an object has two members of one name") : close();
  }
  bool start_array(std::size_t) override {
    if (depth_ == 0) return refuse("it is not an object");
    if (!open()) return false;
    levels_.push_back({keys_.size(), 0, true});
    return true;
  }
  bool end_array() override {
    levels_.pop_back();
    return close();
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    broken_ = true;
    return refuse("it is not valid JSON in UTF-8");
  }

 private:
  bool integer(std::string_view digits) {
    return portable_integer(digits) ? scalar() : refuse("an integer is beyond 2^53 and no double holds it exactly");
  }
  bool scalar() { return depth_ == 0 ? refuse("it is not an object") : count(); }
  bool open() {
    if (depth_ > 0 && !count()) return false;
    return ++depth_ > max_depth ? refuse("it is nested more than 64 deep") : true;
  }
  // Each value but the outermost is a member or an element.
  bool count() {
    in_member_ = false;
    if (!levels_.empty()) ++levels_.back().values;
    if (++values_ > max_values_) too_many_ = true;
    return !too_many_;
  }
  bool close() {
    --depth_;
    return true;
  }
  bool refuse(const char* why) {
    if (problem_ == nullptr) problem_ = why;
    return false;
  }

  const char* problem_ = nullptr;
  bool too_many_ = false;
  bool broken_ = false;
  std::size_t depth_ = 0;
  std::size_t values_ = 0;
  std::size_t max_values_;
  struct level {
    std::size_t first_key;  // where its keys begin
    std::size_t values;     // that were begun
    bool array;
  };
  bool in_member_ = false;         // between a name and its value
  std::vector<std::string> keys_;  // of all open objects, innermost last
  std::vector<level> levels_;      // that are open
};

bool is_number_byte(char c) noexcept {
  return (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.' || c == 'e' || c == 'E';
}

// Whether the texts differ in one number alone, a counter say, and that number's value differs. The same
// digits inside a string differ all the more.
bool one_number_differs(std::string_view a, std::string_view b) noexcept {
  const std::size_t shorter = std::min(a.size(), b.size());
  std::size_t head = 0;
  while (head < shorter && a[head] == b[head]) ++head;
  std::size_t tail = 0;
  while (tail < shorter - head && a[a.size() - 1 - tail] == b[b.size() - 1 - tail]) ++tail;
  while (head > 0 && is_number_byte(a[head - 1])) --head;
  while (tail > 0 && is_number_byte(a[a.size() - tail])) --tail;
  const auto number = [&](std::string_view text) {
    const auto* const begin = text.data() + head;
    const auto* const end = text.data() + text.size() - tail;
    double value = 0;
    const auto [stop, failed] = std::from_chars(begin, end, value);
    return begin < end && stop == end && failed == std::errc{} ? value : std::nan("");
  };
  return std::islessgreater(number(a), number(b));  // false where either is no number
}

// A sum over the bytes that no rewriting of the same value changes: order of members and the ways to write a
// number are left out.
bool byte_sums_differ(std::string_view a, std::string_view b) noexcept {
  const auto sum = [](std::string_view text) {
    std::uint64_t total = 0;
    for (const char c : text) total += c > ' ' && !is_number_byte(c) ? static_cast<unsigned char>(c) : 0U;
    return total;
  };
  return sum(a) != sum(b);
}

// Sees most changes without parsing. Only sound without escapes, which are other bytes for the same text.
bool surely_different(std::string_view a, std::string_view b) noexcept {
  if (a.find('\\') != std::string_view::npos || b.find('\\') != std::string_view::npos) return false;
  return one_number_differs(a, b) || byte_sums_differ(a, b);
}

// Whether a text from a JSON printer is sure to hold nothing that check_payload refuses. Errs on the safe side.
bool surely_portable(std::string_view printed, std::size_t max_values) noexcept {
  constexpr std::size_t unsafe_digits = 16;  // 2^53 has 16
  if (printed.size() < 2 || printed.front() != '{' || printed.back() != '}') return false;
  if (printed.find("__proto__") != std::string_view::npos || printed.find("\\u") != std::string_view::npos)
    return false;
  std::size_t opened = 0;
  std::size_t commas = 0;  // also those in strings: at least as many as separate values
  std::size_t digits = 0;
  for (const char c : printed) {
    digits = c >= '0' && c <= '9' ? digits + 1 : 0;
    if (digits == unsafe_digits) return false;
    if (c == '{' || c == '[') ++opened;
    if (c == ',') ++commas;
  }
  return opened <= max_depth && opened + commas <= max_values;
}

}  // namespace

result<void> session::check_committed(const commit_request& request, std::string& payload,
                                      const session_policy& policy) {
  // A record is read back by its first and last byte.
  if (!payload.starts_with('{') || !payload.ends_with('}')) {
    return {errc::not_serialisable, "a session must be a JSON object, and nothing around it"};
  }
  if (request.printed && payload.size() <= policy.max_payload && surely_portable(payload, policy.max_members)) {
    return {};
  }
  if (policy.halves == lone_surrogates::replace) {
    (void)text::replace_lone_surrogates(payload);
  }
  return check_payload(payload, policy.max_payload, policy.max_members);
}

std::string member_label(std::string_view name, std::size_t position) {
  constexpr std::size_t longest = 32;
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$'; };
  const bool plain = !name.empty() && name.size() <= longest && letter(name.front()) &&
                     std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
  return plain ? std::string(name) : "{" + std::to_string(position) + "}";
}

bool portable_integer(std::string_view digits) noexcept {
  double value = 0;
  const auto* const end = digits.data() + digits.size();
  const auto [stop, failed] = std::from_chars(digits.data(), end, value);
  if (stop != end || failed != std::errc{}) return false;
  if (std::abs(value) <= static_cast<double>(max_safe_integer)) return true;
  // The shortest digits of the double, as JavaScript prints them, are these up to zeros at the end.
  char shortest[32];
  const auto written =
      std::to_chars(std::begin(shortest), std::end(shortest), std::abs(value), std::chars_format::scientific);
  std::string_view mantissa(shortest, static_cast<std::size_t>(written.ptr - shortest));
  mantissa = mantissa.substr(0, mantissa.find('e'));
  if (digits.starts_with('-')) digits.remove_prefix(1);
  digits = digits.substr(0, digits.find_last_not_of('0') + 1);
  if (mantissa.size() == 1) return digits == mantissa;
  return digits.starts_with(mantissa.front()) && digits.substr(1) == mantissa.substr(2);
}

result<void> check_payload(std::string_view json_text, std::size_t max_bytes, std::size_t max_members) {
  if (json_text.size() > max_bytes) {
    return {errc::payload_too_large, "the session is " + std::to_string(json_text.size()) + " bytes of JSON; at most " +
                                         std::to_string(max_bytes) + " are stored (max_payload)"};
  }
  portability_check check(max_members);
  // nlohmann takes half a pair for a text that is broken. Its place is where the parser stopped.
  const bool half = text::find_lone_surrogate(json_text) != std::string_view::npos;
  if (!json::sax_parse(json_text.begin(), json_text.end(), &check) || check.problem() != nullptr || check.too_many()) {
    if (check.too_many()) {
      return {errc::payload_too_large, "the session holds more than " + std::to_string(max_members) +
                                           " members and elements; no more are stored (max_members)"};
    }
    if (half && check.broken()) {
      return {errc::not_serialisable,
              "the session can't be stored: half of a surrogate pair (a string that was cut inside a character)" +
                  check.where()};
    }
    return {errc::not_serialisable,
            std::string("the session cannot be stored so that every language reads it back: ") +
                (check.problem() != nullptr ? check.problem() : "it is not valid JSON in UTF-8")};
  }
  return {};
}

bool same_json(std::string_view a, std::string_view b) {
  if (a == b) return true;
  if (surely_different(a, b)) return false;
  value_table values;
  const auto left = values.read(a);
  const auto right = values.read(b);
  if (!values.overrun()) return left && left == right;
  const json one = json::parse(a, nullptr, false);  // made to defeat the table
  const json other = json::parse(b, nullptr, false);
  return !one.is_discarded() && !other.is_discarded() && one == other;
}

}  // namespace coatcheck
