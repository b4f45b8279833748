// The list of foreign formats: see coatcheck/foreign.hpp.
//
// Sources: Flask-Session 0.8.0 (base.py), connect-redis 9 with express-session 1.19, starsessions 2.2 (session.py).
#include "coatcheck/foreign.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "peers/express_record.hpp"
#include "peers/msgpack.hpp"

namespace coatcheck {
namespace {

using json = nlohmann::ordered_json;

constexpr duration_ms day = 24LL * 3'600'000;

enum class kind { cookie, flask_session, express_session, starsessions };
struct format_facts {
  std::string_view name;
  kind what;
  std::string_view cookie_name;
  peer_cookie_format cookie;  // of kind cookie
  duration_ms max_age;
};
constexpr std::array<format_facts, 6> formats{{
    {"flask", kind::cookie, "session", peer_cookie_format::flask, 31 * day},
    {"starlette", kind::cookie, "session", peer_cookie_format::starlette, 14 * day},
    {"django", kind::cookie, "sessionid", peer_cookie_format::django, 14 * day},
    {"flask-session", kind::flask_session, "session", {}, 0},
    {"express-session", kind::express_session, "connect.sid", {}, 0},
    {"starsessions", kind::starsessions, "session", {}, 0},
}};

// What a key of a record may be: ids of these packages are of base64url or hexadecimal digits.
bool is_id(std::string_view text) noexcept {
  constexpr std::size_t shortest = 16;
  constexpr std::size_t longest = 128;
  return text.size() >= shortest && text.size() <= longest && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

error damaged() { return {errc::record_damaged, "the record of another package is none of its format"}; }

result<json> read_json(std::string_view bytes) {
  json read = json::parse(bytes, nullptr, false);
  if (!read.is_object()) return damaged();
  return read;
}

}  // namespace

std::span<const std::string_view> foreign_formats() noexcept {
  static constexpr auto names = [] {
    std::array<std::string_view, formats.size()> all{};
    for (std::size_t at = 0; at < all.size(); ++at) all[at] = formats[at].name;
    return all;
  }();
  return names;
}

result<foreign_reader> foreign_reader::create(foreign_source source) {
  foreign_reader made;
  const auto found =
      std::find_if(formats.begin(), formats.end(), [&](const auto& one) { return one.name == source.format; });
  if (found == formats.end()) {
    std::string all;
    for (const auto name : foreign_formats()) all.append(all.empty() ? "\"" : ", \"").append(name).append("\"");
    return error{errc::invalid_option, "migrate_from: format must be one of " + all};
  }
  made.format_ = static_cast<std::size_t>(found - formats.begin());
  const bool in_cookie = found->what == kind::cookie;
  if (in_cookie == (source.where != nullptr)) {
    return error{errc::invalid_option, "migrate_from: \"" + source.format +
                                           (in_cookie ? "\" is in its cookie: it has no url" : "\" needs a url")};
  }
  const bool is_signed = in_cookie || found->what == kind::express_session;
  if (is_signed && source.secrets.empty()) {
    return error{errc::invalid_option, "migrate_from: \"" + source.format + "\" needs the secrets of its cookies"};
  }
  if (in_cookie) {
    auto codec = peer_cookie::create(found->cookie, source.secrets);
    if (!codec) return codec.error();
    made.cookie_ = *std::move(codec);
  } else if (found->what == kind::express_session) {
    auto keys = key_ring::from_secrets(source.secrets, "migrate_from: secrets");
    if (!keys) return keys.error();
    made.keys_ = *std::move(keys);
  } else if (found->what == kind::flask_session && !source.secrets.empty()) {
    auto signer = itsdangerous_signer::create(source.secrets, {"flask-session", ".", key_derivation::hmac, {}});
    if (!signer) return signer.error();
    made.signer_ = *std::move(signer);
  }
  if (source.cookie_name.empty()) source.cookie_name = found->cookie_name;
  if (!source.max_age) source.max_age = found->max_age;
  made.source_ = std::move(source);
  return made;
}

result<std::string> foreign_reader::read_cookie(std::string_view value, epoch_ms now, std::size_t most) const {
  if (!cookie_) return error{errc::invalid_state, "this format has records"};
  auto read = cookie_->decode(value, now, source_.max_age, most);
  if (!read) return read.error();
  return std::move(read->payload);
}

std::optional<std::string> foreign_reader::record_key(std::string_view value, epoch_ms now) const {
  std::string_view id = value;
  switch (formats[format_].what) {
    case kind::cookie:
      return std::nullopt;
    case kind::flask_session:
      // An id that was signed has a dot, which no id has.
      if (value.find('.') != std::string_view::npos) {
        const auto unsigned_id = signer_ ? signer_->unsign(value) : std::nullopt;
        if (!unsigned_id) return std::nullopt;
        id = *unsigned_id;
      }
      break;
    case kind::express_session: {
      const auto verified = keys_->unsign_express(value, now);
      if (!verified) return std::nullopt;
      return is_id(verified->value) ? std::optional(std::string(verified->value)) : std::nullopt;
    }
    case kind::starsessions:
      break;
  }
  return is_id(id) ? std::optional(std::string(id)) : std::nullopt;
}

result<std::string> foreign_reader::read_record(std::string_view bytes, std::size_t most) const {
  if (bytes.size() > most) return damaged();
  result<json> read = damaged();
  if (formats[format_].what == kind::flask_session && !bytes.starts_with('{')) {
    auto text = peers::msgpack_to_json(bytes);
    if (!text) return damaged();
    return *std::move(text);
  }
  if (formats[format_].what == kind::express_session) {
    auto record = peers::read_express_record(bytes);
    if (!record) return damaged();
    return std::move(record->payload);
  }
  read = read_json(bytes);
  if (!read) return read.error();
  if (formats[format_].what == kind::starsessions) read->erase("__metadata__");
  return read->dump();
}

}  // namespace coatcheck
