// The one strict JSON reader of src/jose: headers, keys and claims all come through here.
//
// Beyond RFC 8259: the text is valid UTF-8 without a byte order mark, an escape never yields half a surrogate
// pair, no object has a member twice (compared after unescaping), nesting is bounded,
// and a number must fit a double (neither infinite nor rounded to nothing). RapidJSON tokenises; where it is not
// installed nlohmann/json does.
// The exponent is judged as it is written, too: 0e400 counts as out of range.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace coatcheck::jose::json {

inline constexpr std::size_t max_depth = 32;

enum class verdict : std::uint8_t { ok, malformed, duplicate, too_deep, overflow, stopped };
[[nodiscard]] std::string_view describe(verdict v) noexcept;

struct number {
  enum class kind : std::uint8_t { integer, natural, real } what;
  std::int64_t integer;   // integer: below zero
  std::uint64_t natural;  // natural: zero and above
  double real;            // of every kind
};

// What the reader finds, in order. `depth` is the number of objects and arrays that enclose the value: 0 for
// the top. Views end with the parse. Returning false stops it (verdict stopped).
class visitor {
 public:
  virtual ~visitor() = default;
  virtual bool on_key(std::string_view name, std::size_t depth) = 0;
  virtual bool on_string(std::string_view value, std::size_t depth) = 0;
  virtual bool on_number(const number& value, std::size_t depth) = 0;
  virtual bool on_bool(bool value, std::size_t depth) = 0;
  virtual bool on_null(std::size_t depth) = 0;
  virtual bool on_start(bool object, std::size_t depth) = 0;
  virtual bool on_end(bool object, std::size_t depth) = 0;
};

// Shows everything to two visitors. The first may stop the reading; the second, which may be null, only its own part.
class tee final : public visitor {
 public:
  tee(visitor& first, visitor* second) noexcept : first_(first), second_(second) {}
  bool on_key(std::string_view name, std::size_t depth) override { return both(&visitor::on_key, name, depth); }
  bool on_string(std::string_view value, std::size_t depth) override { return both(&visitor::on_string, value, depth); }
  bool on_number(const number& value, std::size_t depth) override { return both(&visitor::on_number, value, depth); }
  bool on_bool(bool value, std::size_t depth) override { return both(&visitor::on_bool, value, depth); }
  bool on_null(std::size_t depth) override { return both(&visitor::on_null, depth); }
  bool on_start(bool object, std::size_t depth) override { return both(&visitor::on_start, object, depth); }
  bool on_end(bool object, std::size_t depth) override { return both(&visitor::on_end, object, depth); }

 private:
  template <class Method, class... Arguments>
  bool both(Method method, const Arguments&... arguments) {
    if (second_ != nullptr && !(second_->*method)(arguments...)) second_ = nullptr;
    return (first_.*method)(arguments...);
  }
  visitor& first_;
  visitor* second_;
};

// Reads `text`, which is left as it is.
[[nodiscard]] verdict read(std::string_view text, visitor& to);
// The same with nlohmann/json's tokeniser: what `read` is tested against, and does where RapidJSON is missing.
[[nodiscard]] verdict read_reference(std::string_view text, visitor& to);

// Reads into a document; order of members is kept.
using document = nlohmann::ordered_json;
struct parsed {
  document value;
  verdict what = verdict::malformed;
};
[[nodiscard]] parsed parse(std::string_view text);

// Printed as JSON.stringify does: no spaces, no ASCII escapes. Empty when a string is not UTF-8.
[[nodiscard]] std::optional<std::string> print(const document& value);

// Appends `text` as a JSON string with its quotes. `text` must be UTF-8.
void append_quoted(std::string& out, std::string_view text);

// Members of an object. Views into the document.
[[nodiscard]] const document* member(const document& object, std::string_view name) noexcept;
[[nodiscard]] bool valid_utf8(std::string_view text) noexcept;

}  // namespace coatcheck::jose::json
