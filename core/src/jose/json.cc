// The strict reader: the checks that neither tokeniser makes (duplicates, depth, surrogates) stand here once.
#include "jose/json.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <vector>

#include "crypto/hmac.hpp"

#if __has_include(<rapidjson/reader.h>)
#define COATCHECK_RAPIDJSON 1
#include <rapidjson/reader.h>
#include <rapidjson/stream.h>
#endif

namespace coatcheck::jose::json {
namespace {

constexpr std::size_t few_members = 16;  // up to here names are compared pairwise, beyond they are sorted

// Half a surrogate pair that came out of an escape: RapidJSON lets a lone low one through.
bool holds_surrogate(std::string_view text) noexcept {
  for (std::size_t at = 0; (at = text.find('\xED', at)) != std::string_view::npos; ++at) {
    if (at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0xA0) return true;
  }
  return false;
}

// Equality of names. The first byte tells most of them apart, without a call.
bool same_name(std::string_view a, std::string_view b) noexcept {
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
bool never_json(std::string_view text) noexcept {
  return text.substr(0, 3) == "\xEF\xBB\xBF" || std::memchr(text.data(), 0, text.size()) != nullptr;
}

#ifdef COATCHECK_RAPIDJSON
struct rapid {
  guard<std::string_view>& to;
  bool Null() { return to.null(); }
  bool Bool(bool v) { return to.boolean(v); }
  // Numbers come as text: RapidJSON 1.1 turns them into doubles through a stack whose arithmetic on a null pointer
  // is undefined, and not exactly where that is left out.
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) { return to.number_text({text, size}); }
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }
  bool String(const char* text, rapidjson::SizeType size, bool) { return to.string({text, size}); }
  bool Key(const char* text, rapidjson::SizeType size, bool) { return to.name({text, size}); }
  bool StartObject() { return to.start(true); }
  bool EndObject(rapidjson::SizeType) { return to.end(true); }
  bool StartArray() { return to.start(false); }
  bool EndArray(rapidjson::SizeType) { return to.end(false); }
};
#endif

class sax final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit sax(guard<std::string>& to) noexcept : to_(to) {}
  bool null() override { return to_.null(); }
  bool boolean(bool v) override { return to_.boolean(v); }
  bool number_integer(number_integer_t v) override { return to_.integer(v); }
  bool number_unsigned(number_unsigned_t v) override { return to_.natural(v); }
  bool number_float(number_float_t v, const string_t& text) override { return to_.real(v, text); }
  bool string(string_t& v) override { return to_.string(v); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return to_.start(true); }
  bool key(string_t& v) override { return to_.name(v); }
  bool end_object() override { return to_.end(true); }
  bool start_array(std::size_t) override { return to_.start(false); }
  bool end_array() override { return to_.end(false); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& why) override {
    overflow_ = why.id == 406;  // out_of_range.406: a number beyond a double
    return false;
  }
  [[nodiscard]] bool overflow() const noexcept { return overflow_; }

 private:
  guard<std::string>& to_;
  bool overflow_ = false;
};

// Builds a document. The stack holds the containers that are open.
class builder final : public visitor {
 public:
  bool on_key(std::string_view name, std::size_t) override {
    name_.assign(name);
    return true;
  }
  bool on_string(std::string_view v, std::size_t) override { return add(document(std::string(v))); }
  bool on_number(const number& v, std::size_t) override {
    switch (v.what) {
      case number::kind::integer:
        return add(document(v.integer));
      case number::kind::natural:
        return add(document(v.natural));
      case number::kind::real:
        break;
    }
    return add(document(v.real));
  }
  bool on_bool(bool v, std::size_t) override { return add(document(v)); }
  bool on_null(std::size_t) override { return add(document(nullptr)); }
  bool on_start(bool object, std::size_t) override {
    open_.emplace_back(std::move(name_), object ? document::object() : document::array());
    name_.clear();
    return true;
  }
  bool on_end(bool, std::size_t) override {
    auto [name, value] = std::move(open_.back());
    open_.pop_back();
    name_ = std::move(name);
    return add(std::move(value));
  }
  document take() { return std::move(top_); }

 private:
  bool add(document value) {
    if (open_.empty()) {
      top_ = std::move(value);
    } else if (document& into = open_.back().second; into.is_object()) {
      // Names are distinct (or the whole text is refused), so the look-up that operator[] makes is not needed.
      into.get_ref<document::object_t&>().emplace_back(std::move(name_), std::move(value));
      name_.clear();
    } else {
      into.push_back(std::move(value));
    }
    return true;
  }
  document top_;
  std::string name_;
  std::vector<std::pair<std::string, document>> open_;
};

}  // namespace

std::string_view describe(verdict v) noexcept {
  switch (v) {
    case verdict::ok:
      return "ok";
    case verdict::malformed:
      return "not valid JSON in UTF-8";
    case verdict::duplicate:
      return "a member appears twice";
    case verdict::too_deep:
      return "nested too deeply";
    case verdict::overflow:
      return "a number is out of the range of a double";
    case verdict::stopped:
      break;
  }
  return "not as expected";
}

verdict read_reference(std::string_view text, visitor& to) {
  if (never_json(text)) return verdict::malformed;
  std::vector<std::string> names;
  guard<std::string> through(to, true, names);
  sax handler(through);
  if (nlohmann::json::sax_parse(text.data(), text.data() + text.size(), &handler)) return verdict::ok;
  return handler.overflow() ? verdict::overflow : through.why();
}

#ifdef COATCHECK_RAPIDJSON
verdict read(std::string_view text, visitor& to) {
  if (never_json(text)) return verdict::malformed;
  // Parsed in place, in a copy: names and strings are then views, and nothing is allocated once warm.
  thread_local std::string scratch;
  thread_local std::vector<std::string_view> names;
  thread_local bool busy = false;
  if (busy) return read_reference(text, to);  // a visitor that parses
  busy = true;
  scratch.assign(text);
  names.clear();
  guard<std::string_view> through(to, std::memchr(text.data(), '\\', text.size()) != nullptr, names);
  rapid handler{through};
  rapidjson::InsituStringStream stream(scratch.data());
  rapidjson::Reader reader;
  const auto done = reader.Parse<rapidjson::kParseInsituFlag | rapidjson::kParseValidateEncodingFlag |
                                 rapidjson::kParseNumbersAsStringsFlag>(stream, handler);
  busy = false;
  crypto::wipe(scratch.data(), scratch.size());  // it may have been a private key
  if (scratch.capacity() > 64 * 1024) std::string().swap(scratch);
  if (!done.IsError()) return verdict::ok;
  if (done.Code() == rapidjson::kParseErrorTermination) return through.why();
  return done.Code() == rapidjson::kParseErrorNumberTooBig ? verdict::overflow : verdict::malformed;
}
#else
verdict read(std::string_view text, visitor& to) { return read_reference(text, to); }
#endif

parsed parse(std::string_view text) {
  builder into;
  const verdict what = read(text, into);
  return {what == verdict::ok ? into.take() : document(), what};
}

std::optional<std::string> print(const document& value) {
  try {
    return value.dump(-1, ' ', false, document::error_handler_t::strict);
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out += document(std::string(text)).dump(-1, ' ', false, document::error_handler_t::replace);
}

const document* member(const document& object, std::string_view name) noexcept {
  if (!object.is_object()) return nullptr;
  for (const auto& [key, value] : object.get_ref<const document::object_t&>()) {
    if (key == name) return &value;
  }
  return nullptr;
}

bool valid_utf8(std::string_view text) noexcept {
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = at + text.size();
  const auto tail = [&](int n) {
    for (int i = 1; i <= n; ++i) {
      if (at + i >= end || (at[i] & 0xC0) != 0x80) return false;
    }
    return true;
  };
  while (at != end) {
    if (*at < 0x80) {
      ++at;
    } else if (*at >= 0xC2 && *at <= 0xDF && tail(1)) {
      at += 2;
    } else if ((*at & 0xF0) == 0xE0 && tail(2) && !(*at == 0xE0 && at[1] < 0xA0) && !(*at == 0xED && at[1] >= 0xA0)) {
      at += 3;
    } else if (*at >= 0xF0 && *at <= 0xF4 && tail(3) && !(*at == 0xF0 && at[1] < 0x90) &&
               !(*at == 0xF4 && at[1] >= 0x90)) {
      at += 4;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace coatcheck::jose::json
