// Encoding and decoding of records, and of snapshots for hosts that keep them as text.
#include "session/record.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "crypto/base64url.hpp"
#include "crypto/hmac.hpp"

namespace coatcheck {
namespace {

using nlohmann::json;

constexpr std::string_view record_version = "cc1";
constexpr std::string_view packed_version = "p1";
constexpr std::string_view packed_unreadable = "p1!";
constexpr std::string_view packed_reroute = "p1>";
constexpr std::string_view forwarding_version = "cc1>";
constexpr std::size_t time_digits = 13;
constexpr std::string_view no_extras = "-";

void append_number(std::string& out, std::int64_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out.append(digits, end);
}

// Never more digits than are read.
void append_time(std::string& out, epoch_ms at) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, std::clamp<epoch_ms>(at, 0, latest_time)).ptr;
  const auto length = static_cast<std::size_t>(end - digits);
  if (length < time_digits) out.append(time_digits - length, '0');
  out.append(digits, end);
}

// Reads one space-separated field at a time; a wrong one turns `ok` off for good.
class field_reader {
 public:
  explicit field_reader(std::string_view text) noexcept : rest_(text) {}

  std::string_view text() noexcept {
    const auto space = rest_.find(' ');
    if (space == std::string_view::npos) {
      ok_ = false;
      return {};
    }
    const auto field = rest_.substr(0, space);
    rest_.remove_prefix(space + 1);
    return field;
  }
  std::int64_t number() noexcept {
    const auto field = text();
    std::int64_t value = 0;
    const auto [end, failed] = std::from_chars(field.data(), field.data() + field.size(), value);
    if (failed != std::errc{} || end != field.data() + field.size() || value < 0) ok_ = false;
    return value;
  }
  std::int64_t time() noexcept {
    const auto before = rest_;
    const auto value = number();
    if (ok_ && before.find(' ') != time_digits) ok_ = false;
    return value;
  }
  std::string_view take(std::size_t size) noexcept {
    if (size > rest_.size()) {
      ok_ = false;
      return {};
    }
    const auto field = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return field;
  }
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }
  [[nodiscard]] bool ok() const noexcept { return ok_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

void append_extras(std::string& out, const snapshot& session) {
  if (session.owner.empty() && session.cookie.empty()) {
    out += no_extras;
    return;
  }
  json extras = json::object();
  if (!session.owner.empty()) extras["owner"] = session.owner;
  if (!session.cookie.empty()) extras["cookie"] = json::parse(session.cookie, nullptr, false);
  out += extras.dump(-1, ' ', false, json::error_handler_t::replace);
}

bool read_extras(std::string_view text, snapshot& session) {
  session.owner.clear();
  session.cookie.clear();
  if (text == no_extras) return true;
  const json extras = json::parse(text, nullptr, false);
  if (!extras.is_object()) return false;
  if (const auto owner = extras.find("owner"); owner != extras.end()) {
    if (!owner->is_string()) return false;
    session.owner = owner->get<std::string>();
  }
  if (const auto cookie = extras.find("cookie"); cookie != extras.end()) {
    if (!cookie->is_object()) return false;
    session.cookie = cookie->dump();
  }
  return true;
}

error damaged(const char* what) {
  return {errc::record_damaged, std::string("the stored session record is damaged: ") + what +
                                    "; it is left as it is, and ends when its time comes"};
}

}  // namespace

namespace session {

std::string encode_record(const snapshot& session, std::string_view store_key) {
  std::string out;
  out.reserve(96 + session.payload.size());
  out += record_version;
  out += ' ';
  append_time(out, session.created);
  out += ' ';
  append_time(out, session.absolute_at);
  out += ' ';
  append_number(out, session.idle);
  out += ' ';
  out += store_key.substr(0, key_check_size);
  out += ' ';
  append_number(out, static_cast<std::int64_t>(session.payload.size()));
  out += ' ';
  append_extras(out, session);
  out += '\n';
  out += session.payload;
  return out;
}

std::string encode_forwarding(const forwarding& mark, std::string_view store_key) {
  std::string out(forwarding_version);
  out += ' ';
  append_time(out, mark.until);
  out += ' ';
  out += store_key.substr(0, key_check_size);
  out += ' ';
  out += mark.key;
  out += '\n';
  return out;
}

std::optional<forwarding> decode_forwarding(std::string_view bytes, std::string_view store_key) {
  if (bytes.empty() || bytes.back() != '\n') return std::nullopt;
  field_reader fields(bytes.substr(0, bytes.size() - 1));
  if (fields.text() != forwarding_version) return std::nullopt;
  forwarding mark;
  mark.until = fields.time();
  const auto check = fields.text();
  if (!fields.ok() || !crypto::equal_constant_time(check, store_key.substr(0, key_check_size))) return std::nullopt;
  mark.key = fields.rest();
  return mark.key.empty() ? std::nullopt : std::optional(std::move(mark));
}

result<void> decode_record(std::string bytes, std::string_view store_key, snapshot& session) {
  const auto line_end = bytes.find('\n');
  if (line_end == std::string::npos) return damaged("it has no header");
  field_reader header(std::string_view(bytes).substr(0, line_end));
  if (header.text() != record_version) {
    return damaged("its format is unknown (written by a newer coatcheck, or not by coatcheck)");
  }
  session.created = header.time();
  session.absolute_at = header.time();
  session.idle = header.number();
  const auto check = header.text();
  const auto length = header.number();
  if (!header.ok()) return damaged("its header does not parse");
  if (!crypto::equal_constant_time(check, store_key.substr(0, key_check_size))) {
    return {errc::record_mismatch,
            "the store answered with the record of another session; it was not used. Check what stands between "
            "coatcheck and the store"};
  }
  if (!read_extras(header.rest(), session)) return damaged("its header does not parse");
  const auto payload_size = bytes.size() - line_end - 1;
  if (static_cast<std::uint64_t>(length) != payload_size || payload_size < 2 || bytes[line_end + 1] != '{' ||
      bytes.back() != '}') {
    return damaged("its payload was cut");
  }
  bytes.erase(0, line_end + 1);
  session.payload = std::move(bytes);
  return {};
}

}  // namespace session

std::string snapshot::pack() const {
  std::string out;
  out.reserve(192);
  out += unreadable ? packed_unreadable : reroute ? packed_reroute : packed_version;
  for (const std::int64_t number : {static_cast<std::int64_t>(key), created, expires_at, absolute_at, idle}) {
    out += ' ';
    append_number(out, number);
  }
  out += ' ';
  out += crypto::base64url_encode(tag.view());
  out += ' ';
  append_number(out, static_cast<std::int64_t>(id.size()));
  out += ' ';
  out += id;
  out += ' ';
  append_number(out, static_cast<std::int64_t>(successor.size()));
  out += ' ';
  out += successor;
  out += ' ';
  append_number(out, static_cast<std::int64_t>(rivals.size()));
  for (const auto& one : rivals) {
    for (const std::size_t number : {one.key, one.id.size()}) {
      out += ' ';
      append_number(out, static_cast<std::int64_t>(number));
    }
    out += ' ';
    out += one.id;
  }
  out += ' ';
  append_number(out, from ? static_cast<std::int64_t>(from->source) + 1 : 0);
  if (from) {
    out += ' ';
    append_number(out, static_cast<std::int64_t>(from->key.size()));
    out += ' ';
    out += from->key;
  }
  out += ' ';
  append_extras(out, *this);
  return out;
}

result<snapshot> snapshot::unpack(std::string_view packed, std::string_view payload) {
  const auto malformed = [] { return error{errc::invalid_state, "the packed session snapshot is malformed"}; };
  field_reader fields(packed);
  const auto version = fields.text();
  snapshot out;
  out.unreadable = version == packed_unreadable;
  out.reroute = version == packed_reroute;
  if (version != packed_version && !out.unreadable && !out.reroute) return malformed();
  out.key = static_cast<std::size_t>(fields.number());
  out.created = fields.number();
  out.expires_at = fields.number();
  out.absolute_at = fields.number();
  out.idle = fields.number();
  const auto tag = crypto::base64url_decode(fields.text());
  const auto id_size = fields.number();
  if (!fields.ok() || !tag || tag->size() > etag::max_size) return malformed();
  out.tag = etag(*tag);
  out.id = fields.take(static_cast<std::size_t>(id_size));
  if (fields.take(1) != " ") return malformed();
  const auto successor_size = fields.number();
  out.successor = fields.take(static_cast<std::size_t>(successor_size));
  if (fields.take(1) != " ") return malformed();
  for (auto left = fields.number(); fields.ok() && left > 0; --left) {
    rival one;
    one.key = static_cast<std::size_t>(fields.number());
    one.id = fields.take(static_cast<std::size_t>(fields.number()));
    if (fields.take(1) != " ") return malformed();
    out.rivals.push_back(std::move(one));
  }
  if (const auto source = fields.number(); source > 0) {
    origin one;
    one.source = static_cast<std::size_t>(source) - 1;
    one.key = fields.take(static_cast<std::size_t>(fields.number()));
    if (fields.take(1) != " ") return malformed();
    out.from = std::move(one);
  }
  if (!fields.ok() || !read_extras(fields.rest(), out)) return malformed();
  out.payload = payload;
  return out;
}

}  // namespace coatcheck
