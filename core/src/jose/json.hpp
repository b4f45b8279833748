// The one strict JSON reader of src/jose: headers, keys and claims all come through here. What it checks beyond RFC
// 8259 stands in coatcheck/jose/json_visitor.hpp.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "coatcheck/jose/json_visitor.hpp"

namespace coatcheck::jose::json {

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
