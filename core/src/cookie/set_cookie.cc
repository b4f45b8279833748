// Set-Cookie, written to the byte as npm's cookie 0.7.2 does, and refused where a browser would not keep it.
#include <algorithm>
#include <chrono>

#include "coatcheck/cookie.hpp"

#include "cookie/percent.hpp"

namespace coatcheck {
namespace {

constexpr std::size_t max_attribute = 1024;  // longer ones are ignored by browsers (RFC 6265bis, 5.6)
constexpr std::int64_t max_age_seconds = max_cookie_age / 1000;
// Years 1601 to 9999: what the date of an Expires attribute can say (RFC 6265bis, 5.1.1).
constexpr epoch_ms first_expires = -11'644'473'600'000;
constexpr epoch_ms end_of_expires = 253'402'300'800'000;

bool has_date(epoch_ms at) noexcept { return at >= first_expires && at < end_of_expires; }

bool is_alphanumeric(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// RFC 9110, 5.6.2
bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alphanumeric(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

// Labels of letters, digits and inner hyphens (RFC 1034, 3.5; RFC 1123, 2.1), with one leading dot allowed.
bool is_domain(std::string_view text) noexcept {
  if (text.starts_with('.')) text.remove_prefix(1);
  for (;;) {
    const std::size_t dot = text.find('.');
    const std::string_view label = text.substr(0, dot);
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    if (!std::all_of(label.begin(), label.end(), [](char c) { return is_alphanumeric(c) || c == '-'; })) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

// Printable ASCII without `;`. npm's cookie leaves out `<` too.
bool is_path(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7E && c != ';' && c != '<'; });
}

// Browsers look at prefixes without regard to case (RFC 6265bis, 5.7). `prefix` is in lower case.
bool has_prefix(std::string_view name, std::string_view prefix) noexcept {
  return name.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), name.begin(), [](char p, char n) {
           return p == (n >= 'A' && n <= 'Z' ? static_cast<char>(n + ('a' - 'A')) : n);
         });
}

result<void> refuse(std::string message) { return {errc::invalid_cookie, std::move(message)}; }

result<void> check_prefix(const set_cookie& cookie) {
  const bool host = has_prefix(cookie.name, "__host-");
  const bool http = has_prefix(cookie.name, "__http-") || has_prefix(cookie.name, "__host-http-");
  if ((host || http || has_prefix(cookie.name, "__secure-")) && !cookie.secure) {
    return refuse("a cookie name that begins with __Secure-, __Host- or __Http- needs the attribute Secure");
  }
  if (http && !cookie.http_only) {
    return refuse("a cookie name that begins with __Http- or __Host-Http- needs the attribute HttpOnly");
  }
  if (host && (cookie.path != "/" || !cookie.domain.empty())) {
    return refuse("a cookie name that begins with __Host- needs the path \"/\" and no domain");
  }
  return {};
}

void put_digits(char* to, unsigned value, int digits) noexcept {
  for (; digits > 0; value /= 10) to[--digits] = static_cast<char>('0' + value % 10);
}

// IMF-fixdate (RFC 9110, 5.6.7), as JavaScript's toUTCString. Written by hand, for printf was half of serialise.
void append_date(std::string& out, epoch_ms at) {
  using namespace std::chrono;
  constexpr std::string_view days = "SunMonTueWedThuFriSat";
  constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const sys_seconds second = floor<seconds>(sys_time<milliseconds>(milliseconds(at)));
  const sys_days day = floor<std::chrono::days>(second);
  const year_month_day date(day);
  const hh_mm_ss time(second - day);
  char text[] = "ddd, DD mmm YYYY HH:MM:SS GMT";
  days.copy(text, 3, weekday(day).c_encoding() * 3);
  put_digits(text + 5, static_cast<unsigned>(date.day()), 2);
  months.copy(text + 8, 3, (static_cast<unsigned>(date.month()) - 1) * 3);
  put_digits(text + 12, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  put_digits(text + 17, static_cast<unsigned>(time.hours().count()), 2);
  put_digits(text + 20, static_cast<unsigned>(time.minutes().count()), 2);
  put_digits(text + 23, static_cast<unsigned>(time.seconds().count()), 2);
  out.append(text, sizeof text - 1);
}

// npm's cookies: fieldContentRegExp, and what ends a name or a value.
bool is_field_content(std::string_view text, std::string_view but) noexcept {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte == '\t' || (byte >= 0x20 && byte != 0x7F)) && but.find(c) == std::string_view::npos;
  });
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return out;
}

std::string_view text_of(cookie_priority priority) noexcept {
  switch (priority) {
    case cookie_priority::unset:
      return {};
    case cookie_priority::low:
      return "; Priority=Low";
    case cookie_priority::medium:
      return "; Priority=Medium";
    case cookie_priority::high:
      return "; Priority=High";
  }
  return {};
}

std::string_view text_of(same_site mode) noexcept {
  switch (mode) {
    case same_site::unset:
      return {};
    case same_site::lax:
      return "; SameSite=Lax";
    case same_site::strict:
      return "; SameSite=Strict";
    case same_site::none:
      return "; SameSite=None";
  }
  return {};
}

// `size`: of the name and the encoded value.
std::string print(const set_cookie& cookie, std::size_t size) {
  std::string out;
  out.reserve(size + cookie.domain.size() + cookie.path.size() + 192);  // all the attributes' fixed text
  out.append(cookie.name).append(1, '=');
  percent_encode_append(cookie.value, out);
  if (cookie.max_age) out.append("; Max-Age=").append(std::to_string(*cookie.max_age));
  if (!cookie.domain.empty()) out.append("; Domain=").append(cookie.domain);
  if (!cookie.path.empty()) out.append("; Path=").append(cookie.path);
  if (cookie.expires) {
    out.append("; Expires=");
    append_date(out, *cookie.expires);
  }
  if (cookie.http_only) out.append("; HttpOnly");
  if (cookie.secure) out.append("; Secure");
  if (cookie.partitioned) out.append("; Partitioned");
  out.append(text_of(cookie.priority)).append(text_of(cookie.same_site));
  return out;
}

}  // namespace

std::string http_date(epoch_ms at) {
  std::string out;
  append_date(out, at);
  return out;
}

result<void> check_cookie_attributes(const set_cookie& cookie) {
  if (!is_token(cookie.name)) {
    return refuse("a cookie's name must be one or more of A-Z a-z 0-9 ! # $ % & ' * + - . ^ _ ` | ~");
  }
  if (cookie.name.size() > max_cookie_size) return refuse("a cookie's name must leave room within 4096 bytes");
  if (!cookie.domain.empty() && (cookie.domain.size() > max_attribute || !is_domain(cookie.domain))) {
    return refuse("a cookie's domain must be a host name: labels of letters, digits and hyphens, joined by dots");
  }
  if (cookie.path.size() > max_attribute || !is_path(cookie.path)) {
    return refuse("a cookie's path must be printable ASCII without ; and <, and at most 1024 bytes long");
  }
  if (cookie.expires && !has_date(*cookie.expires)) {
    return refuse("a cookie's expires must lie in the years 1601 to 9999");
  }
  if (cookie.same_site == same_site::none && !cookie.secure) {
    return refuse("a cookie with SameSite=None needs the attribute Secure: browsers drop it otherwise");
  }
  if (cookie.partitioned && !cookie.secure) {
    return refuse("a cookie with Partitioned needs the attribute Secure: browsers drop it otherwise");
  }
  return check_prefix(cookie);
}

result<std::string> serialise(const set_cookie& cookie) {
  if (auto valid = check_cookie_attributes(cookie); !valid) return valid.error();
  const std::size_t size = cookie.name.size() + percent_encoded_size(cookie.value);
  if (size > max_cookie_size) {
    return {errc::invalid_cookie, "a cookie's name and encoded value are " + std::to_string(size) +
                                      " bytes together: browsers keep no more than 4096"};
  }
  set_cookie kept = cookie;
  // No less than 0 (RFC 6265bis, 4.1.1: digits alone), no more than browsers keep.
  if (kept.max_age) kept.max_age = std::clamp<std::int64_t>(*kept.max_age, 0, max_age_seconds);
  return print(kept, size);
}

result<std::string> serialise_as_npm(const set_cookie& cookie) {
  const auto invalid = [](const char* what) {
    return error{errc::invalid_cookie, std::string(what).append(" is invalid")};
  };
  if (!is_token(cookie.name)) return invalid("argument name");
  if (!cookie.domain.empty() && !is_domain(cookie.domain)) return invalid("option domain");
  if (!is_path(cookie.path)) return invalid("option path");
  if (cookie.expires && !has_date(*cookie.expires)) return invalid("option expires");
  return print(cookie, cookie.name.size() + percent_encoded_size(cookie.value));
}

result<std::string> serialise_as_cookies(const set_cookie& cookie) {
  const auto invalid = [](const char* what) {
    return error{errc::invalid_cookie, std::string(what).append(" is invalid")};
  };
  if (cookie.name.empty() || !is_field_content(cookie.name, ";=")) return invalid("argument name");
  if (!is_field_content(cookie.value, ";")) return invalid("argument value");
  if (!is_field_content(cookie.path, ";")) return invalid("option path");
  if (!is_field_content(cookie.domain, ";")) return invalid("option domain");
  if (cookie.expires && !has_date(*cookie.expires)) return invalid("option expires");
  std::string out(cookie.name);
  out.append(1, '=').append(cookie.value);
  if (!cookie.path.empty()) out.append("; path=").append(cookie.path);
  if (cookie.expires) {
    out.append("; expires=");
    append_date(out, *cookie.expires);
  }
  if (!cookie.domain.empty()) out.append("; domain=").append(cookie.domain);
  out.append(lower(text_of(cookie.priority))).append(lower(text_of(cookie.same_site)));
  if (cookie.secure) out.append("; secure");
  if (cookie.http_only) out.append("; httponly");
  if (cookie.partitioned) out.append("; partitioned");
  return out;
}

result<std::string> serialise_as_starlette(const set_cookie& cookie) {
  set_cookie checked = cookie;
  checked.secure = true;
  if (auto valid = check_cookie_attributes(checked); !valid) return valid.error();
  if (!is_field_content(cookie.value, ";\" ,")) return error{errc::invalid_cookie, "a cookie's value is not one"};
  std::string out(cookie.name);
  out.append(1, '=').append(cookie.value).append("; path=").append(cookie.path);
  if (cookie.max_age) out.append("; Max-Age=").append(std::to_string(*cookie.max_age));
  if (cookie.expires) {
    out.append("; expires=");
    append_date(out, *cookie.expires);
  }
  if (cookie.http_only) out.append("; httponly");
  out.append(lower(text_of(cookie.same_site)));
  if (cookie.secure) out.append("; secure");
  if (!cookie.domain.empty()) out.append("; domain=").append(cookie.domain);
  if (cookie.partitioned) out.append("; partitioned");
  return out;
}

}  // namespace coatcheck
