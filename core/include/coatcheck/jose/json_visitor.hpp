// The strict reader of JSON that headers, keys and claims come through, for bindings that make objects of what it
// finds.
//
// Beyond RFC 8259: the text is valid UTF-8 without a byte order mark, an escape never yields half a surrogate
// pair, no object has a member twice (compared after unescaping), nesting is bounded,
// and a number must fit a double (neither infinite nor rounded to nothing). RapidJSON tokenises, on every
// machine: what a token is must not depend on what is installed (docs/decisions/0058).
// The exponent is judged as it is written, too: 0e400 counts as out of range.
//
// Thread safety: read() may run on any thread; a visitor belongs to its call.
#pragma once

#include <cstddef>
#include <cstdint>
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

// Reads `text`, which is left as it is.
[[nodiscard]] verdict read(std::string_view text, visitor& to);

}  // namespace coatcheck::jose::json
