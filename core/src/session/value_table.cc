// Reads JSON into interned values and prints them. Parsing is nlohmann/json's.
#include "session/value_table.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <system_error>

namespace coatcheck::session {
namespace {

using nlohmann::json;

constexpr std::size_t max_depth = 64;
constexpr std::size_t max_probes = 256;
constexpr double max_safe_integer = 9007199254740991.0;  // 2^53 - 1

std::uint64_t hash_of(std::string_view bytes, value_kind kind) noexcept {
  return std::hash<std::string_view>{}(bytes)*0x9E3779B97F4A7C15U + static_cast<std::uint64_t>(kind);
}

template <class T>
std::string_view as_bytes(const T* from, std::size_t count) noexcept {
  return {reinterpret_cast<const char*>(from), count * sizeof(T)};
}

class reader final : public nlohmann::json_sax<json> {
 public:
  explicit reader(value_table& into) : into_(into) {}
  [[nodiscard]] value_id root() const noexcept { return root_; }

  bool null() override { return take(into_.add_literal(value_kind::null, false)); }
  bool boolean(bool value) override { return take(into_.add_literal(value_kind::boolean, value)); }
  bool number_integer(number_integer_t value) override { return integer(value); }
  bool number_unsigned(number_unsigned_t value) override { return integer(value); }
  bool number_float(number_float_t value, const string_t& text) override {
    return std::isfinite(value) && take(into_.add_number(value, text));
  }
  bool string(string_t& value) override { return take(into_.add_string(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(true); }
  bool key(string_t& name) override {
    open_.back().name = into_.add_string(name);
    return true;
  }
  bool end_object() override {
    const auto ended = open_.back();
    open_.pop_back();
    bool distinct = true;
    const auto id = into_.add_object(std::span(members_).subspan(ended.first), &distinct);
    members_.resize(ended.first);
    return distinct && take(id);
  }
  bool start_array(std::size_t) override { return open(false); }
  bool end_array() override {
    const auto ended = open_.back();
    open_.pop_back();
    const auto id = into_.add_array(std::span(elements_).subspan(ended.first));
    elements_.resize(ended.first);
    return take(id);
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  struct frame {
    bool object;
    std::size_t first;  // where its parts begin in members_ or elements_
    value_id name = no_value;
  };

  template <class T>
  bool integer(T value) {
    char text[24];
    const auto [end, failed] = std::to_chars(std::begin(text), std::end(text), value);
    return take(into_.add_number(static_cast<double>(value), {text, static_cast<std::size_t>(end - text)}));
  }
  bool open(bool object) {
    open_.push_back({object, object ? members_.size() : elements_.size()});
    return open_.size() <= max_depth;
  }
  bool take(value_id id) {
    if (open_.empty()) {
      root_ = id;
    } else if (open_.back().object) {
      members_.push_back({open_.back().name, id});
    } else {
      elements_.push_back(id);
    }
    return true;
  }

  value_table& into_;
  value_id root_ = no_value;
  std::vector<frame> open_;
  std::vector<value_table::member> members_;
  std::vector<value_id> elements_;
};

void print_string(std::string_view text, std::string& into) {
  const bool plain = std::none_of(text.begin(), text.end(),
                                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; });
  if (plain) {
    into.append(1, '"').append(text).append(1, '"');
  } else {
    into += json(text).dump();
  }
}

}  // namespace

value_table::value_table() : slots_(1024, no_value) {}

std::optional<value_id> value_table::read(std::string_view text) {
  reader into(*this);
  if (!json::sax_parse(text.begin(), text.end(), &into) || into.root() == no_value) return std::nullopt;
  return into.root();
}

value_id value_table::find(value_id object, value_id name) const noexcept {
  const auto& owner = values_[object];
  const auto begin = by_name_.begin() + owner.first;
  const auto end = begin + owner.count;
  const auto at =
      std::lower_bound(begin, end, name, [](const member& one, value_id wanted) { return one.name < wanted; });
  return at != end && at->name == name ? at->value : no_value;
}

value_id value_table::add_literal(value_kind kind, bool truth) {
  return intern({kind, truth, 0, 0, 0, hash_of(truth ? "t" : "f", kind)});
}

value_id value_table::add_number(double what, std::string_view written) {
  const double canonical = what == 0 ? 0 : what;  // -0 is 0 in every comparison
  const auto first = static_cast<std::uint32_t>(bytes_.size());
  bytes_.append(written);
  const auto bits = std::bit_cast<std::uint64_t>(canonical);
  return intern({value_kind::number, false, first, static_cast<std::uint32_t>(written.size()), canonical,
                 hash_of(as_bytes(&bits, 1), value_kind::number)});
}

value_id value_table::add_number(double what) {
  char text[32];
  auto* const limit = std::end(text);
  const bool whole = std::trunc(what) == what && std::abs(what) <= max_safe_integer;
  const auto end =
      whole ? std::to_chars(text, limit, static_cast<std::int64_t>(what)).ptr : std::to_chars(text, limit, what).ptr;
  return add_number(what, {text, static_cast<std::size_t>(end - text)});
}

value_id value_table::add_string(std::string_view decoded) {
  const auto first = static_cast<std::uint32_t>(bytes_.size());
  const auto hash = hash_of(decoded, value_kind::string);
  bytes_.append(decoded);
  return intern({value_kind::string, false, first, static_cast<std::uint32_t>(decoded.size()), 0, hash});
}

value_id value_table::add_array(std::span<const value_id> elements) {
  const auto first = static_cast<std::uint32_t>(elements_.size());
  const auto hash = hash_of(as_bytes(elements.data(), elements.size()), value_kind::array);
  elements_.insert(elements_.end(), elements.begin(), elements.end());
  return intern({value_kind::array, false, first, static_cast<std::uint32_t>(elements.size()), 0, hash});
}

value_id value_table::add_object(std::span<const member> members, bool* distinct) {
  const auto first = members_.size();
  members_.insert(members_.end(), members.begin(), members.end());
  by_name_.insert(by_name_.end(), members.begin(), members.end());
  const auto begin = by_name_.begin() + static_cast<std::ptrdiff_t>(first);
  std::sort(begin, by_name_.end(), [](const member& a, const member& b) { return a.name < b.name; });
  if (distinct != nullptr) {
    *distinct = std::adjacent_find(begin, by_name_.end(),
                                   [](const member& a, const member& b) { return a.name == b.name; }) == by_name_.end();
  }
  return intern({value_kind::object, false, static_cast<std::uint32_t>(first),
                 static_cast<std::uint32_t>(members.size()), 0,
                 hash_of(as_bytes(by_name_.data() + first, members.size()), value_kind::object)});
}

bool value_table::safe_number(double value) noexcept {
  return std::isfinite(value) && (std::trunc(value) != value || std::abs(value) <= max_safe_integer);
}

bool value_table::same(const value& a, const value& b) const noexcept {
  if (a.hash != b.hash || a.kind != b.kind) return false;
  const auto equal_parts = [&](const auto& parts) {
    return a.count == b.count &&
           std::equal(parts.begin() + a.first, parts.begin() + a.first + a.count, parts.begin() + b.first);
  };
  switch (a.kind) {
    case value_kind::null:
      return true;
    case value_kind::boolean:
      return a.truth == b.truth;
    case value_kind::number:
      return a.number == b.number;
    case value_kind::string:
      return equal_parts(bytes_);
    case value_kind::array:
      return equal_parts(elements_);
    case value_kind::object:
      return equal_parts(by_name_);
  }
  return false;
}

value_id value_table::intern(value candidate) {
  if (values_.size() * 2 >= slots_.size()) grow();
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = candidate.hash >> 7 & mask;
  for (std::size_t probes = 0; slots_[at] != no_value; at = (at + 1) & mask) {
    if (same(values_[slots_[at]], candidate)) {
      // What was appended for the candidate is taken back.
      if (candidate.kind == value_kind::number || candidate.kind == value_kind::string) bytes_.resize(candidate.first);
      if (candidate.kind == value_kind::array) elements_.resize(candidate.first);
      if (candidate.kind == value_kind::object) {
        members_.resize(candidate.first);
        by_name_.resize(candidate.first);
      }
      return slots_[at];
    }
    if (++probes > max_probes) {
      overrun_ = true;
      break;
    }
  }
  const auto id = static_cast<value_id>(values_.size());
  values_.push_back(candidate);
  if (!overrun_) slots_[at] = id;
  return id;
}

void value_table::grow() {
  std::vector<value_id> larger(slots_.size() * 4, no_value);
  const std::size_t mask = larger.size() - 1;
  for (value_id id = 0; id < values_.size() && !overrun_; ++id) {
    std::size_t at = values_[id].hash >> 7 & mask;
    for (std::size_t probes = 0; larger[at] != no_value; at = (at + 1) & mask) {
      if (++probes > max_probes) {
        overrun_ = true;
        break;
      }
    }
    if (!overrun_) larger[at] = id;
  }
  slots_ = std::move(larger);
}

void value_table::print(value_id id, std::string& into) const {
  switch (kind(id)) {
    case value_kind::null:
      into += "null";
      return;
    case value_kind::boolean:
      into += values_[id].truth ? "true" : "false";
      return;
    case value_kind::number:
      into += text(id);
      return;
    case value_kind::string:
      print_string(text(id), into);
      return;
    case value_kind::array: {
      char before = '[';
      for (const auto one : elements(id)) {
        into += std::exchange(before, ',');
        print(one, into);
      }
      into += before == '[' ? "[]" : "]";
      return;
    }
    case value_kind::object: {
      char before = '{';
      for (const auto& one : members(id)) {
        into += std::exchange(before, ',');
        print_string(text(one.name), into);
        into += ':';
        print(one.value, into);
      }
      into += before == '{' ? "{}" : "}";
      return;
    }
  }
}

}  // namespace coatcheck::session
