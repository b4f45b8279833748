// Names, attributes and dates of the session cookie.
#include "session/cookie_policy.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>
#include <utility>

namespace coatcheck::session {
namespace {

using nlohmann::json;

constexpr std::string_view default_name = "session";

bool starts_with_nocase(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), text.begin(), [](char a, char b) {
           return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
         });
}

// Every name prefix that browsers know demands Secure (RFC 6265bis, 4.1.3).
bool name_demands_secure(std::string_view name) {
  constexpr std::array<std::string_view, 3> prefixes = {"__Secure-", "__Host-", "__Http-"};
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return starts_with_nocase(name, prefix); });
}

// Of 0 or more, at most what a record holds.
std::int64_t milliseconds(double value) noexcept {
  return value < static_cast<double>(latest_time) ? static_cast<std::int64_t>(value) : latest_time;
}

error wrong_type(const char* name, const char* wanted) {
  return {errc::invalid_cookie, std::string("the session's cookie setting '") + name + "' must be " + wanted};
}

}  // namespace

result<cookie_settings> cookie_settings::parse(std::string_view text) {
  cookie_settings out;
  if (text.empty()) return out;
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object()) return error{errc::invalid_cookie, "the session's cookie settings must be a JSON object"};
  for (const auto& [name, value] : object.items()) {
    if (name == "maxAge") {
      if (value.is_null()) {
        out.max_age.emplace(std::nullopt);
      } else if (value.is_number() && value.get<double>() >= 0) {
        out.max_age.emplace(milliseconds(value.get<double>()));
      } else {
        return wrong_type("maxAge", "null or milliseconds of 0 or more");
      }
    } else if (name == "expires") {
      if (!value.is_number() || value.get<double>() < 0) return wrong_type("expires", "milliseconds since the epoch");
      out.expires = milliseconds(value.get<double>());
    } else if (name == "domain" || name == "path") {
      if (!value.is_string()) return wrong_type(name.c_str(), "a string");
      (name == "domain" ? out.domain : out.path) = value.get<std::string>();
    } else if (name == "httpOnly" || name == "secure" || name == "partitioned") {
      if (!value.is_boolean()) return wrong_type(name.c_str(), "true or false");
      (name == "httpOnly" ? out.http_only : name == "secure" ? out.secure : out.partitioned) = value.get<bool>();
    } else if (name == "sameSite") {
      if (value == false) {
        out.same_site = same_site::unset;
      } else if (value == "lax") {
        out.same_site = same_site::lax;
      } else if (value == "strict" || value == true) {
        out.same_site = same_site::strict;
      } else if (value == "none") {
        out.same_site = same_site::none;
      } else {
        return wrong_type("sameSite", "\"lax\", \"strict\", \"none\" or false");
      }
    } else if (name == "priority") {
      if (value == "low") {
        out.priority = cookie_priority::low;
      } else if (value == "medium") {
        out.priority = cookie_priority::medium;
      } else if (value == "high") {
        out.priority = cookie_priority::high;
      } else {
        return wrong_type("priority", "\"low\", \"medium\" or \"high\"");
      }
    }
  }
  if (!object.empty()) out.text = object.dump(-1, ' ', false, json::error_handler_t::replace);
  return out;
}

result<cookie_policy> cookie_policy::create(cookie_options options) {
  if (options.max_age && *options.max_age < 0) {
    return error{errc::invalid_option, "cookie max_age must be milliseconds of 0 or more"};
  }
  cookie_policy out;
  if (options.name.empty()) {
    const bool host_prefix = options.domain.empty() && options.path == "/";
    const std::string prefixed = std::string(host_prefix ? "__Host-" : "__Secure-").append(default_name);
    out.plain_name_ = options.secure == secure_mode::always ? prefixed : default_name;
    out.secure_name_ = options.secure == secure_mode::never ? std::string(default_name) : prefixed;
  } else {
    out.plain_name_ = out.secure_name_ = options.name;
    if (options.secure == secure_mode::automatic && name_demands_secure(options.name)) {
      options.secure = secure_mode::always;
    }
  }
  out.options_ = std::move(options);
  for (const bool secure_request : {true, false}) {
    auto [cookie, withheld] = out.resolve({}, secure_request);
    if (withheld) continue;
    // With same_site none on a request without TLS there is nothing that a browser would take.
    if (auto checked = check_cookie_attributes(cookie); !checked) return checked.error();
  }
  return out;
}

cookie_policy::resolved cookie_policy::resolve(const cookie_settings& settings, bool secure_request) const {
  resolved out;
  set_cookie& cookie = out.cookie;
  cookie.name = name(secure_request);
  cookie.domain = settings.domain ? *settings.domain : std::string_view(options_.domain);
  cookie.path = settings.path ? *settings.path : std::string_view(options_.path);
  cookie.http_only = settings.http_only.value_or(options_.http_only);
  cookie.partitioned = settings.partitioned.value_or(options_.partitioned);
  cookie.priority = settings.priority.value_or(options_.priority);
  const bool always = settings.secure ? *settings.secure : options_.secure == secure_mode::always;
  const bool automatic = !settings.secure && options_.secure == secure_mode::automatic;
  cookie.secure = always || (automatic && secure_request) || name_demands_secure(cookie.name);
  out.withheld = cookie.secure && !secure_request;
  if (settings.same_site) {
    cookie.same_site = *settings.same_site;
  } else {
    switch (options_.same_site) {
      case same_site_mode::lax:
        cookie.same_site = same_site::lax;
        break;
      case same_site_mode::strict:
        cookie.same_site = same_site::strict;
        break;
      case same_site_mode::none:
        cookie.same_site = same_site::none;
        break;
      case same_site_mode::unset:
        cookie.same_site = same_site::unset;
        break;
      case same_site_mode::automatic:
        cookie.same_site = secure_request && cookie.secure ? same_site::none : same_site::lax;
        break;
    }
  }
  // Browsers refuse both without Secure. Where Secure is automatic, a request without TLS gets what it can have.
  if (!cookie.secure && automatic) {
    cookie.partitioned = false;
    if (cookie.same_site == same_site::none) cookie.same_site = same_site::lax;
  }
  return out;
}

duration_ms cookie_policy::idle(const cookie_settings& settings, const session_policy& policy) const noexcept {
  const auto age = settings.max_age ? *settings.max_age : options_.max_age;
  return std::min(age.value_or(policy.idle_timeout.value_or(0)), latest_time);
}

bool cookie_policy::persistent(const cookie_settings& settings) const noexcept {
  return settings.expires || (settings.max_age ? settings.max_age->has_value() : options_.max_age.has_value());
}

result<cookie_policy::written> cookie_policy::write(std::string_view value, const cookie_settings& settings,
                                                    epoch_ms expires_at, epoch_ms now, bool secure_request) const {
  auto [cookie, withheld] = resolve(settings, secure_request);
  if (withheld) return written{{}, true};
  cookie.value = value;
  const bool seconds = options_.style == cookie_style::starlette;
  if (persistent(settings) && !seconds) cookie.expires = expires_at;
  if (persistent(settings) && seconds) cookie.max_age = (expires_at - now) / 1000;
  auto header = print(cookie);
  if (!header) return header.error();
  return written{*std::move(header), false};
}

result<std::string> cookie_policy::print(const set_cookie& cookie) const {
  if (options_.style == cookie_style::standard) return serialise(cookie);
  if (auto checked = check_cookie_attributes(cookie); !checked) return checked.error();
  const std::string value = percent_encode(cookie.value);
  set_cookie encoded = cookie;
  encoded.value = value;
  return serialise_as_starlette(encoded);
}

std::string cookie_policy::clear(const cookie_settings& settings, bool secure_request) const {
  auto [cookie, withheld] = resolve(settings, secure_request);
  if (withheld) return {};  // the browser would refuse it, as it refused the cookie
  cookie.expires = 0;
  auto header = print(cookie);
  return header ? *std::move(header) : std::string();
}

std::string cookie_policy::clear_named(std::string_view name, bool secure_request) const {
  set_cookie cookie = resolve({}, secure_request).cookie;
  cookie.name = name;
  cookie.expires = 0;
  auto header = print(cookie);
  return header ? *std::move(header) : std::string();
}

std::vector<std::string> cookie_policy::clear_others(const cookie_settings& settings, bool secure_request) const {
  std::vector<std::string> out;
  const resolved here = resolve(settings, secure_request);
  if (here.withheld) return out;
  const set_cookie& own = here.cookie;
  const auto add = [&](std::string_view domain, std::string_view path) {
    if (domain == own.domain && path == own.path) return;
    set_cookie other = own;
    other.domain = domain;
    other.path = path;
    other.expires = 0;
    auto header = print(other);  // __Host- has one form alone
    if (header && std::find(out.begin(), out.end(), *header) == out.end()) out.push_back(*std::move(header));
  };
  for (const std::string_view path : {own.path, std::string_view(options_.path)}) {
    for (const std::string_view domain : {own.domain, std::string_view(options_.domain), std::string_view()}) {
      add(domain, path);
    }
  }
  return out;
}

}  // namespace coatcheck::session
