// Members of a JSON object as pieces of its text: see peers/express_record.hpp.
#include "peers/express_record.hpp"

#include <nlohmann/json.hpp>

namespace coatcheck::peers {
namespace {

constexpr std::string_view cookie_member = "cookie";

bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Walks the members of an object that is known to be valid JSON, without looking into them.
class member_walk {
 public:
  explicit member_walk(std::string_view object) noexcept : text_(object) {
    skip_space();
    ++at_;
  }
  // The next member; false at the end.
  bool next() {
    skip_space();
    if (text_[at_] == ',') {
      ++at_;
      skip_space();
    }
    if (text_[at_] == '}') return false;
    begin_ = at_;
    skip_string();
    name_ = text_.substr(begin_ + 1, at_ - begin_ - 2);
    skip_space();
    ++at_;  // the colon
    skip_space();
    const std::size_t value = at_;
    skip_value();
    value_ = text_.substr(value, at_ - value);
    return true;
  }
  [[nodiscard]] bool named(std::string_view name) const {
    if (name_.find('\\') == std::string_view::npos) return name_ == name;
    return nlohmann::json::parse(text_.substr(begin_, name_.size() + 2), nullptr, false) == name;
  }
  [[nodiscard]] std::string_view value() const noexcept { return value_; }
  [[nodiscard]] std::string_view whole() const noexcept { return text_.substr(begin_, at_ - begin_); }

 private:
  void skip_space() noexcept {
    while (is_space(text_[at_])) ++at_;
  }
  void skip_string() noexcept {
    for (++at_; text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    ++at_;
  }
  void skip_value() noexcept {
    std::size_t depth = 0;
    do {
      switch (text_[at_]) {
        case '"':
          skip_string();
          break;
        case '{':
        case '[':
          ++depth;
          ++at_;
          break;
        case '}':
        case ']':
          --depth;
          ++at_;
          break;
        default:
          // In an array or object everything between strings and brackets; else one number or word.
          ++at_;
          while (depth == 0 && !is_space(text_[at_]) && text_[at_] != ',' && text_[at_] != '}') ++at_;
      }
    } while (depth > 0);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t begin_ = 0;
  std::string_view name_;
  std::string_view value_;
};

bool is_object(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size() && is_space(text[at])) ++at;
  return at < text.size() && text[at] == '{' && nlohmann::json::accept(text);
}

}  // namespace

std::optional<express_record> read_express_record(std::string_view bytes) {
  if (!is_object(bytes)) return std::nullopt;
  express_record out;
  out.payload.reserve(bytes.size());
  out.payload = "{";
  for (member_walk members(bytes); members.next();) {
    if (members.named(cookie_member)) {
      out.cookie = members.value();
      continue;
    }
    if (out.payload.size() > 1) out.payload += ',';
    out.payload += members.whole();
  }
  out.payload += '}';
  if (!out.cookie.starts_with('{')) return std::nullopt;
  return out;
}

std::string write_express_record(std::string_view cookie, std::string_view payload) {
  const std::size_t first = payload.find_first_not_of(" \t\r\n", payload.find('{') + 1);
  std::string out;
  out.reserve(cookie.size() + payload.size() + 16);
  out.append("{\"cookie\":").append(cookie);
  if (payload[first] != '}') out += ',';
  return out.append(payload.substr(first));
}

bool has_member(std::string_view object, std::string_view name) {
  // Most have no such text anywhere, and no escape that could hide it.
  if (object.find(name) == std::string_view::npos && object.find("\\u") == std::string_view::npos) return false;
  for (member_walk members(object); members.next();) {
    if (members.named(name)) return true;
  }
  return false;
}

}  // namespace coatcheck::peers
