// The strict reader on nlohmann/json's tokeniser: what the one on RapidJSON is held against.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "jose/json.hpp"
#include "jose/json_guard.hpp"

namespace coatcheck_test {

namespace json = coatcheck::jose::json;

class sax final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit sax(json::guard<std::string>& to) noexcept : to_(to) {}
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
  json::guard<std::string>& to_;
  bool overflow_ = false;
};

inline json::verdict read_reference(std::string_view text, json::visitor& to) {
  if (json::never_json(text)) return json::verdict::malformed;
  std::vector<std::string> names;
  json::guard<std::string> through(to, true, names);
  sax handler(through);
  if (nlohmann::json::sax_parse(text.data(), text.data() + text.size(), &handler)) return json::verdict::ok;
  return handler.overflow() ? json::verdict::overflow : through.why();
}

}  // namespace coatcheck_test
