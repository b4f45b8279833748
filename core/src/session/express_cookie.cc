// express-session's Cookie#toJSON, and back: see session/express_cookie.hpp.
#include "session/express_cookie.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace coatcheck::session {
namespace {

using nlohmann::json;

// Date.prototype.toISOString
std::string iso_time(epoch_ms at) {
  namespace chrono = std::chrono;
  const chrono::sys_time<chrono::milliseconds> when{chrono::milliseconds(at)};
  const auto midnight = chrono::floor<chrono::days>(when);
  const chrono::year_month_day date(midnight);
  const chrono::hh_mm_ss time(when - midnight);
  char text[40];
  const int size =
      std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                    static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                    static_cast<int>(time.seconds().count()), static_cast<int>(time.subseconds().count()));
  return {text, static_cast<std::size_t>(size)};
}

std::string quoted_text(std::string_view text) {
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string_view word_of(cookie_priority priority) noexcept {
  switch (priority) {
    case cookie_priority::low:
      return "low";
    case cookie_priority::medium:
      return "medium";
    case cookie_priority::high:
      return "high";
    case cookie_priority::unset:
      break;
  }
  return {};
}

std::string_view word_of(same_site site) noexcept {
  switch (site) {
    case same_site::lax:
      return "lax";
    case same_site::strict:
      return "strict";
    case same_site::none:
      return "none";
    case same_site::unset:
      break;
  }
  return {};
}

same_site site_of(same_site_mode mode, bool secure) noexcept {
  switch (mode) {
    case same_site_mode::lax:
      return same_site::lax;
    case same_site_mode::strict:
      return same_site::strict;
    case same_site_mode::none:
      return same_site::none;
    case same_site_mode::unset:
      return same_site::unset;
    case same_site_mode::automatic:
      return secure ? same_site::none : same_site::lax;
  }
  return same_site::unset;
}

}  // namespace

std::string print_express_cookie(const cookie_options& options, const cookie_settings& settings, epoch_ms expires_at,
                                 epoch_ms now, bool secure) {
  std::string out = "{\"originalMaxAge\":";
  const auto member = [&out](std::string_view name, std::string_view value) {
    out.append(",\"").append(name).append("\":").append(value);
  };
  const auto age = settings.max_age ? *settings.max_age : options.max_age;
  if (settings.expires) {
    out += std::to_string(*settings.expires - now);
  } else {
    out += age ? std::to_string(*age) : "null";
  }
  if (settings.partitioned.value_or(options.partitioned)) member("partitioned", "true");
  if (const auto word = word_of(settings.priority.value_or(options.priority)); !word.empty()) {
    member("priority", quoted_text(word));
  }
  member("expires", settings.expires ? quoted_text(iso_time(*settings.expires))
                    : age            ? quoted_text(iso_time(expires_at))
                                     : "null");
  const bool is_secure = settings.secure.value_or(
      options.secure == secure_mode::automatic ? secure : options.secure == secure_mode::always);
  member("secure", is_secure ? "true" : "false");
  member("httpOnly", settings.http_only.value_or(options.http_only) ? "true" : "false");
  const std::string& domain = settings.domain ? *settings.domain : options.domain;
  if (!domain.empty()) member("domain", quoted_text(domain));
  member("path", quoted_text(settings.path ? *settings.path : options.path));
  const auto word = word_of(settings.same_site ? *settings.same_site : site_of(options.same_site, is_secure));
  if (!word.empty()) member("sameSite", quoted_text(word));
  return out += '}';
}

std::optional<std::string> read_express_cookie(const cookie_options& options, std::string_view text) {
  const json cookie = json::parse(text, nullptr, false);
  if (!cookie.is_object()) return std::nullopt;
  // Of a wrong type: as if it were not there, as express-session would print it.
  const auto flag = [&cookie](const char* name, bool absent) {
    const auto found = cookie.find(name);
    return found != cookie.end() && found->is_boolean() ? found->get<bool>() : absent;
  };
  const auto word = [&cookie](const char* name) {
    const auto found = cookie.find(name);
    return found != cookie.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  json out = json::object();
  const auto age = cookie.find("originalMaxAge");
  if (age != cookie.end() && age->is_number()) {
    const double number = std::clamp(age->get<double>(), 0.0, static_cast<double>(latest_time));
    const auto whole = static_cast<duration_ms>(number);
    if (options.max_age != whole) out["maxAge"] = whole;
  } else if (options.max_age) {
    out["maxAge"] = nullptr;
  }
  const bool secure = flag("secure", false);
  if (options.secure == secure_mode::automatic || secure != (options.secure == secure_mode::always)) {
    out["secure"] = secure;
  }
  if (const bool only = flag("httpOnly", true); only != options.http_only) out["httpOnly"] = only;
  if (const bool parted = flag("partitioned", false); parted != options.partitioned) out["partitioned"] = parted;
  if (const auto path = word("path"); path != options.path && !path.empty()) out["path"] = path;
  if (const auto domain = word("domain"); domain != options.domain) out["domain"] = domain;
  const auto priority = word("priority");
  const bool known = priority == "low" || priority == "medium" || priority == "high";
  if (known && priority != word_of(options.priority)) out["priority"] = priority;
  std::string site = word("sameSite");
  if (flag("sameSite", false)) site = "strict";
  if (site != "lax" && site != "strict" && site != "none") site.clear();
  if (site != word_of(site_of(options.same_site, secure))) {
    if (site.empty()) {
      out["sameSite"] = false;
    } else {
      out["sameSite"] = site;
    }
  }
  return out.empty() ? std::string() : out.dump();
}

}  // namespace coatcheck::session
