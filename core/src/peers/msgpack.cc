// MessagePack through nlohmann's reader, which is asked first how deep the text is: it calls itself for each level.
#include "peers/msgpack.hpp"

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "coatcheck/clock.hpp"
#include "coatcheck/cookie.hpp"

#include "crypto/base64url.hpp"

namespace coatcheck::peers {
namespace {

using json = nlohmann::ordered_json;

constexpr int most_levels = 64;

// Stops the reader where the text is deeper than sessions are.
class depth_guard final : public nlohmann::json_sax<json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return ++depth_ <= most_levels; }
  bool key(string_t&) override { return true; }
  bool end_object() override {
    --depth_;
    return true;
  }
  bool start_array(std::size_t) override { return ++depth_ <= most_levels; }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  int depth_ = 0;
};

// The timestamp extension: 32 bits of seconds; 30 bits of nanoseconds and 34 of seconds; 32 and 64 bits.
std::optional<std::int64_t> timestamp_seconds(const json::binary_t& bytes) {
  const auto number = [&](std::size_t from, std::size_t to) {
    std::uint64_t value = 0;
    for (std::size_t at = from; at < to; ++at) value = value << 8U | bytes[at];
    return value;
  };
  if (bytes.size() == 4) return static_cast<std::int64_t>(number(0, 4));
  if (bytes.size() == 8) return static_cast<std::int64_t>(number(0, 8) & 0x3'ffff'ffffU);
  if (bytes.size() == 12) return static_cast<std::int64_t>(number(4, 12));
  return std::nullopt;
}

// In place; false: a value that there is no word for.
bool tag_binaries(json& value) {
  if (value.is_structured()) {
    for (auto& inner : value) {
      if (!tag_binaries(inner)) return false;
    }
    return true;
  }
  if (value.is_number_float()) return std::isfinite(value.get<double>());
  if (!value.is_binary()) return true;
  const auto& bytes = value.get_binary();
  if (!bytes.has_subtype()) {
    std::string text((bytes.size() + 2) / 3 * 4, '=');
    crypto::base64_encode_to(bytes, text.data());
    value = json{{" b", std::move(text)}};
    return true;
  }
  constexpr std::uint64_t timestamp = 0xff;  // type -1
  const auto seconds = (bytes.subtype() & 0xffU) == timestamp ? timestamp_seconds(bytes) : std::nullopt;
  if (!seconds || *seconds < 0 || *seconds > latest_time / 1000) return false;
  value = json{{" d", http_date(*seconds * 1000)}};
  return true;
}

}  // namespace

std::optional<std::string> msgpack_to_json(std::string_view bytes) {
  depth_guard guard;
  if (!json::sax_parse(bytes, &guard, json::input_format_t::msgpack)) return std::nullopt;
  json read = json::from_msgpack(bytes, true, false);
  if (!read.is_object() || !tag_binaries(read)) return std::nullopt;
  try {
    return read.dump();
  } catch (const json::exception&) {  // text that is no UTF-8
    return std::nullopt;
  }
}

}  // namespace coatcheck::peers
